"""Undo: a steward's decision about a work item is taken back whole, as far as nothing else was built on it."""

from __future__ import annotations

from django.db import transaction

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import Refused
from mdm.models import ChangeRequest, Crosswalk, GoldenRecord, Judgement, Relation, SourceRecord, User, WorkItem
from mdm.services import change as values
from mdm.services import crosswalk, requests
from mdm.services.judgements import end_judgement, members
from mdm.services.queue import hold
from mdm.services.review import DECIDED, show_candidates
from mdm.services.split import unmerge
from mdm.services.survive import recompute


@transaction.atomic
def undo(*, item: WorkItem, actor: User) -> WorkItem:
    """Take the last decision about this item back, as far as nothing else was built on it."""
    permissions.require(actor, permissions.DECIDE)
    hold(WorkItem.objects.select_related("source", "golden", "other").get(pk=item.pk))
    item = (
        WorkItem.objects.select_for_update(of=("self",)).select_related("source__code_system__system").get(pk=item.pk)
    )
    details = item.details
    if item.is_live and "set_aside" not in details:
        raise Refused("Nothing was decided here yet.")
    again = WorkItem.objects.filter(kind=item.kind, subject=item.subject, state__in=WorkItem.LIVE).exclude(pk=item.pk)
    if again.exists():
        raise Refused("The same question has been asked again since. Decide that one.")
    change = Change.begin(actor, "review.undo", "Undone")
    if not item.is_live:
        _take_back(change, item)
    for judgement in Judgement.objects.filter(pk__in=details.get("judgements", []), reopened_at__isnull=True):
        end_judgement(change, judgement)
    _reopen(item)
    change.audit(about=item, before={"decided": details}, after={"state": item.state})
    return item


def _take_back(change: Change, item: WorkItem) -> None:
    if item.resolution == "merged":
        loser = GoldenRecord.objects.get(pk=item.details["loser"])
        unmerge(loser=loser, actor=change.actor, reason="Undone", apart=False)
    elif item.resolution in ("accepted", "rejected", "new") and item.kind == WorkItem.Kind.POSSIBLE_MATCH:
        _unlink(change, item)
    elif item.resolution not in ("rejected", "kept"):
        raise Refused("This decision can't be undone here. Use split or unmerge on the golden record.")
    _take_back_request(change, item)
    if relation := Relation.objects.filter(pk=item.details.get("relation")).first():
        change.audit(about=relation, golden=relation.subject, after={"kind": None})
        relation.delete()


def _take_back_request(change: Change, item: WorkItem) -> None:
    """A substitute that was proposed with the decision, unless it is in force by now."""
    request = ChangeRequest.objects.select_for_update().filter(pk=item.details.get("request")).first()
    if request is None:
        return
    if request.state == ChangeRequest.State.OPEN:
        requests.end(change, request, "The decision that proposed it was undone")
    elif request.substitutions.filter(ended_at__isnull=True).exists():
        raise Refused("The substitute was approved since. End it on the page of the item first.")


def _reopen(item: WorkItem) -> None:
    """As it was before anybody decided, with the candidates that were set aside."""
    item.state, item.resolution, item.resolution_reason = WorkItem.State.OPEN, "", ""
    item.resolved_by, item.resolved_at, item.snoozed_until = None, None, None
    set_aside = item.details.get("set_aside", [])
    candidates = set_aside + [c for c in item.candidates if c not in set_aside]
    item.details = {k: v for k, v in item.details.items() if k not in DECIDED}
    item.save()
    if item.kind == WorkItem.Kind.POSSIBLE_MATCH and candidates:
        show_candidates(item, candidates)


def _unlink(change: Change, item: WorkItem) -> None:
    """The record goes back to review; a golden record that was made for it alone is retired."""
    source = item.source
    if source is None or source.golden_id is None or source.golden_id != item.details.get("golden"):
        raise Refused("The record was moved since. Use split on its golden record.")
    golden = values.writable(GoldenRecord.objects.get(pk=source.golden_id))
    source.golden_id, source.state = None, SourceRecord.State.REVIEW
    source.link_reason, source.link_score, source.linked_at = "", None, None
    source.save(update_fields=["golden", "state", "link_reason", "link_score", "linked_at"])
    Crosswalk.objects.filter(source=source, known_to__isnull=True).update(known_to=change.at)
    values.end_overrides(change, item.details.get("overrides", []))
    if members(golden):
        recompute(change, golden.domain, [golden.pk], relinked=[golden.pk])
    else:
        crosswalk.close_identifiers(change, golden.pk)
        values.apply_retirement(change, golden)
