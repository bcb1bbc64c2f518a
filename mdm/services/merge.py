"""Merging: two golden records that turned out to be one. Undone by ``mdm.services.split``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import MergedRecord, NeedsReason, Refused, Stale
from mdm.locks import lock_records
from mdm.models import ChangeEvent, ChangeRequest, GoldenRecord, Override, SourceRecord, User, WorkItem
from mdm.rows import load_values
from mdm.services import crosswalk, quality, requests, search_index, substitution, work
from mdm.services.change import checked, override
from mdm.services.events import announce
from mdm.services.judgements import members, rejected_between
from mdm.services.storage import write
from mdm.services.survive import recompute

Status = GoldenRecord.Status


@transaction.atomic
def merge(
    *,
    survivor: GoldenRecord,
    loser: GoldenRecord,
    actor: User,
    reason: str,
    expected_versions: Mapping[int, int] | None = None,
    picks: Mapping[str, Any] | None = None,
    ends: Mapping[str, str] | None = None,
) -> GoldenRecord | ChangeRequest:
    """Make one record of two. Of criticality *high* this is a change request until a second person approves.

    Which of the two survives is not the caller's choice: the live one, else the published one, else the older. Links,
    codes and overrides follow; the loser's id redirects for ever. ``picks``: {path: value} that should survive instead;
    ``ends``: {path: day, as in ISO 8601} from which it no longer should.
    """
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    survivor, loser = choose(*lock_records(survivor, loser))
    check(survivor, loser, expected_versions)
    if GoldenRecord.Criticality.HIGH in (survivor.criticality, loser.criticality):
        return requests.propose(
            kind=ChangeRequest.Kind.MERGE,
            subject=survivor,
            other=loser,
            actor=actor,
            reason=reason,
            diff={"survivor": survivor.public_id, "loser": loser.public_id}
            | ({"picks": dict(picks)} if picks else {})
            | ({"ends": dict(ends)} if ends else {}),
        )
    merged = apply(Change.begin(actor, "merge", reason), survivor, loser)
    return pick(merged, picks or {}, actor=actor, reason=reason, ends=ends)


def pick(
    survivor: GoldenRecord,
    picks: Mapping[str, Any],
    *,
    actor: User,
    reason: str,
    ends: Mapping[str, str] | None = None,
) -> GoldenRecord:
    """Values that a person chose while merging, and that don't survive by themselves, become overrides.

    One whose time is over, because its approval came later than its end, is left out.
    """
    until = {path: day_begins(day) for path, day in (ends or {}).items()}
    now = load_values(survivor.domain, [survivor.pk])[survivor.pk] if picks else {}
    for path, value in picks.items():
        over = path in until and until[path] <= timezone.now()
        if not over and now.get(path) != checked(survivor.domain, path, value):
            survivor = override(
                golden=survivor, path=path, value=value, actor=actor, reason=reason, until=until.get(path)
            )
    return survivor


def day_begins(day: str) -> dt.datetime:
    """The first instant of a day, in the time zone of the installation."""
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), timezone.get_default_timezone())


def choose(one: GoldenRecord, two: GoldenRecord) -> tuple[GoldenRecord, GoldenRecord]:
    """(survivor, loser): the live one survives, else the published one, else the older."""
    first, second = sorted(
        (one, two), key=lambda g: (g.status != Status.LIVE, not g.is_published, g.created_at, g.public_id)
    )
    return first, second


def check(survivor: GoldenRecord, loser: GoldenRecord, expected: Mapping[int, int] | None = None) -> None:
    """Refuse what can't or mustn't be merged."""
    if survivor.pk == loser.pk:
        raise Refused("A record can't be merged with itself. Choose two records.")
    for golden in (survivor, loser):
        if golden.status == Status.MERGED:
            into = golden.survivor.public_id
            raise MergedRecord(
                f"{golden.public_id} was merged into {into}. Use that one.", record=golden.public_id, survivor=into
            )
        if expected and expected.get(golden.pk, golden.version) != golden.version:
            raise Stale(f"{golden.public_id} is at version {golden.version} now. Look at it again.")
    if survivor.domain != loser.domain:
        raise Refused(f"{survivor.public_id} and {loser.public_id} belong to different domains.")
    if rejected_between(members(survivor), members(loser)):
        raise Refused("A steward said that these are not the same. Reopen that decision first, if it was wrong.")


def apply(change: Change, survivor: GoldenRecord, loser: GoldenRecord) -> GoldenRecord:
    """The merge itself; both rows are locked and checked."""
    sources = list(SourceRecord.objects.select_related("code_system").filter(golden=loser).order_by("pk"))
    for source in sources:
        source.golden_id = survivor.pk
    SourceRecord.objects.bulk_update(sources, ["golden"])
    crosswalk.move_sources(change, sources)
    crosswalk.close_identifiers(change, loser.pk)
    codes = crosswalk.move_given(change, loser.pk, survivor.pk)
    substitution.follow_merge(change, loser, survivor)
    _end_requests(change, loser)
    _redirect(change, survivor, loser, {"sources": [s.pk for s in sources], "codes": codes, "was": loser.status})
    recompute(change, survivor.domain, [survivor.pk], relinked=[survivor.pk])
    quality.close_all(change, loser.pk)
    _follow_up(change, survivor, loser)
    survivor.refresh_from_db()
    return survivor


def _redirect(change: Change, survivor: GoldenRecord, loser: GoldenRecord, brought: dict[str, Any]) -> None:
    """The loser's id, and those that led to it, lead to the survivor. What it ``brought`` is kept for an unmerge."""
    absorbed = GoldenRecord.objects.filter(merged_into=loser)
    details = {"into": survivor.public_id, **brought, "absorbed": sorted(absorbed.values_list("pk", flat=True))}
    if loser.is_published:  # else nobody outside has heard of it
        change.together.update({g.pk: g.public_id for g in (survivor, loser, *absorbed)})
    absorbed.update(merged_into=survivor)  # kept flat
    loser.status, loser.merged_into = Status.MERGED, survivor
    loser.version += 1
    if loser.is_published:
        loser.approved_version = loser.version
    loser.updated_at = change.at
    write(change, [loser])
    search_index.refresh_silent(loser.domain, [loser])
    change.audit(golden=loser, version=loser.version, after=details)
    announce(change, [(loser, ChangeEvent.Kind.MERGED, ())])


