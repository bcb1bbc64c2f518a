"""Landing: what systems say becomes source records, before anything is decided about them.

Landing commits first, in chunks; ``mdm.services.resolve`` then takes what is pending. A feed that repeats what is
known already writes nothing but its own ``Ingest`` row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import orjson
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from mdm import arrays, forks, permissions
from mdm.bulk import batched, give_ids, insert, maker, update
from mdm.changes import Change
from mdm.engine import Engine, engine_for
from mdm.lineage import Lineage
from mdm.locks import share_name
from mdm.models import CodeSystem, Delivered, Ingest, SourceRecord, SourceRevision, User
from mdm.survivorship import comparable
from mdm.values import has_units, units_anew

CHUNK, LARGE_CHUNK = 1_000, 5_000
MANY = 20_000  # rows from which on several processes land them
STEWARD = "steward"  # the channel of what people enter
State = SourceRecord.State


@dataclass(frozen=True, slots=True)
class Row:
    """One record as a system sent it. ``values`` are canonical (mdm.values), ``raw`` is what was received.

    ``written``: its units as the system writes them, ``units``: the system's words that they were read by; None where
    nothing was to be read.
    """

    number: int
    code: str
    values: Mapping[str, Any]
    raw: Mapping[str, Any]
    uom: str = ""
    updated_at: dt.datetime | None = None
    invalid: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] | None = None


@dataclass(slots=True)
class LandCounts:
    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def add(self, other: LandCounts) -> None:
        self.new += other.new
        self.changed += other.changed
        self.unchanged += other.unchanged


def content_hash(values: Mapping[str, Any], uom: str) -> bytes:
    return hashlib.blake2b(orjson.dumps([values, uom], option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def begin(*, code_system: CodeSystem, channel: str, actor: User) -> Ingest:
    permissions.require(actor, permissions.SUBMIT if channel == "api" else permissions.IMPORT)
    return Ingest.objects.create(code_system=code_system, channel=channel, actor=actor)


def land_many(*, ingest: Ingest, rows: Iterable[Row], expected: int) -> LandCounts:
    """``land`` for a great many rows, by several processes. ``expected``: about how many there are."""
    workers = 1 if Lineage(ingest.code_system).is_tree else forks.workers(expected, MANY)
    total = LandCounts()
    for counts in forks.spread(partial(_land_some, ingest.pk), batched(rows, LARGE_CHUNK), workers=workers):
        total.add(counts)
    ingest.refresh_from_db()
    return total


def _land_some(ingest: int, rows: Sequence[Row]) -> LandCounts:
    return land(ingest=Ingest.objects.get(pk=ingest), rows=rows, chunk=LARGE_CHUNK)


def land(*, ingest: Ingest, rows: Iterable[Row], chunk: int = CHUNK) -> LandCounts:
    """Store what the rows say, so many to a transaction. Codes must be unique within ``rows``."""
    lineage = Lineage(ingest.code_system)
    if lineage.is_tree:  # a parent may come later in the feed than its children
        rows = list(rows)
        lineage.add(rows)
    total = LandCounts()
    for some in batched(rows, chunk):
        counts = _land_chunk(ingest, lineage, some)
        Ingest.objects.filter(pk=ingest.pk).update(
            received=F("received") + len(some),
            new=F("new") + counts.new,
            changed=F("changed") + counts.changed,
            unchanged=F("unchanged") + counts.unchanged,
        )
        total.add(counts)
    ingest.refresh_from_db()
    return total


@transaction.atomic
def _land_chunk(ingest: Ingest, lineage: Lineage, rows: Sequence[Row]) -> LandCounts:
    engine = engine_for(ingest.code_system.domain)  # each time: a feed may take longer than the rules stay the same
    share_name("mapping", ingest.code_system.slug)  # who maps a code or a unit of this system waits for us, or we do
    rows = _with_words_in_force(ingest.code_system, rows)
    known, written = _known(ingest.code_system, [row.code for row in rows])
    now = timezone.now()
    fresh, changed, respelt = [], [], []
    for row in rows:
        record = known.get(row.code)
        digest = content_hash(row.values, row.uom)
        if record is None:
            fresh.append(_record(ingest, engine, lineage, row, digest, now))
        elif bytes(record.content_hash) != digest or record.state == State.RETIRED:
            changed.append((record, row, digest))
        elif record.written != row.written:
            record.written = dict(row.written)
            respelt.append(record)
    SourceRecord.objects.bulk_update(respelt, ["written"])
    give_ids(fresh)
    insert(fresh)
    _update(ingest, engine, lineage, changed, now)
    write_keys(engine, [*fresh, *(record for record, _, _ in changed)], replaced=[r.pk for r, _, _ in changed])
    if fresh or changed:
        change = Change.begin(ingest.actor, "ingest.land")
        counts = {"new": len(fresh), "changed": len(changed)}
        change.audit(about=ingest, after=counts | ({"written": written} if written else {}))
    return LandCounts(len(fresh), len(changed), len(rows) - len(fresh) - len(changed))


def _with_words_in_force(code_system: CodeSystem, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows, those read anew whose system calls units otherwise since they were read."""
    if not has_units(code_system.domain):
        return rows
    units = CodeSystem.objects.values_list("units", flat=True).get(pk=code_system.pk)
    return [
        row if row.units is None or row.units == units else _read_by(code_system.domain, row, units) for row in rows
    ]


