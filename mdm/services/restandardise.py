"""A new reading of what is stored: with new words, or after an upgrade, records are standardised anew, a batch at a
time, and looked at again.

What is linked stays linked; where the new words doubt a link, or see two golden records as one, the resolver asks a
steward. A record names the version of the words that it was read with: a run that was cut short goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from mdm import candidates as pool
from mdm.bulk import update
from mdm.engine import Engine, count_frequencies, engine_for
from mdm.lineage import Lineage
from mdm.locks import lock_name
from mdm.models import DomainName, SourceRecord
from mdm.services import ingest, unit_words

BATCH = 500
State = SourceRecord.State


def run(*, seconds: float | None = None) -> dict[str, int]:
    """Read new words into every domain; how many records were read anew. ``seconds``: how long at most.

    What systems call units is read first: it may change what records say.
    """
    until = None if seconds is None else time.monotonic() + seconds
    while (until is None or time.monotonic() < until) and unit_words.step():
        pass
    done = dict.fromkeys(DomainName.values, 0)
    for domain in done:
        while (until is None or time.monotonic() < until) and (count := step(domain)):
            done[domain] += count
        if done[domain] and not _unread(engine_for(domain)).exists():
            count_frequencies(domain, force=True)  # the new meanings are words that records have now
    return done


@transaction.atomic
def step(domain: str) -> int:
    """Read new words into one batch of records; how many. The last batch has the doubtful records decided anew."""
    engine = engine_for(domain)
    old = _unread(engine)
    if not old.exists():
        return 0
    lock_name("restandardising", domain)
    # who holds one of them is landing or deciding it right now; the next batch finds it again
    rows = old.select_for_update(skip_locked=True, of=("self",)).select_related("code_system")
    batch = list(rows.order_by("pk")[:BATCH])
    _read_anew(engine, batch)
    if batch and not old.exists():
        _look_again(domain)
    return len(batch)


def _unread(engine: Engine) -> QuerySet[SourceRecord]:
    """Records that were standardised with older words."""
    return SourceRecord.objects.filter(domain=engine.domain, dictionaries__lt=engine.dictionaries)


def _read_anew(engine: Engine, batch: Sequence[SourceRecord]) -> None:
    keys = pool.keys([record.pk for record in batch])
    trees = {system: Lineage(system) for system in {record.code_system for record in batch}}
    changed = []
    for record in batch:
        said = trees[record.code_system].enrich(record.code, ingest.independent(record))
        standardised = engine.standardise(said)
        if standardised != record.standardised or engine.keys(standardised) != sorted(keys[record.pk]):
            changed.append(record)
            if record.state in (State.LINKED, State.REVIEW):
                record.state = State.PENDING
        record.standardised, record.dictionaries = standardised, engine.dictionaries
    update(batch)
    ingest.write_keys(engine, changed, replaced=[record.pk for record in changed])


def _look_again(domain: str) -> None:
    """Doubtful records are decided anew: their candidates may read differently now."""
    doubtful = SourceRecord.objects.filter(domain=domain, state=State.REVIEW)
    free = list(doubtful.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    SourceRecord.objects.filter(pk__in=free).update(state=State.PENDING)


def waiting() -> dict[str, int]:
    """Records that are still to be read with the words in force, by domain."""
    return {domain: _unread(engine_for(domain)).count() for domain in DomainName.values}
