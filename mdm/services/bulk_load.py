"""All that is pending in a domain, resolved at once: decided as one by one, for a fraction of the work.

A run goes through stages, each of parts that any number of workers on any machines share: ``work`` takes what is to be
done next, a transaction a part, so a worker that is killed leaves its part to the others and a run goes on from where
it was. First every pending record is compared with what shares its keys. Then what hangs together by scores worth a
look is decided and written together, as ``mdm.services.resolve`` does with any batch.
"""

from __future__ import annotations

import datetime as dt
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Sum
from django.utils import timezone

from mdm import arrays, forks, permissions
from mdm.arrays import Array, packed, unpacked
from mdm.changes import Change
from mdm.engine import Engine, engine_for
from mdm.exceptions import Forbidden, NeedsReason
from mdm.locks import lock_name, share_name
from mdm.models import BulkPart, BulkRun, CodeSystem, SourceRecord, User, WorkItem
from mdm.services import bulk_plan, ingest, scoring
from mdm.services.bulk_match import Matcher, learned
from mdm.services.ingest import Row
from mdm.services.resolve import ResolveCounts, settle
from mdm.services.search_index import recount
from mdm.services.work import raise_problem
from mdm.snapshot import take

log = structlog.get_logger(__name__)

Stage = BulkRun.Stage
Beat = Callable[[BulkRun], bool]

MANY = 20_000  # pending records from which on a run takes less time than batches do
COMPARED = 10_000  # records compared in one part
MOST_FAILURES = 3  # of a part, before its records are left to batches
IDLE = dt.timedelta(minutes=5)  # longer than anything takes between two signs of life
WAIT = 0.5  # seconds between looks, while others do the last parts of a stage
ANALYZE = "ANALYZE mdm_sourcerecord, mdm_matchkey, mdm_goldenrecord, mdm_crosswalk, mdm_searchdocument, mdm_searchword"

_ready: dict[int, Matcher] = {}  # of the run under way; processes that are forked find it in memory


def load(
    *, code_system: CodeSystem, rows: Iterable[Row], expected: int, actor: User, beat: Beat = lambda run: True
) -> BulkRun:
    """Land what a system says and resolve it, at once. ``expected``: about how many rows there are.

    Calling it again after a crash goes on: what has landed is unchanged, and what is pending is resolved.
    """
    arrived = ingest.begin(code_system=code_system, channel="file", actor=actor)
    ingest.land_many(ingest=arrived, rows=rows, expected=expected)
    ingest.finish(ingest=arrived)
    return work(begin(domain=code_system.domain, actor=actor), beat=beat)


def is_due(domain: str) -> bool:
    """Whether a run is under way in the domain, or so much is pending that one pays."""
    if BulkRun.objects.filter(domain=domain, finished_at__isnull=True).exists():
        return True
    pending = SourceRecord.objects.filter(domain=domain, state=SourceRecord.State.PENDING)
    return len(pending.values_list("pk")[:MANY]) == MANY


def idle() -> list[BulkRun]:
    """Runs that nobody seems to work on: their workers died."""
    return list(BulkRun.objects.filter(finished_at__isnull=True, beat_at__lt=timezone.now() - IDLE))


@transaction.atomic
def begin(*, domain: str, actor: User) -> BulkRun:
    """A run over what is pending now, or the one that isn't over yet. Until it is, nothing else resolves there."""
    if not any(actor.has_permission(name) for name in (permissions.IMPORT, permissions.SUBMIT)):
        raise Forbidden(permissions.IMPORT)
    lock_name("bulk", domain)  # parts that are being done end first
    run = BulkRun.objects.filter(domain=domain, finished_at__isnull=True).first()
    if run is None:
        last = SourceRecord.objects.filter(domain=domain).aggregate(last=Max("pk"))["last"] or 0
        run = BulkRun.objects.create(domain=domain, actor=actor, last_source=last)
        Change.begin(actor, "bulk.begin").audit(about=run, after={"domain": domain})
    return run


