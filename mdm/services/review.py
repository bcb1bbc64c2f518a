"""Reviews: what stewards decide about doubtful records. Each decision is a judgement that outlives every re-match."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q

from mdm import permissions
from mdm.changes import Change
from mdm.engine import engine_for
from mdm.exceptions import NeedsReason, Refused, Stale
from mdm.locks import lock_keys
from mdm.models import (
    ChangeRequest,
    Comment,
    Crosswalk,
    GoldenRecord,
    Judgement,
    Relation,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.rows import load_values
from mdm.services import change as values
from mdm.services import crosswalk, merge, references, work
from mdm.services.split import end_judgement, judge, rejected_between, split, unmerge
from mdm.services.storage import new_goldens
from mdm.services.survive import recompute

Kind, State = WorkItem.Kind, WorkItem.State
Verdict = Judgement.Verdict


def _open(item: WorkItem, actor: User, expected_version: int | None) -> WorkItem:
    """The item, locked and still as the steward saw it."""
    permissions.require(actor, permissions.DECIDE)
    item = (
        WorkItem.objects.select_for_update(of=("self",)).select_related("source__code_system", "golden").get(pk=item.pk)
    )
    if not item.is_live:
        raise Stale("This was decided already. Take the next one.")
    if expected_version is not None and item.version != expected_version:
        raise Stale("This changed while you looked at it. Look at it again.")
    return item


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
    reason: str = "",
) -> WorkItem:
    """They are the same. A doubtful record is linked to ``golden`` (default: the best candidate); two golden records are
    merged, or proposed to be where that needs a second person. ``picks``: {path: value} that should survive instead.
    """
    item = _open(item, actor, expected_version)
    change = Change.begin(actor, "review.accept", reason)
    if item.kind == Kind.POSSIBLE_MATCH:
        done = _accept_match(change, item, golden)
    elif item.kind == Kind.POSSIBLE_DUPLICATE:
        done = _accept_duplicate(change, item)
    elif item.kind == Kind.WEAK_LINK and item.source is not None:
        others = SourceRecord.objects.filter(golden=item.golden).exclude(pk=item.source.pk)
        judge(change, [item.source], others, Verdict.SAME)
        done = _finish(change, item, "kept")
    else:
        raise Refused(f"A work item of kind {item.get_kind_display()} can't be accepted.")
    _apply_picks(change, item, picks or {})
    return done


def _accept_match(change: Change, item: WorkItem, golden: GoldenRecord | None) -> WorkItem:
    source = _in_review(item)
    target = GoldenRecord.objects.get(pk=golden.pk if golden else item.candidates[0]["golden"]).survivor
    target = values.writable(target)
    members = list(SourceRecord.objects.filter(golden=target))
    if rejected_between([source.pk], [m.pk for m in members]):
        raise Refused("A steward said that these are not the same. Reopen that decision first, if it was wrong.")
    found = next((c for c in item.candidates if c["golden"] == target.pk), {})
    via = [m for m in members if m.pk == found.get("via")] or members[:1]
    judged = judge(change, [source], via, Verdict.SAME, score=found.get("score"))
    _link(change, source, target.pk, score=found.get("score"))
    item.golden = target
    item.save(update_fields=["golden"])
    return _finish(change, item, "accepted", judgements=[j.pk for j in judged], golden=target.pk)


def _accept_duplicate(change: Change, item: WorkItem) -> WorkItem:
    one, two = _pair(item)
    result = merge.merge(survivor=one, loser=two, actor=change.actor, reason=change.reason or "Confirmed in review")
    if isinstance(result, ChangeRequest):
        return _finish(change, item, "proposed", change_request=result.pk)
    loser = two if result.pk == one.pk else one
    item.refresh_from_db()  # the merge itself ended the item as moot; the decision is what counts
    return _finish(change, item, "merged", survivor=result.pk, loser=loser.pk)


def _pair(item: WorkItem) -> tuple[GoldenRecord, GoldenRecord]:
    if item.golden is None or item.other is None:
        raise Refused("This item names no two golden records.")
    return item.golden.survivor, item.other.survivor


def _in_review(item: WorkItem) -> SourceRecord:
    """The doubtful record, locked together with its keys, so that no twin is created meanwhile."""
    if item.source_id is None:
        raise Refused("This item names no source record.")
    source = (
        SourceRecord.objects.select_for_update(of=("self",))
        .select_related("code_system__system")
        .get(pk=item.source_id)
    )
    if source.golden_id is not None:
        raise Stale("This record was linked meanwhile. Take the next one.")
    lock_keys(source.domain, engine_for(source.domain).keys(source.standardised))
    return source


def _link(
    change: Change, source: SourceRecord, golden_id: int, *, score: float | None, fresh: GoldenRecord | None = None
) -> None:
    source.golden_id = golden_id
    source.state = SourceRecord.State.LINKED
    source.link_reason = SourceRecord.LinkReason.STEWARD
    source.link_score, source.linked_at = score, change.at
    source.policy_version = engine_for(source.domain).policy_version
    source.save(update_fields=["golden", "state", "link_reason", "link_score", "linked_at", "policy_version"])
    opened = crosswalk.link_sources(change, [source])
    recompute(change, source.domain, [golden_id], fresh={golden_id: fresh} if fresh else {}, relinked=[golden_id])
    waiting = references.waiting_for(opened) - {golden_id}
    for domain in set(GoldenRecord.objects.filter(pk__in=waiting).values_list("domain", flat=True)):
        ids = GoldenRecord.objects.filter(pk__in=waiting, domain=domain).values_list("pk", flat=True)
        recompute(change, domain, list(ids))


def _apply_picks(change: Change, item: WorkItem, picks: Mapping[str, Any]) -> None:
    """A value that a steward picked and that does not survive by itself becomes an override."""
    golden = item.golden
    if golden is None or not picks:
        return
    golden = golden.survivor
    now = load_values(golden.domain, [golden.pk])[golden.pk]
    for path, value in picks.items():
        if now.get(path) != values.checked(golden.domain, path, value):
            values.override(
                golden=golden, path=path, value=value, actor=change.actor, reason=change.reason or "Picked in review"
            )


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
    item = _open(item, actor, expected_version)
    change = Change.begin(actor, "review.reject", reason)
    if item.kind == Kind.POSSIBLE_DUPLICATE:
        one, two = _pair(item)
        judged = judge(change, _sources(one), _sources(two), Verdict.DIFFERENT, score=item.score)
        return _finish(change, item, "rejected", judgements=[j.pk for j in judged])
    if item.kind == Kind.WEAK_LINK and item.source is not None and item.golden is not None:
        fresh = split(golden=item.golden, sources=[item.source], actor=actor, reason=reason or "No longer the same")
        return _finish(change, item, "split", golden=fresh.pk)
    if item.kind != Kind.POSSIBLE_MATCH:
        raise Refused(f"A work item of kind {item.get_kind_display()} can't be rejected.")
    source = _in_review(item)
    gone = golden.pk if golden else item.candidates[0]["golden"]
    judged = judge(change, [source], _members(gone), Verdict.DIFFERENT, score=item.score)
    left = [c for c in item.candidates if c["golden"] != gone]
    if not left:
        return _found(change, item, source, [j.pk for j in judged], "rejected")
    item.candidates, item.golden_id = left, left[0]["golden"]
    item.score, item.probability = left[0]["score"], left[0]["probability"]
    item.details = item.details | {"judgements": item.details.get("judgements", []) + [j.pk for j in judged]}
    item.version += 1
    item.save(update_fields=["candidates", "golden", "score", "probability", "details", "version"])
    return item


@transaction.atomic
def create_new(*, item: WorkItem, actor: User, expected_version: int | None = None, reason: str = "") -> WorkItem:
    """The same as none of the candidates: a golden record of its own."""
    item = _open(item, actor, expected_version)
    if item.kind != Kind.POSSIBLE_MATCH:
        raise Refused(f"A work item of kind {item.get_kind_display()} doesn't make a new record.")
    change = Change.begin(actor, "review.new", reason)
    source = _in_review(item)
    judged = [
        j.pk
        for c in item.candidates
        for j in judge(change, [source], _members(c["golden"]), Verdict.DIFFERENT, score=c["score"])
    ]
    return _found(change, item, source, judged, "new")


def _found(change: Change, item: WorkItem, source: SourceRecord, judged: Sequence[int], resolution: str) -> WorkItem:
    fresh = new_goldens(source.domain, 1, change)[0]
    _link(change, source, fresh.pk, score=None, fresh=fresh)
    judgements = item.details.get("judgements", []) + list(judged)
    item.golden_id = fresh.pk
    item.save(update_fields=["golden"])
    return _finish(change, item, resolution, judgements=judgements, golden=fresh.pk)


def _sources(golden: GoldenRecord) -> list[SourceRecord]:
    return list(SourceRecord.objects.filter(golden=golden))


def _members(golden_id: int) -> list[SourceRecord]:
    return _sources(GoldenRecord.objects.select_related("merged_into").get(pk=golden_id).survivor)


@transaction.atomic
def relate(*, item: WorkItem, kind: str, actor: User, expected_version: int | None = None, reason: str) -> WorkItem:
    """Not the same, but related: a substitute, or parent and child. Only between two golden records."""
    if not reason.strip():
        raise NeedsReason
    if item.kind == Kind.POSSIBLE_DUPLICATE:
        one, two = _pair(item)
        decided = reject(item=item, actor=actor, expected_version=expected_version, reason=reason)
    else:
        candidate = GoldenRecord.objects.get(pk=item.candidates[0]["golden"]).survivor
        decided = create_new(item=item, actor=actor, expected_version=expected_version, reason=reason)
        one, two = GoldenRecord.objects.get(pk=decided.details["golden"]), candidate
    relation = Relation.objects.create(kind=kind, subject=one, object=two, author=actor, reason=reason[:500])
    Change.begin(actor, "relate", reason).audit(
        about=relation, golden=one, after={"kind": kind, "other": two.public_id}
    )
    return decided


@transaction.atomic
def snooze(*, item: WorkItem, until: dt.datetime, actor: User, expected_version: int | None = None) -> WorkItem:
    """Out of the queue until then."""
    item = _open(item, actor, expected_version)
    item.state, item.snoozed_until, item.version = State.SNOOZED, until, item.version + 1
    item.save(update_fields=["state", "snoozed_until", "version"])
    Change.begin(actor, "review.snooze").audit(about=item, after={"until": until.isoformat()})
    return item


@transaction.atomic
def wake(*, now: dt.datetime) -> int:
    """Snoozed items whose time has come go back to the queue."""
    return WorkItem.objects.filter(state=State.SNOOZED, snoozed_until__lte=now).update(
        state=State.OPEN, snoozed_until=None
    )


@transaction.atomic
def assign(*, item: WorkItem, assignee: User | None, actor: User) -> WorkItem:
    """Hand the item to a steward, or back to the team. Its content stays as it is, so its version does too."""
    permissions.require(actor, permissions.DECIDE)
    item = WorkItem.objects.select_for_update(of=("self",)).get(pk=item.pk)
    before = item.assignee_id
    item.assignee = assignee
    item.save(update_fields=["assignee"])
    Change.begin(actor, "review.assign").audit(
        about=item, before={"assignee": before}, after={"assignee": item.assignee_id}
    )
    return item


@transaction.atomic
def comment(*, item: WorkItem, text: str, actor: User) -> Comment:
    permissions.require(actor, permissions.VIEW)
    if not text.strip():
        raise NeedsReason("A comment needs text.")
    made = Comment.objects.create(item=item, author=actor, text=text[:2000])
    Change.begin(actor, "review.comment").audit(about=item, after={"comment": made.pk})
    return made


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


@transaction.atomic
def undo(*, item: WorkItem, actor: User) -> WorkItem:
    """Take the last decision about this item back, as far as nothing else was built on it."""
    permissions.require(actor, permissions.DECIDE)
    item = WorkItem.objects.select_for_update(of=("self",)).select_related("source__code_system").get(pk=item.pk)
    if item.is_live:
        raise Refused("Nothing was decided here yet.")
    change = Change.begin(actor, "review.undo", "Undone")
    if item.resolution == "merged":
        unmerge(loser=GoldenRecord.objects.get(pk=item.details["loser"]), actor=actor, reason="Undone", apart=False)
    elif item.resolution in ("accepted", "rejected", "new") and item.kind == Kind.POSSIBLE_MATCH:
        _unlink(change, item)
    elif item.resolution not in ("rejected", "kept"):
        raise Refused("This decision can't be undone here. Use split or unmerge on the golden record.")
    for judgement in Judgement.objects.filter(pk__in=item.details.get("judgements", []), reopened_at__isnull=True):
        end_judgement(change, judgement)
    item.state, item.resolution, item.resolved_by, item.resolved_at = State.OPEN, "", None, None
    item.version += 1
    item.details = {k: v for k, v in item.details.items() if k not in ("judgements", "golden", "loser", "survivor")}
    item.save(update_fields=["state", "resolution", "resolved_by", "resolved_at", "version", "details"])
    change.audit(about=item, after={"state": item.state})
    return item


def _unlink(change: Change, item: WorkItem) -> None:
    """The record goes back to review; a golden record that was made for it alone is retired."""
    source = item.source
    if source is None or source.golden_id is None or source.golden_id != item.details.get("golden"):
        raise Refused("The record was moved since. Use split on its golden record.")
    golden = values.writable(GoldenRecord.objects.get(pk=source.golden_id))
    source.golden_id, source.state = None, SourceRecord.State.REVIEW
    source.link_reason, source.link_score, source.linked_at = "", None, None
    source.save(update_fields=["golden", "state", "link_reason", "link_score", "linked_at"])
    Crosswalk.objects.filter(Q(source=source), known_to__isnull=True).update(known_to=change.at)
    if SourceRecord.objects.filter(golden=golden).exists():
        recompute(change, golden.domain, [golden.pk], relinked=[golden.pk])
    else:
        Crosswalk.objects.filter(golden=golden, known_to__isnull=True).update(known_to=change.at)
        values.apply_retirement(change, golden)