def _read_by(domain: str, row: Row, units: Mapping[str, str]) -> Row:
    """What these words for units can't read stays as it is."""
    read = units_anew(domain, row.values, row.written, units)
    return row if read.problems else replace(row, values={**row.values, **read.values}, written=read.written)


def _known(code_system: CodeSystem, codes: Sequence[str]) -> tuple[dict[str, SourceRecord], dict[str, str]]:
    """The records of these codes, locked. What stands in for a code that a steward mapped is its record however its
    system writes it, and takes that writing: {as it was: as it is}.
    """
    named = set(codes)
    stand_ins = [code for code in _stand_ins(code_system) if code not in named]
    written = {code_system.normalise(code): code for code in reversed(codes)} if stand_ins else {}
    mapped = [code for code in stand_ins if code_system.normalise(code) in written]
    rows = SourceRecord.objects.select_for_update().filter(code_system=code_system, code__among=[*named, *mapped])
    locked = {record.code: record for record in rows.order_by("pk")}
    taken: dict[str, str] = {}
    for code in mapped:
        now = written[code_system.normalise(code)]
        if code in locked and now not in locked:
            locked[now] = locked.pop(code)
            locked[now].code = taken[code] = now
    return locked, taken


def _stand_ins(code_system: CodeSystem) -> list[str]:
    """The codes of records that only stand in for what a steward mapped: nothing has been said of them."""
    if code_system.is_literal:
        return []
    by_hand = Ingest.objects.filter(code_system=code_system, channel=STEWARD).order_by().values("pk")
    records = SourceRecord.objects.filter(ingest__in=by_hand, values={}).order_by("pk")
    return list(records.values_list("code", flat=True))


def _record(
    ingest: Ingest, engine: Engine, lineage: Lineage, row: Row, digest: bytes, now: dt.datetime
) -> SourceRecord:
    return maker(SourceRecord)(
        code_system_id=ingest.code_system_id,
        code=row.code,
        domain=engine.domain,
        uom=row.uom,
        raw=dict(row.raw),
        values=dict(row.values),
        written=dict(row.written),
        invalid=dict(row.invalid),
        standardised=engine.standardise(lineage.enrich(row.code, row.values)),
        dictionaries=engine.dictionaries,
        content_hash=digest,
        source_updated_at=_changed_at(row, now),
        ingest_id=ingest.pk,
        row_number=row.number,
    )


def _changed_at(row: Row, now: dt.datetime) -> dt.datetime:
    """When the system changed it. Not in the future: a clock that is wrong would be the most recent until then."""
    return min(row.updated_at or now, now)