def _end_requests(change: Change, loser: GoldenRecord) -> None:
    """Nobody can carry out a change of a record that is no more; its holds end with their requests."""
    Override.objects.filter(golden=loser, kind=Override.Kind.HOLD, withdrawn_at__isnull=True).update(
        withdrawn_at=change.at
    )
    about = Q(subject=loser) | Q(other=loser)
    for request in ChangeRequest.objects.filter(about, state=ChangeRequest.State.OPEN).select_related("subject"):
        requests.end(change, request, f"{loser.public_id} was merged")


def _follow_up(change: Change, survivor: GoldenRecord, loser: GoldenRecord) -> None:
    """The question whether these two are one is answered; doubtful records that pointed at the loser look again."""
    work.cancel(
        change,
        kind=WorkItem.Kind.POSSIBLE_DUPLICATE,
        subjects=[f"golden:{min(survivor.pk, loser.pk)}/{max(survivor.pk, loser.pk)}"],
    )
    doubtful = WorkItem.objects.filter(
        kind=WorkItem.Kind.POSSIBLE_MATCH, state__in=WorkItem.LIVE, candidates__contains=[{"golden": loser.pk}]
    )
    waiting = SourceRecord.objects.filter(pk__in=doubtful.values("source"), state=SourceRecord.State.REVIEW)
    free = waiting.select_for_update(skip_locked=True)  # whoever has one of them is deciding it
    SourceRecord.objects.filter(pk__in=[source.pk for source in free]).update(state=SourceRecord.State.PENDING)
