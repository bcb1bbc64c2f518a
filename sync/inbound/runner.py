"""A run, from file to golden records: read, land, retire what is missing, recognise. It can be killed at any point.

Rows land by content and with their progress in one transaction, so going on after a crash does nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any

from django.db import transaction
from django.utils import timezone

from mdm import forks
from mdm.changes import Change
from mdm.exceptions import ConcordError
from mdm.lineage import TREES
from mdm.models import BulkRun, CodeSystem, Ingest, SourceRecord, User, WorkItem
from mdm.services import bulk_load, work
from mdm.services import ingest as landing
from mdm.services.calibrate import prepare
from mdm.services.ingest import LandCounts
from mdm.services.resolve import resolve_pending
from mdm.services.search_index import recount
from sync.inbound import gl_accounts, lease, retirement
from sync.inbound.errors import Cancelled, FeedError, LeaseLost
from sync.inbound.files import stored
from sync.inbound.reading import Bad, Batch, FeedFile, Survey
from sync.models.feed import GL_ACCOUNT, FeedRun, MissingRows, QuarantinedRow

State = FeedRun.State
LANDED, RESOLVED = 60, 100  # where the progress bar stands after these steps
RESOLVE_BATCH = 500
BULK_SECONDS = 600  # of a slice that resolves at once: beginning anew takes a minute


def run(run_id: int, *, seconds: float | None = None) -> FeedRun:
    """Do the run, or some ``seconds`` of it. Look at the state of what is returned: it may have more to do.

    The seconds count from when the file has been surveyed, and one batch is always done: slices come to an end.
    Nothing happens if it is over, if another worker has it, or while an earlier run of its code system isn't over.
    """
    claimed = lease.claim(run_id)
    if claimed is None:
        return FeedRun.objects.get(pk=run_id)
    worker = _Worker(claimed, seconds)
    try:
        if claimed.stalls > lease.MOST_STALLS:
            raise FeedError(
                f"Workers stopped {lease.MOST_STALLS} times after row {claimed.landed_row}. Look at their log for run "
                f"{claimed.pk}, then send the file again; what landed stays."
            )
        if worker.work():
            worker.end(State.DONE)
        else:
            lease.release(claimed)
            if lease.is_paused(claimed):
                leave_domain(claimed)
    except LeaseLost:
        pass  # whoever has it goes on from what is committed
    except Cancelled as stop:
        leave_domain(claimed)
        worker.end(State.CANCELLED, stop.message)
    except ConcordError as error:
        worker.end(State.FAILED, error.message)
    return FeedRun.objects.get(pk=run_id)


def leave_domain(run: FeedRun) -> None:
    """Give up the bulk run of an import that rests or is cancelled, so that others may resolve in its domain at once.
    Another import that resolves there is at it as well, and keeps it.
    """
    bulk = BulkRun.objects.filter(domain=run.domain, finished_at__isnull=True).first()
    if bulk is None or run.state != State.RESOLVING:
        return
    others = FeedRun.objects.filter(domain=run.domain, state=State.RESOLVING, paused=False, cancel_requested=False)
    if not others.exclude(pk=run.pk).exists():
        bulk_load.abandon(run=bulk, actor=User.objects.system(), reason=f"Import {run.pk} was paused or cancelled")


class _Worker:
    """One worker's turn at a run that it holds the lease of."""

    def __init__(self, run: FeedRun, seconds: float | None) -> None:
        self.run, self.seconds, self.started = run, seconds, time.monotonic()
        self.code_system: CodeSystem | None = run.code_system()

    def work(self) -> bool:
        """True when all is done, False when the time is up."""
        if self.run.state in (State.QUEUED, State.READING, State.LANDING) and not self._bring_in():
            return False
        return self._resolve()

    def _bring_in(self) -> bool:
        lease.stop_if_cancelled(self.run)
        lease.write(self.run, state=State.READING, started_at=self.run.started_at or timezone.now())
        units = self.code_system.units if self.code_system else {}
        file = FeedFile(stored(self.run.path), self.run, units=units)
        survey = file.survey(keep_codes=self.run.missing == MissingRows.RETIRE, beat=lambda: lease.write(self.run))
        if not survey.rows:
            raise FeedError("The file has headings but no rows. Export it again; nothing was changed.")
        self._begin(survey)
        self.started = time.monotonic()
        return self._accounts(file, survey) if self.run.domain == GL_ACCOUNT else self._land(file, survey)

    @transaction.atomic
    def _begin(self, survey: Survey) -> None:
        """Open the ingest, once. What is declared of the codes outlives the run: the matching asks for it."""
        values: dict[str, Any] = {"state": State.LANDING, "rows": survey.rows, "cut_off": bool(survey.damage)}
        if self.code_system and not self.run.ingest:
            if self.run.deduplicated and not self.code_system.deduplicated:
                self.code_system.deduplicated = True
                self.code_system.save(update_fields=["deduplicated"])
            values["ingest"] = landing.begin(code_system=self.code_system, channel="file", actor=self.run.actor)
        lease.write(self.run, **values)

    def _land(self, file: FeedFile, survey: Survey) -> bool:
        """Land what is left of the file, a large one by several processes."""
        stop: Cancelled | bool = False
        batches = takewhile(lambda _: not stop, file.batches(survey, after=self.run.landed_row))
        workers = 1 if self.run.domain in TREES else forks.workers(survey.rows, landing.MANY)
        for _ in self._land_here(batches, survey) if workers == 1 else self._land_apart(batches, survey, workers):
            stop = stop or self._why_stop()  # what other processes have begun is still noted
        if isinstance(stop, Cancelled):
            raise stop
        if not stop:
            self._finish(survey)
        return not stop

    def _why_stop(self) -> Cancelled | bool:
        try:
            lease.stop_if_cancelled(self.run)
        except Cancelled as cancelled:
            return cancelled
        return self._must_stop()

    def _land_here(self, batches: Iterable[Batch], survey: Survey) -> Iterator[None]:
        for batch in batches:
            with transaction.atomic():
                _quarantine(self.run, batch.bad)
                self._note(batch, landing.land(ingest=self._ingest(), rows=batch.rows), survey)
            yield

    def _land_apart(self, batches: Iterable[Batch], survey: Survey, workers: int) -> Iterator[None]:
        """Progress follows in order. What had landed beyond it when a worker was killed lands again, unchanged."""
        for batch, counts in forks.spread(partial(_land_batch, self.run.pk), batches, workers=workers):
            self._note(batch, counts, survey)
            yield

    def _note(self, batch: Batch, counts: LandCounts, survey: Survey) -> None:
        done = self.run.new + self.run.changed + self.run.unchanged + self.run.quarantined + self.run.repeated
        lease.write(
            self.run,
            landed_row=batch.last,
            new=self.run.new + counts.new,
            changed=self.run.changed + counts.changed,
            unchanged=self.run.unchanged + counts.unchanged,
            repeated=self.run.repeated + batch.repeated,
            quarantined=self.run.quarantined + len(batch.bad),
            progress=min(LANDED, LANDED * done // survey.rows),
            stalls=0,
        )

    def _ingest(self) -> Ingest:
        if self.run.ingest is None:
            raise LeaseLost
        return self.run.ingest

    def _accounts(self, file: FeedFile, survey: Survey) -> bool:
        """A chart of accounts lands as a whole: parents come after their children, and a loop must be seen."""
        whole = gl_accounts.read(self.run.system, file, survey)
        with transaction.atomic():
            _quarantine(self.run, whole.bad)
            counts = gl_accounts.land(system=self.run.system, rows=whole.rows, actor=self.run.actor)
            lease.write(
                self.run,
                new=counts.new,
                changed=counts.changed,
                unchanged=counts.unchanged,
                repeated=whole.repeated,
                quarantined=len(whole.bad),
                progress=LANDED,
            )
            self._finish(survey)
        return True

    @transaction.atomic
    def _finish(self, survey: Survey) -> None:
        """Retire what the file lacks, unless the file itself is in doubt; then somebody is asked."""
        codes = retirement.missing(self.run, survey)
        why = retirement.why_held(self.run, survey, codes)
        retired = retirement.end_landing(self.run, self.run.ingest, survey, [] if why else codes)
        if why:
            self._ask(why)
        lease.write(self.run, state=State.RESOLVING, progress=LANDED, retired=retired, message=why)

    def _resolve(self) -> bool:
        """Recognise what is pending in the domain: at once if it is much, then batch by batch."""
        if self.code_system is None:
            return True
        lease.stop_if_cancelled(self.run)
        if bulk_load.is_due(self.run.domain) and not self._resolve_at_once():
            return False
        with transaction.atomic():
            prepare(self.run.domain)
        pending = SourceRecord.objects.filter(domain=self.run.domain, state=SourceRecord.State.PENDING)
        done, total = 0, max(1, pending.count())
        while True:
            lease.stop_if_cancelled(self.run)
            counts = resolve_pending(domain=self.run.domain, actor=self.run.actor, limit=RESOLVE_BATCH)
            taken = counts.linked + counts.reviewed + counts.created + counts.updated
            done += taken
            lease.write(
                self.run,
                linked=self.run.linked + counts.linked,
                reviewed=self.run.reviewed + counts.reviewed,
                created=self.run.created + counts.created,
                progress=min(RESOLVED - 1, LANDED + (RESOLVED - LANDED) * done // total),
                stalls=0,
            )
            # resolving may put a record back to be looked at again, so the end is a batch that finds none
            if not counts.left and (not taken or done > 2 * total):
                recount(self.run.domain)
                return True
            if self._must_stop():
                return False

    def _resolve_at_once(self) -> bool:
        begun, before = time.monotonic(), self.run.progress

        def beat(bulk: BulkRun) -> bool:
            lease.stop_if_cancelled(self.run)
            progress = int(before + (RESOLVED - 1 - before) * bulk_load.progress(bulk))
            lease.write(self.run, progress=progress, stalls=0 if progress > self.run.progress else self.run.stalls)
            in_time = self.seconds is None or time.monotonic() - begun < BULK_SECONDS
            return in_time and not lease.is_paused(self.run)

        bulk = bulk_load.work(bulk_load.begin(domain=self.run.domain, actor=self.run.actor), beat=beat)
        if bulk.finished_at is None:
            return False
        lease.write(
            self.run,
            linked=self.run.linked + bulk.linked,
            reviewed=self.run.reviewed + bulk.reviewed,
            created=self.run.created + bulk.created,
        )
        return True

    def _must_stop(self) -> bool:
        """Time is up, or somebody paused the run: what is committed stays, and the next worker goes on from there."""
        out_of_time = self.seconds is not None and time.monotonic() - self.started > self.seconds
        return out_of_time or lease.is_paused(self.run)

    @transaction.atomic
    def end(self, state: str, message: str = "") -> None:
        """Close the run; where it failed somebody is asked, where all is well an earlier question is withdrawn."""
        if state == State.FAILED:
            self._ask(message)
        if state == State.DONE and not self.run.message:
            change = Change.begin(self.run.actor, "feed.done")
            work.cancel(change, kind=WorkItem.Kind.FEED_PROBLEM, subjects=[self._subject()])
        if self.run.ingest and self.run.ingest.state == "landing":
            landing.fail(ingest=self.run.ingest, error=message)
        progress = RESOLVED if state == State.DONE else self.run.progress
        lease.write(
            self.run,
            state=state,
            progress=progress,
            message=message or self.run.message,
            finished_at=timezone.now(),
            lease_until=None,
        )

    def _subject(self) -> str:
        return f"feed:{self.run.system.code}:{self.run.domain}"

    def _ask(self, reason: str) -> None:
        work.raise_problem(
            kind=WorkItem.Kind.FEED_PROBLEM,
            subject=self._subject(),
            title=f"{self.run.system} sent a {self.run.get_domain_display().lower()} file that needs a look",
            reason=reason,
            actor=self.run.actor,
            domain="" if self.run.domain == GL_ACCOUNT else self.run.domain,
            ingest=self.run.ingest,
            details={"feed_run": self.run.pk},
        )


def _quarantine(run: FeedRun, bad: list[Bad]) -> None:
    QuarantinedRow.objects.bulk_create(
        [
            QuarantinedRow(
                run=run, row_number=b.number, column=b.column[:200], value=b.value, reason=b.reason, raw=b.raw
            )
            for b in bad
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


@transaction.atomic
def _land_batch(run_id: int, batch: Batch) -> tuple[Batch, LandCounts]:
    """Land a batch in a process of its own; of the batch only what progress asks for comes back."""
    run = FeedRun.objects.select_related("ingest__code_system").get(pk=run_id)
    if run.ingest is None:
        raise LeaseLost
    _quarantine(run, batch.bad)
    counts = landing.land(ingest=run.ingest, rows=batch.rows)
    return replace(batch, rows=[]), counts