@transaction.atomic
def abandon(*, run: BulkRun, actor: User, reason: str) -> BulkRun:
    """Give a run up: what it has written stays, the rest is resolved in batches."""
    permissions.require(actor, permissions.IMPORT)
    if not reason.strip():
        raise NeedsReason
    lock_name("bulk", run.domain)  # parts that are being done end first; nobody begins another meanwhile
    run = BulkRun.objects.select_for_update().get(pk=run.pk)
    if run.finished_at is None:
        Change.begin(actor, "bulk.abandon", reason).audit(about=run, before={"stage": run.stage})
        _end(run, Stage.ABANDONED)
        run.refresh_from_db()
    return run


def work(run: BulkRun, *, beat: Beat = lambda run: True) -> BulkRun:
    """Work on a run, with all processors of this machine, until it is over; returns it as it is then.

    ``beat`` is called with it about every second. Where it answers False or raises, this call ends before the run does,
    and another may go on with it.
    """
    BulkRun.objects.filter(pk=run.pk).update(beat_at=timezone.now())
    run.refresh_from_db()
    with transaction.atomic():
        lock_name("resolving", run.domain)  # who began to resolve before the run did ends first
    try:
        while run.finished_at is None and beat(run):
            if run.stage == Stage.PREPARING:
                _prepare(run, beat)
            else:
                _share(run, beat)
                _advance(run)
            run.refresh_from_db()
    finally:
        _ready.pop(run.pk, None)
    return run


def progress(run: BulkRun) -> float:
    """How much of the run is done, from 0 to 1."""
    if run.finished_at is not None:
        return 1.0
    parts = BulkPart.objects.filter(run=run, stage=run.stage)
    total = parts.aggregate(n=Sum("records"))["n"] or 1
    done = parts.filter(done_at__isnull=False).aggregate(n=Sum("records"))["n"] or 0
    start, length = {Stage.PREPARING: (0.0, 0.1), Stage.MATCHING: (0.1, 0.3), Stage.WRITING: (0.4, 0.6)}[
        Stage(run.stage)
    ]
    return float(start + length * done / total)


# ------------------------------------------------------------------------------------------------------------- stages
def _prepare(run: BulkRun, beat: Beat) -> None:
    """Learn what the domain's records say of rarity and scores, and divide the pending ones."""
    if run.last_source:
        with connection.cursor() as cursor:
            cursor.execute(ANALYZE)  # they have just grown; nothing plans well without
    snapshot = take(run.domain, last_source=run.last_source)
    pending = snapshot.facts.ids[snapshot.facts.pending]
    beat(run)
    # not in the transaction below: no event gets its place in the change feed while one that writes is open
    engine = learned(run.domain, snapshot) if len(pending) else engine_for(run.domain)
    with transaction.atomic():
        if _locked(run, Stage.PREPARING) is None:
            return
        if not len(pending):
            _end(run, Stage.DONE)
            return
        _ready[run.pk] = Matcher(engine, snapshot)
        parts = [pending[start : start + COMPARED] for start in range(0, len(pending), COMPARED)]
        BulkPart.objects.bulk_create(
            BulkPart(
                run=run,
                stage=Stage.MATCHING,
                number=number,
                records=len(part),
                given=packed(bounds=part[[0, -1]]),
            )
            for number, part in enumerate(parts)
        )
        _enter(run, Stage.MATCHING, records=len(pending), engine=_made_of(engine))


def _made_of(engine: Engine) -> list[int | None]:
    return [part and part[0] for part in engine.made_of]


def _share(run: BulkRun, beat: Beat) -> None:
    """Do parts of the run's stage until none is left."""
    stage = Stage(run.stage)
    if stage == Stage.MATCHING:
        _matcher(run).warm()
    else:
        _ready.pop(run.pk, None)
    left = BulkPart.objects.filter(run=run, stage=stage, done_at__isnull=True).count()
    workers = forks.workers(left, 2)
    if workers == 1:
        while _do_part(run, stage) and beat(run):
            pass
        return
    failed = forks.together(partial(_do_parts, run, stage), workers=workers, beat=lambda: beat(run))
    if failed and BulkPart.objects.filter(run=run, stage=stage, done_at__isnull=True).count() == left:
        raise RuntimeError(f"No part of {run} could be done; its processes say why in the log.")


