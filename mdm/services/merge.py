"""Merging: two golden records that turned out to be one. Undone by ``mdm.services.split``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import MergedRecord, Refused, Stale
from mdm.models import (
    ChangeEvent,
    ChangeRequest,
    Crosswalk,
    GoldenRecord,
    Judgement,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.services import crosswalk, requests, work
from mdm.services.events import announce
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
) -> GoldenRecord | ChangeRequest:
    """Make one record of two. Of criticality *high* this is a change request until a second person approves.

    Which of the two survives is not the caller's choice: the published one, else the older. Links, codes and overrides
    follow; the loser's id redirects for ever.
    """
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    one, two = lock_pair(survivor, loser)
    survivor, loser = choose(one, two)
    check(survivor, loser, expected_versions)
    if GoldenRecord.Criticality.HIGH in (survivor.criticality, loser.criticality):
        return requests.propose(
            kind=ChangeRequest.Kind.MERGE,
            subject=survivor,
            other=loser,
            actor=actor,
            reason=reason,
            diff={"survivor": survivor.public_id, "loser": loser.public_id},
        )
    return apply(Change.begin(actor, "merge", reason), survivor, loser)


def lock_pair(one: GoldenRecord, two: GoldenRecord) -> tuple[GoldenRecord, GoldenRecord]:
    """Both rows, locked in primary key order."""
    rows = {g.pk: g for g in GoldenRecord.objects.select_for_update().filter(pk__in=[one.pk, two.pk]).order_by("pk")}
    return rows[one.pk], rows[two.pk]


def choose(one: GoldenRecord, two: GoldenRecord) -> tuple[GoldenRecord, GoldenRecord]:
    """(survivor, loser): the published one survives, else the older."""
    first, second = sorted((one, two), key=lambda g: (not g.is_published, g.created_at, g.pk))
    return first, second


def check(survivor: GoldenRecord, loser: GoldenRecord, expected: Mapping[int, int] | None = None) -> None:
    """Refuse what can't or mustn't be merged."""
    if survivor.pk == loser.pk:
        raise Refused("A record can't be merged with itself. Choose two records.")
    for golden in (survivor, loser):
        if golden.status == Status.MERGED:
            raise MergedRecord(f"{golden.public_id} was merged. Use its survivor.", record=golden.public_id)
        if expected and expected.get(golden.pk, golden.version) != golden.version:
            raise Stale(f"{golden.public_id} is at version {golden.version} now. Look at it again.")
    if survivor.domain != loser.domain:
        raise Refused(f"{survivor.public_id} and {loser.public_id} belong to different domains.")
    rejected = Judgement.objects.filter(
        verdict=Judgement.Verdict.DIFFERENT,
        reopened_at__isnull=True,
        first__golden__in=[survivor.pk, loser.pk],
        second__golden__in=[survivor.pk, loser.pk],
    )
    if rejected.exists():
        raise Refused("A steward said that these are not the same. Reopen that decision first, if it was wrong.")


def apply(change: Change, survivor: GoldenRecord, loser: GoldenRecord) -> GoldenRecord:
    """The merge itself; both rows are locked and checked."""
    sources = list(SourceRecord.objects.select_related("code_system").filter(golden=loser).order_by("pk"))
    SourceRecord.objects.filter(golden=loser).update(golden=survivor)
    for source in sources:
        source.golden_id = survivor.pk
    crosswalk.move_sources(change, sources)
    _close_rest(change, loser, survivor)
    _retire_id(change, survivor, loser, [s.pk for s in sources])
    recompute(
        change,
        survivor.domain,
        [survivor.pk],
        relinked=[survivor.pk],
        kinds={survivor.pk: ChangeEvent.Kind.MERGED},
    )
    _close_work(change, survivor, loser)
    survivor.refresh_from_db()
    return survivor


def _close_rest(change: Change, loser: GoldenRecord, survivor: GoldenRecord) -> None:
    """Codes without a source of their own: identifiers are rebuilt, those that targets gave move along."""
    live = Crosswalk.objects.filter(golden=loser, known_to__isnull=True)
    given = [
        ((r.code_system_id, r.code, r.uom), survivor.pk, None)
        for r in live.filter(code_system__kind="primary", source__isnull=True)
    ]
    live.update(known_to=change.at)
    crosswalk.open_rows(change, given)


def _retire_id(change: Change, survivor: GoldenRecord, loser: GoldenRecord, moved: list[int]) -> None:
    GoldenRecord.objects.filter(merged_into=loser).update(merged_into=survivor)  # kept flat
    loser.status, loser.merged_into = Status.MERGED, survivor
    loser.version += 1
    if loser.approved_version:
        loser.approved_version = loser.version
    loser.updated_at = change.at
    write(change, [loser])
    details: dict[str, Any] = {"into": survivor.public_id, "sources": moved}
    change.audit(golden=loser, version=loser.version, after=details)
    announce(change, [(loser, ChangeEvent.Kind.MERGED, ())])


def _close_work(change: Change, survivor: GoldenRecord, loser: GoldenRecord) -> None:
    """Work about the loser alone is moot; doubtful records that pointed at it now point at the survivor."""
    work.cancel(
        change,
        kind=WorkItem.Kind.POSSIBLE_DUPLICATE,
        subjects=[f"golden:{min(survivor.pk, loser.pk)}/{max(survivor.pk, loser.pk)}"],
    )
    doubtful = WorkItem.objects.filter(
        kind=WorkItem.Kind.POSSIBLE_MATCH, state__in=WorkItem.LIVE, candidates__contains=[{"golden": loser.pk}]
    )
    SourceRecord.objects.filter(pk__in=doubtful.values("source"), state=SourceRecord.State.REVIEW).update(
        state=SourceRecord.State.PENDING
    )
    WorkItem.objects.filter(state__in=WorkItem.LIVE, golden=loser).exclude(kind=WorkItem.Kind.POSSIBLE_MATCH).update(
        state=WorkItem.State.CANCELLED, resolution="merged", resolved_by=change.actor, resolved_at=timezone.now()
    )