def _update(
    ingest: Ingest,
    engine: Engine,
    lineage: Lineage,
    changed: Sequence[tuple[SourceRecord, Row, bytes]],
    now: dt.datetime,
) -> None:
    """Keep what the records said before, then let them say the new; a link is kept while they wait to be resolved."""
    if not changed:
        return
    insert(
        [
            SourceRevision(source=r, version=r.version, raw=r.raw, values=r.values, ingest_id=r.ingest_id)
            for r, _, _ in changed
        ]
    )
    told = _told(ingest.code_system, [record for record, _, _ in changed])
    for record, row, digest in changed:
        record.echo = _echo(record, row.values, told.get(record.golden_id or 0, {}))
        record.values, record.raw, record.invalid = dict(row.values), dict(row.raw), dict(row.invalid)
        record.uom, record.content_hash, record.written = row.uom, digest, dict(row.written)
        record.standardised = engine.standardise(lineage.enrich(row.code, independent(record)))
        record.dictionaries = engine.dictionaries
        record.source_updated_at = _changed_at(row, now)
        record.ingest, record.row_number = ingest, row.number
        record.version += 1
        record.state = State.PENDING
    update([record for record, _, _ in changed])


def _told(code_system: CodeSystem, records: Sequence[SourceRecord]) -> dict[int, dict[str, Any]]:
    rows = Delivered.objects.filter(
        system=code_system.system_id, golden__in=[r.golden_id for r in records if r.golden_id]
    )
    return dict(rows.values_list("golden", "values"))


def _echo(record: SourceRecord, values: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """Attributes that now only repeat what Concord told this system. What it said by itself before stays its own."""
    if not told:
        return []
    own = {name: value for name, value in record.values.items() if name not in record.echo}
    return [
        name
        for name, value in values.items()
        if told.get(name) not in (None, "")
        and comparable(value) == comparable(told[name])
        and (name not in own or comparable(own[name]) != comparable(value))
    ]


def independent(record: SourceRecord) -> dict[str, Any]:
    """What a record says by itself: without what only repeats what Concord told its system."""
    return {name: value for name, value in record.values.items() if name not in record.echo}


def write_keys(engine: Engine, records: Sequence[SourceRecord], *, replaced: Sequence[int]) -> None:
    """Write the blocking keys of records, in place of those of the ``replaced``."""
    with connection.cursor() as cursor:
        if replaced:
            cursor.execute("DELETE FROM mdm_matchkey WHERE source_id = ANY(%s)", [list(replaced)])
    if not records:
        return
    keys, places = engine.keys_of([record.standardised for record in records])  # in the index's order: page by page
    sources = np.array([record.pk for record in records], dtype=np.int64)
    arrays.write("mdm_matchkey", {"key": keys, "source_id": sources[places]})


@transaction.atomic
def finish(*, ingest: Ingest, missing: str = "ignore", seen: set[str] | None = None) -> Ingest:
    """End the landing. ``missing="retire"``: records of this code system whose code is not in ``seen`` are retired."""
    if missing == "retire" and seen is not None:
        ingest.retired = _retire_missing(ingest, seen)
    ingest.state = Ingest.State.DONE
    ingest.finished_at = timezone.now()
    ingest.save(update_fields=["retired", "state", "finished_at"])
    return ingest


def missing_codes(code_system: CodeSystem, seen: set[str]) -> list[str]:
    """Codes that Concord has from this system, in force, and that ``seen`` lacks."""
    live = SourceRecord.objects.filter(code_system=code_system).exclude(state=State.RETIRED)
    return sorted(set(live.values_list("code", flat=True)) - seen)


def _retire_missing(ingest: Ingest, seen: set[str]) -> int:
    """Retired records keep their link and go through the resolver once more, so that their golden record is rebuilt."""
    from mdm.services.change import retire_sources

    codes = missing_codes(ingest.code_system, seen)
    for chunk in batched(codes, CHUNK):
        retire_sources(code_system=ingest.code_system, codes=chunk, actor=ingest.actor)
    return len(codes)


def fail(*, ingest: Ingest, error: str) -> None:
    """End an ingest that could not go on; what landed before stays."""
    ingest.state, ingest.error, ingest.finished_at = Ingest.State.FAILED, error, timezone.now()
    ingest.save(update_fields=["state", "error", "finished_at"])
