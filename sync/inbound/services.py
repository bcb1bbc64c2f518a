"""What people and jobs can do with feeds: start, run, watch, cancel, try out, and mend what was put aside."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import IO, Any

import structlog
from django.core.validators import slug_re
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from rapidfuzz import process

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import InvalidValue, Refused
from mdm.models import CodeSystem, SourceSystem, User
from sync.inbound import files, lease, quarantine, tasks
from sync.inbound.domains import domain_of
from sync.inbound.errors import UnknownSystem
from sync.inbound.preview import dry_run, inspect
from sync.inbound.runner import leave_domain, run
from sync.models.feed import GL_ACCOUNT, Feed, FeedOptions, FeedRun, MissingRows, QuarantinedRow

__all__ = [
    "cancel",
    "code_system",
    "discard",
    "dry_run",
    "inspect",
    "pause",
    "quarantine_csv",
    "queue",
    "resubmit",
    "resume",
    "run",
    "save_feed",
    "start_run",
    "upload",
]

log = structlog.get_logger(__name__)


def system_of(slug: str, domain: str) -> SourceSystem:
    """The system that keeps codes of this domain.

    Raises:
        UnknownSystem: there is none; the message names those that exist.
    """
    keepers = SourceSystem.objects.filter(active=True)
    if domain != GL_ACCOUNT:
        keepers = keepers.filter(code_systems__domain=domain, code_systems__kind="primary")
    known = {system.code: system for system in keepers}
    if slug in known:
        return known[slug]
    near = process.extractOne(slug, list(known), score_cutoff=60)
    raise UnknownSystem(
        f"No system {slug!r} keeps codes of {domain_of(domain).plural.lower()}"
        + (f"; did you mean {near[0]!r}? " if near else ". ")
        + (f"Those that do: {', '.join(sorted(known))}." if known else "None does yet: set one up first.")
    )


def code_system(slug: str, domain: str) -> CodeSystem:
    """The primary code system of a system in a domain. Raises ``UnknownSystem``."""
    return CodeSystem.objects.get(system=system_of(slug, domain), domain=domain, kind="primary")


def start_run(*, file: IO[bytes], name: str, actor: User, enqueue: bool = True, **how: Any) -> FeedRun:
    """Keep the raw file and queue its import; ``how`` as in ``upload``. A worker takes it; or ``run`` its id."""
    return queue(run=upload(file=file, name=name, actor=actor, **how), actor=actor, enqueue=enqueue)


@transaction.atomic
def upload(
    *,
    file: IO[bytes],
    name: str,
    actor: User,
    feed: Feed | None = None,
    system: SourceSystem | None = None,
    domain: str = "",
    **options: Any,
) -> FeedRun:
    """Keep the raw file as a draft, to be read by a saved feed or by what is given, which goes before the feed's.

    ``options`` are those of ``FeedOptions``: mapping, constants, sheet, date_order, missing, max_retire_share,
    deduplicated.
    """
    permissions.require(actor, permissions.IMPORT)
    stated = {"system": system, "domain": domain, **options}
    kept = files.keep(file)
    run = FeedRun(
        **(options_of(feed) if feed else {}) | {key: value for key, value in stated.items() if value not in (None, "")},
        feed=feed,
        actor=actor,
        file_name=PurePath(name).name[-255:],
        path=kept.path,
        sha256=kept.sha256,
        size=kept.size,
        state=FeedRun.State.DRAFT,
    )
    run.save()
    return run


@transaction.atomic
def queue(*, run: FeedRun, actor: User, enqueue: bool = True, **options: Any) -> FeedRun:
    """Start a draft, with these options changed. A worker takes it once this transaction commits."""
    permissions.require(actor, permissions.IMPORT)
    draft = FeedRun.objects.select_for_update().get(pk=run.pk)
    if draft.state != FeedRun.State.DRAFT:
        raise Refused(f"This import is {draft.get_state_display().lower()} already.")
    for option, value in options.items():
        setattr(draft, option, value)
    draft.state, draft.queued_at = FeedRun.State.QUEUED, timezone.now()
    draft.save()
    after = {"system": draft.system.code, "domain": draft.domain, "sha256": draft.sha256}
    Change.begin(actor, "feed.started").audit(about=draft, after=after)
    if enqueue:
        transaction.on_commit(lambda: wake(draft.pk))
    return draft


def options_of(source: FeedOptions) -> dict[str, Any]:
    """The options of a feed or run, to make another with."""
    return {f.name: getattr(source, f.name) for f in FeedOptions._meta.get_fields()}


def wake(run_id: int) -> None:
    """Tell a worker. If the broker is away the sweep finds the run."""
    try:
        task = tasks.import_feed.delay(run_id)
    except (OperationalError, ConnectionError):
        log.warning("broker away, the sweep will start this run", run=run_id)
        return
    FeedRun.objects.filter(pk=run_id).update(task_id=task.id or "")


@transaction.atomic
def save_feed(*, code: str, name: str, actor: User, **options: Any) -> Feed:
    """Save a mapping and its options under a name, or change the saved ones."""
    permissions.require(actor, permissions.IMPORT)
    if not slug_re.fullmatch(code):
        raise InvalidValue(f"{code!r} is no code of a feed: write letters, digits, hyphens and underscores, no blanks.")
    feed, made = Feed.objects.update_or_create(code=code, defaults={"name": name, **options})
    change = Change.begin(actor, "feed.saved")
    change.audit(about=feed, after={"new": made, "mapping": feed.mapping, "missing": feed.missing})
    return feed


@transaction.atomic
def cancel(*, run: FeedRun, actor: User) -> FeedRun:
    """Stop a run: at once if nobody works on it, else after the batch at hand. What landed stays."""
    permissions.require(actor, permissions.IMPORT)
    current = FeedRun.objects.select_for_update().get(pk=run.pk)
    if not current.is_active:
        raise Refused(f"This import is {current.get_state_display().lower()} already.")
    current.cancel_requested, current.paused = True, False
    current.save(update_fields=["cancel_requested", "paused"])
    Change.begin(actor, "feed.cancelled").audit(about=current)
    transaction.on_commit(lambda: _end_idle(run.pk))
    return current


@transaction.atomic
def pause(*, run: FeedRun, actor: User) -> FeedRun:
    """Stop after the batch at hand, to go on later. Files of the same system that came after it wait, too; whatever
    else is pending in the domain doesn't.
    """
    permissions.require(actor, permissions.IMPORT)
    transaction.on_commit(lambda: _rest_idle(run.pk))
    return _switch(run, actor, "feed.paused", paused=True)


@transaction.atomic
def resume(*, run: FeedRun, actor: User) -> FeedRun:
    """Let a paused run go on from where it stopped."""
    permissions.require(actor, permissions.IMPORT)
    transaction.on_commit(lambda: wake(run.pk))
    return _switch(run, actor, "feed.resumed", paused=False)


def _switch(run: FeedRun, actor: User, action: str, *, paused: bool) -> FeedRun:
    current = FeedRun.objects.select_for_update().get(pk=run.pk)
    if not current.is_active or current.paused == paused:
        state = "paused" if current.paused else current.get_state_display().lower()
        raise Refused(f"This import is {state} already.")
    current.paused = paused
    current.save(update_fields=["paused"])
    Change.begin(actor, action).audit(about=current)
    return current


def _end_idle(run_id: int) -> None:
    """A run that nobody works on sees its cancellation by being run."""
    current = FeedRun.objects.get(pk=run_id)
    if current.lease_until is None and lease.predecessor(current) is None:
        run(run_id, seconds=0)


def _rest_idle(run_id: int) -> None:
    """A run that somebody works on leaves its domain when that one sees the pause."""
    current = FeedRun.objects.get(pk=run_id)
    if current.lease_until is None:
        leave_domain(current)


def quarantine_csv(run: FeedRun) -> str:
    """The rows put aside as CSV: the file's own columns, then what is wrong. Mend it and give it to ``resubmit``."""
    return quarantine.as_csv(run)