def _do_parts(run: BulkRun, stage: Stage) -> None:
    """In a process of its own, which makes and drops so many objects that looking for garbage less often saves time."""
    gc.set_threshold(20_000, 10, 10)
    while _do_part(run, stage):
        pass


def _do_part(run: BulkRun, stage: Stage) -> bool:
    """Do the first part of the stage that nobody has; False if there is none. One that fails again and again is left to
    batches, and somebody is told.
    """
    part = None
    try:
        with transaction.atomic():
            share_name("bulk", run.domain)
            part = _free_part(run, stage)
            if part is not None:
                _do(run, stage, part)
    except Exception:
        if part is None:
            raise
        log.exception("part of a bulk run failed", run=run.pk, stage=str(stage), part=part.number)
        _count_failure(run, part)
    return part is not None


def _free_part(run: BulkRun, stage: Stage) -> BulkPart | None:
    if _made_of(engine_for(run.domain)) != run.engine:
        return None  # scores by the old rules tell nothing about the new ones
    undone = BulkPart.objects.filter(run=run, stage=stage, done_at__isnull=True)
    before = undone.filter(chain=OuterRef("chain"), number__lt=OuterRef("number"))
    free = undone.filter(~Exists(before), run__finished_at__isnull=True)
    return free.select_for_update(skip_locked=True, of=("self",)).order_by("number").first()


def _do(run: BulkRun, stage: Stage, part: BulkPart) -> None:
    given = unpacked(bytes(part.given))
    if stage == Stage.MATCHING:
        part.found = _compare(run, given)
    else:
        _write(run, given)
    BulkRun.objects.filter(pk=run.pk).update(beat_at=timezone.now())
    part.given, part.done_at = b"", timezone.now()
    part.save(update_fields=["given", "found", "done_at"])


@transaction.atomic
def _count_failure(run: BulkRun, part: BulkPart) -> None:
    part = BulkPart.objects.select_for_update().get(pk=part.pk)
    part.failures += 1
    if part.failures >= MOST_FAILURES and part.done_at is None:
        part.done_at, part.given, part.found = timezone.now(), b"", b""
        raise_problem(
            kind=WorkItem.Kind.FEED_PROBLEM,
            subject=f"bulk:{run.pk}:{part.stage}:{part.number}",
            title=f"{part.records:,} records could not be resolved together",
            reason=f"They are resolved in batches. The log tells why, under bulk run {run.pk}, part {part.number}.",
            actor=User.objects.system(),
            domain=run.domain,
        )
    part.save(update_fields=["failures", "done_at", "given", "found"])


def _advance(run: BulkRun) -> None:
    """Go on to the next stage, once every part of this one is done; back to the first, if the rules have changed."""
    stage, outdated = Stage(run.stage), _made_of(engine_for(run.domain)) != run.engine
    if not outdated and BulkPart.objects.filter(run=run, stage=stage, done_at__isnull=True).exists():
        time.sleep(WAIT)  # others are at it
        return
    with transaction.atomic():
        mine = _locked(run, stage)
        if mine is None:
            return
        if outdated:
            BulkPart.objects.filter(run=run).delete()
            _enter(run, Stage.PREPARING)
        elif stage == Stage.MATCHING:
            _plan(mine)
        else:
            _end(mine, Stage.DONE)
            recount(run.domain)


def _locked(run: BulkRun, stage: Stage) -> BulkRun | None:
    """The run, if it is still at this stage; others wait."""
    return BulkRun.objects.select_for_update().filter(pk=run.pk, stage=stage).first()


def _enter(run: BulkRun, stage: Stage, **values: Any) -> None:
    BulkRun.objects.filter(pk=run.pk).update(stage=stage, beat_at=timezone.now(), **values)


def _end(run: BulkRun, stage: Stage) -> None:
    BulkRun.objects.filter(pk=run.pk).update(stage=stage, finished_at=timezone.now())
    BulkPart.objects.filter(run__finished_at__isnull=False).delete()


