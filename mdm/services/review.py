"""Reviews: what stewards decide about doubtful records. Each decision is a judgement that outlives every re-match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from mdm import permissions
from mdm.changes import Change
from mdm.engine import engine_for
from mdm.exceptions import NeedsReason, Refused, Stale
from mdm.models import (
    ChangeRequest,
    GoldenRecord,
    Judgement,
    Override,
    Relation,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.services import change as values
from mdm.services import crosswalk, merge, substitution, work
from mdm.services.follow import rebuild_waiting
from mdm.services.judgements import end_judgement, judge, members, rejected_between
from mdm.services.queue import assign, assign_all, comment, open_item, snooze, wake
from mdm.services.split import split
from mdm.services.storage import new_goldens
from mdm.services.survive import recompute

__all__ = [
    "accept",
    "assign",
    "assign_all",
    "comment",
    "create_new",
    "link",
    "reject",
    "relate",
    "reopen",
    "snooze",
    "wake",
]

Kind, State = WorkItem.Kind, WorkItem.State
Verdict = Judgement.Verdict

PICKED = "Picked in review"
DECIDED = (  # details of a decision
    "judgements", "golden", "loser", "survivor", "overrides", "relation", "request", "set_aside",
)  # fmt: skip


def _finish(change: Change, item: WorkItem, resolution: str, **details: Any) -> WorkItem:
    if details:
        item.details = item.details | details
        item.save(update_fields=["details"])
    work.close(change, [item], resolution=resolution)
    return item


@transaction.atomic
def accept(
    *,
    item: WorkItem,
    actor: User,
    expected_version: int | None = None,
    golden: GoldenRecord | None = None,
    picks: Mapping[str, Any] | None = None,
    ends: Mapping[str, str] | None = None,
    reason: str = "",
) -> WorkItem:
    """They are the same. A doubtful record is linked to ``golden`` (default: the best candidate); two golden records
    are merged, or proposed to be where that needs a second person. ``picks``: {path: value} to survive instead;
    ``ends``: {path: day, as in ISO 8601} from which what survives by itself holds.
    """
    item = open_item(item, actor, expected_version)
    change = Change.begin(actor, "review.accept", reason)
    if item.kind == Kind.POSSIBLE_MATCH:
        return _accept_match(change, item, golden, picks or {}, ends)
    if item.kind == Kind.POSSIBLE_DUPLICATE:
        return _accept_duplicate(change, item, picks or {}, ends)
    if item.kind == Kind.WEAK_LINK:
        source, among = _doubted(item)
        judged = judge(change, [source.pk], members(among), Verdict.SAME)
        return _finish(change, item, "kept", judgements=[j.pk for j in judged])
    raise Refused(f"A work item of kind {item.get_kind_display()} can't be accepted.")


def _accept_match(
    change: Change,
    item: WorkItem,
    golden: GoldenRecord | None,
    picks: Mapping[str, Any],
    ends: Mapping[str, str] | None,
) -> WorkItem:
    source = _in_review(item)
    target = values.writable(golden or _candidate(item))
    if target.domain != item.domain:
        raise Refused(f"{target.public_id} is no {item.domain}. Choose a record of the same domain.")
    among = members(target)
    if rejected_between([source.pk], among):
        raise Refused("A steward said that these are not the same. Reopen that decision first, if it was wrong.")
    found: dict[str, Any] = next((c for c in item.candidates if c["golden"] == target.pk), {})
    via = [found["via"]] if found.get("via") in among else among[:1]
    judged = judge(change, [source.pk], via, Verdict.SAME, score=found.get("score"))
    link(change, source, target.pk, score=found.get("score"))
    item.golden = target
    item.save(update_fields=["golden"])
    before = set(_overrides(target))
    merge.pick(target, picks, actor=change.actor, reason=change.reason or PICKED, ends=ends)
    picked = sorted(set(_overrides(target)) - before)
    return _finish(change, item, "accepted", judgements=[j.pk for j in judged], golden=target.pk, overrides=picked)


def _candidate(item: WorkItem) -> GoldenRecord:
    """The best candidate, or what it was merged into."""
    return GoldenRecord.objects.select_related("merged_into").get(pk=item.candidates[0]["golden"]).survivor


def _overrides(golden: GoldenRecord) -> QuerySet[Override, int]:
    standing = Override.objects.filter(golden=golden, kind=Override.Kind.STEWARD, withdrawn_at__isnull=True)
    return standing.values_list("pk", flat=True)


def _accept_duplicate(
    change: Change, item: WorkItem, picks: Mapping[str, Any], ends: Mapping[str, str] | None
) -> WorkItem:
    one, two = _pair(item)
    reason = change.reason or "Confirmed in review"
    result = merge.merge(survivor=one, loser=two, actor=change.actor, reason=reason, picks=picks, ends=ends)
    if isinstance(result, ChangeRequest):
        return _finish(change, item, "proposed", change_request=result.pk)
    loser = two if result.pk == one.pk else one
    item.refresh_from_db()  # the merge itself ended the item as moot; the decision is what counts
    return _finish(change, item, "merged", survivor=result.pk, loser=loser.pk)


def _pair(item: WorkItem) -> tuple[GoldenRecord, GoldenRecord]:
    """The two golden records, or what they were merged into since."""
    if item.golden is None or item.other is None:
        raise Refused("This item names no two golden records.")
    one, two = item.golden.survivor, item.other.survivor
    if one.pk == two.pk:
        raise Stale("These two were merged meanwhile. Take the next one.")
    return one, two


def _in_review(item: WorkItem) -> SourceRecord:
    """The doubtful record; ``open_item`` has locked it."""
    if item.source is None:
        raise Refused("This item names no source record.")
    if item.source.golden_id is not None:
        raise Stale("This record was linked meanwhile. Take the next one.")
    return item.source


def _doubted(item: WorkItem) -> tuple[SourceRecord, GoldenRecord]:
    """The record whose link is in doubt, and the golden record that it is linked to now."""
    if item.source is None or item.source.golden is None:
        raise Refused("This item names no linked source record.")
    return item.source, item.source.golden


def link(
    change: Change, source: SourceRecord, golden_id: int, *, score: float | None, fresh: GoldenRecord | None = None
) -> None:
    """Give a source record its golden record, as a steward decided. Whoever named its code finds it now."""
    source.golden_id = golden_id
    source.state = SourceRecord.State.LINKED
    source.link_reason = SourceRecord.LinkReason.STEWARD
    source.link_score, source.linked_at = score, change.at
    source.policy_version = engine_for(source.domain, change.known).policy_version
    source.save(update_fields=["golden", "state", "link_reason", "link_score", "linked_at", "policy_version"])
    opened = crosswalk.link_sources(change, [source])
    recompute(change, source.domain, [golden_id], fresh={golden_id: fresh} if fresh else {}, relinked=[golden_id])
    rebuild_waiting(change, opened)


@transaction.atomic
def reject(
    *,
    item: WorkItem,
    actor: User,
    expected_version: int | None = None,
    golden: GoldenRecord | None = None,
    reason: str = "",
) -> WorkItem:
    """Not the same as ``golden`` (default: the best candidate). With candidates left, the item shows the next one;
    with none, a doubtful record becomes a golden record of its own.
    """
    item = open_item(item, actor, expected_version)
    change = Change.begin(actor, "review.reject", reason)
    if item.kind == Kind.POSSIBLE_DUPLICATE:
        one, two = _pair(item)
        judged = judge(change, members(one), members(two), Verdict.DIFFERENT, score=item.score)
        return _finish(change, item, "rejected", judgements=[j.pk for j in judged])
    if item.kind == Kind.WEAK_LINK:
        source, among = _doubted(item)
        fresh = split(golden=among, sources=[source], actor=actor, reason=reason or "No longer the same")
        return _finish(change, item, "split", golden=fresh.pk)
    if item.kind != Kind.POSSIBLE_MATCH:
        raise Refused(f"A work item of kind {item.get_kind_display()} can't be rejected.")
    return _reject_match(change, item, golden)


def _reject_match(change: Change, item: WorkItem, golden: GoldenRecord | None) -> WorkItem:
    source = _in_review(item)
    gone = next((c for c in item.candidates if golden is None or c["golden"] == golden.pk), None)
    if gone is None:
        raise Refused("This record is no candidate here. Reject one of those that are shown.")
    judged = judge(change, [source.pk], _members_of(gone), Verdict.DIFFERENT, score=gone["score"])
    left = [c for c in item.candidates if c != gone]
    item.details = item.details | {
        "judgements": item.details.get("judgements", []) + [j.pk for j in judged],
        "set_aside": [*item.details.get("set_aside", []), gone],
    }
    if not left:
        return _found(change, item, source, "rejected")
    show_candidates(item, left)
    item.save(update_fields=["details"])
    change.audit(about=item, after={"rejected": gone["golden"]})
    return item


def show_candidates(item: WorkItem, candidates: list[dict[str, Any]]) -> None:
    """Put these candidates before the steward, the best first."""
    best = candidates[0]
    item.candidates, item.golden_id = candidates, best["golden"]
    item.score, item.probability = best["score"], best["probability"]
    item.version += 1
    item.save(update_fields=["candidates", "golden", "score", "probability", "version"])


@transaction.atomic
def create_new(*, item: WorkItem, actor: User, expected_version: int | None = None, reason: str = "") -> WorkItem:
    """The same as none of the candidates: a golden record of its own."""
    item = open_item(item, actor, expected_version)
    if item.kind != Kind.POSSIBLE_MATCH:
        raise Refused(f"A work item of kind {item.get_kind_display()} doesn't make a new record.")
    change = Change.begin(actor, "review.new", reason)
    source = _in_review(item)
    judged = [
        judgement.pk
        for candidate in item.candidates
        for judgement in judge(change, [source.pk], _members_of(candidate), Verdict.DIFFERENT, score=candidate["score"])
    ]
    item.details = item.details | {"judgements": item.details.get("judgements", []) + judged}
    return _found(change, item, source, "new")


def _found(change: Change, item: WorkItem, source: SourceRecord, resolution: str) -> WorkItem:
    """The record becomes a golden record of its own."""
    fresh = new_goldens(source.domain, 1, change)[0]
    link(change, source, fresh.pk, score=None, fresh=fresh)
    item.golden_id = fresh.pk
    item.save(update_fields=["golden"])
    return _finish(change, item, resolution, **item.details | {"golden": fresh.pk})


def _members_of(candidate: Mapping[str, Any]) -> list[int]:
    return members(GoldenRecord.objects.select_related("merged_into").get(pk=candidate["golden"]).survivor)


@transaction.atomic
def relate(*, item: WorkItem, kind: str, actor: User, expected_version: int | None = None, reason: str) -> WorkItem:
    """Not the same, but related: a substitute, or parent and child. Only between two golden records.

    A substitute of an item is proposed: lookups tell of it once a second person approves.
    """
    if not reason.strip():
        raise NeedsReason
    if kind not in Relation.Kind.values:
        raise Refused(f"{kind} is no relation. Choose one of {', '.join(Relation.Kind.values)}.")
    item = open_item(item, actor, expected_version)
    if item.kind == Kind.POSSIBLE_DUPLICATE:
        one, two = _pair(item)
        decided = reject(item=item, actor=actor, reason=reason)
    else:
        two = _candidate(item)
        decided = create_new(item=item, actor=actor, reason=reason)
        one = GoldenRecord.objects.get(pk=decided.details["golden"])
    if kind == Relation.Kind.SUBSTITUTE and one.domain == "item":
        request = substitution.propose(item=two, substitute=one, actor=actor, reason=reason)
        return _noted(decided, request=request.pk)
    relation, made = Relation.objects.get_or_create(
        kind=kind, subject=one, object=two, site=None, valid_from=None,
        defaults={"author": actor, "reason": reason[:500]},
    )  # fmt: skip
    Change.begin(actor, "relate", reason).audit(
        about=relation, golden=one, after={"kind": kind, "other": two.public_id}
    )
    return _noted(decided, relation=relation.pk) if made else decided


def _noted(item: WorkItem, **made: int) -> WorkItem:
    """With what undoing the decision takes away."""
    item.details = item.details | made
    item.save(update_fields=["details"])
    return item


@transaction.atomic
def reopen(*, judgement: Judgement, actor: User, reason: str) -> Judgement:
    """Take a judgement back: the pair may be proposed again. What was linked stays until somebody splits it."""
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    judgement = Judgement.objects.select_for_update(of=("self",)).get(pk=judgement.pk)
    if judgement.reopened_at is not None:
        raise Stale("This decision was reopened already.")
    end_judgement(Change.begin(actor, "judgement.reopened", reason), judgement)
    return judgement