@transaction.atomic
def resubmit(
    *,
    run: FeedRun,
    actor: User,
    file: IO[bytes] | None = None,
    rows: Mapping[int, Mapping[str, str]] | None = None,
    enqueue: bool = True,
) -> FeedRun:
    """Send rows that were put aside again: a mended file, or only the mended cells by row number and column.

    The new run has the same mapping, retires nothing, and puts aside anew what is still wrong.
    """
    permissions.require(actor, permissions.IMPORT)
    waiting = run.quarantine.select_for_update().filter(state=QuarantinedRow.State.OPEN)
    if file is not None:
        content, numbers = quarantine.mended(file.read())
        sent = waiting.filter(row_number__in=numbers) if numbers else waiting
    else:
        sent = waiting.filter(row_number__in=list(rows or {}))
        content = quarantine.edited(sent, rows or {}, run.mapping)
    if not sent.exists():
        raise Refused("None of these rows waits to be mended. Look at the import they came from.")
    options = options_of(run) | {"missing": MissingRows.IGNORE, "sheet": ""}
    draft = upload(file=io.BytesIO(content), name=f"mended {run.file_name}", actor=actor, feed=run.feed, **options)
    again = queue(run=draft, actor=actor, enqueue=enqueue, resubmits=run)
    sent.update(state=QuarantinedRow.State.RESUBMITTED)
    return again


@transaction.atomic
def discard(*, run: FeedRun, rows: Sequence[int], actor: User, reason: str) -> int:
    """Give up rows that were put aside. Returns how many."""
    permissions.require(actor, permissions.IMPORT)
    waiting = run.quarantine.filter(state=QuarantinedRow.State.OPEN, row_number__in=list(rows))
    count = waiting.update(state=QuarantinedRow.State.DISCARDED)
    Change.begin(actor, "feed.rows_discarded", reason).audit(about=run, after={"rows": count})
    return count