# -------------------------------------------------------------------------------------------------------------- parts
CONTENT = ("ids", "versions", "dictionaries")  # of ``snapshot.Facts``: which records, and what they say


def _matcher(run: BulkRun) -> Matcher:
    if run.pk not in _ready:
        _ready[run.pk] = Matcher(engine_for(run.domain), take(run.domain, last_source=run.last_source))
    return _ready[run.pk]


def _compare(run: BulkRun, given: dict[str, Array]) -> bytes:
    matcher = _matcher(run)
    facts = matcher.snapshot.facts
    first, last = given["bounds"]
    rows = np.flatnonzero(facts.pending & (facts.ids >= first) & (facts.ids <= last))
    content = {name: getattr(facts, name)[rows] for name in CONTENT}
    return packed(**content, **matcher.pairs(rows))


PENDING_SQL = """
SELECT id, version, dictionaries AS words, coalesce(golden_id, 0) AS golden FROM mdm_sourcerecord
WHERE domain = %s AND id <= %s AND state = 'pending' ORDER BY id
"""


def _plan(run: BulkRun) -> None:
    """Divide what the comparisons found into parts that can be decided by themselves."""
    compared = BulkPart.objects.filter(run=run, stage=Stage.MATCHING).order_by("number")
    found = [unpacked(bytes(part)) for part in compared.values_list("found", flat=True).iterator() if part]
    compared.update(found=b"")
    ids, versions, words, goldens = _still_pending(run, found)
    pairs = bulk_plan.each_once(found)
    parts = bulk_plan.plan(ids, goldens, pairs, sure_score=engine_for(run.domain).policy.sure_score)
    for number, part in enumerate(parts):
        place = np.searchsorted(ids, part.sources)
        given = packed(sources=part.sources, versions=versions[place], words=words[place], **part.pairs)
        BulkPart.objects.create(
            run=run, stage=Stage.WRITING, number=number, chain=part.chain, records=len(part.sources), given=given
        )
    _enter(run, Stage.WRITING)


def _still_pending(run: BulkRun, found: Sequence[dict[str, Array]]) -> list[Array]:
    """Ids, versions, versions of words and golden records (0 if none) of what was compared and says the same still.
    What came or changed meanwhile has been compared with nothing: it is left for batches.
    """
    now = arrays.read(
        PENDING_SQL, [run.domain, run.last_source], id="int8", version="int4", words="int4", golden="int8"
    )
    if not found:
        return [column[:0] for column in now]
    ids, versions, words = (
        np.concatenate([part[name] for part in found]) for name in ("ids", "versions", "dictionaries")
    )
    order = np.argsort(ids)
    place = order[np.minimum(np.searchsorted(ids, now[0], sorter=order), max(len(ids) - 1, 0))]
    same = (ids[place] == now[0]) & (versions[place] == now[1]) & (words[place] == now[2])
    return [column[same] for column in now]


def _write(run: BulkRun, given: dict[str, Array]) -> None:
    """Decide about the records of a part, and write what follows. One that has changed since is left for later."""
    content = zip(given["versions"].tolist(), given["words"].tolist(), strict=True)
    compared = dict(zip(given["sources"].tolist(), content, strict=True))
    waiting = SourceRecord.objects.filter(pk__among=compared, state=SourceRecord.State.PENDING)
    locked = waiting.select_for_update().defer("raw", "standardised").order_by("pk")
    batch = [record for record in locked if (record.version, record.dictionaries) == compared[record.pk]]
    change = Change.begin(User.objects.system(), "resolve")
    engine = engine_for(run.domain, change.known)
    change.known.attach(batch)
    judged = list(zip(*(given[name].tolist() for name in bulk_plan.KEPT), strict=True))
    counts = ResolveCounts()
    settle(change, engine, batch, scoring.score_known(change.known, engine, batch, judged), counts)
    BulkRun.objects.filter(pk=run.pk).update(
        linked=F("linked") + counts.linked,
        reviewed=F("reviewed") + counts.reviewed,
        created=F("created") + counts.created,
        updated=F("updated") + counts.updated,
    )
