"""Work items: one live item per subject, due in time, closed by deciding them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from mdm.changes import Change
from mdm.exceptions import Forbidden, NeedsReason, Refused, Stale
from mdm.models import AuditEntry, DomainOwnership, User, WorkItem
from mdm.services import work
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def problem(reason: str = "The file is empty", **about: object) -> WorkItem:
    work.raise_problem(
        kind=WorkItem.Kind.FEED_PROBLEM, subject="feed:erp-item", title="ERP items", reason=reason,
        actor=User.objects.system(), domain="item", **about,
    )  # fmt: skip
    return WorkItem.objects.get(subject="feed:erp-item", state=WorkItem.State.OPEN)


def test_the_same_problem_again_is_the_same_item_with_newer_content() -> None:
    first = problem()
    again = problem("The file is cut off")
    assert (again.pk, again.reason, again.version) == (first.pk, "The file is cut off", 2)


def test_a_snoozed_problem_takes_the_new_content_too() -> None:
    item = problem()
    WorkItem.objects.filter(pk=item.pk).update(state="snoozed", snoozed_until=timezone.now())
    work.raise_problem(
        kind=item.kind, subject=item.subject, title="x", reason="Again", actor=User.objects.system(), domain="item"
    )
    assert kit.fresh(item).reason == "Again"
    assert WorkItem.objects.count() == 1


def test_work_is_due_when_the_domains_owner_wants_it() -> None:
    DomainOwnership.objects.create(domain="item", review_hours=4)
    item = problem()
    assert item.due_at is not None
    assert item.due_at - item.created_at == dt.timedelta(hours=4)
    assert work.due("supplier", item.created_at) - item.created_at == dt.timedelta(hours=work.DEFAULT_HOURS)


def test_many_items_ask_once_when_their_domain_wants_them(django_assert_max_num_queries: Any) -> None:
    change = Change.begin(User.objects.system(), "work.opened", "A feed")
    items = [
        WorkItem(kind=WorkItem.Kind.FEED_PROBLEM, domain="item", subject=f"feed:{n}", title="x", reason="y")
        for n in range(30)
    ]
    with django_assert_max_num_queries(4):
        work.put(change, items)
    assert WorkItem.objects.filter(due_at=change.at + dt.timedelta(hours=work.DEFAULT_HOURS)).count() == 30


def test_a_problem_is_closed_by_who_dealt_with_it_saying_how() -> None:
    item = problem()
    with pytest.raises(NeedsReason):
        work.dealt_with(item=item, actor=kit.steward(), expected_version=item.version, reason=" ")
    with pytest.raises(Forbidden):
        work.dealt_with(item=item, actor=kit.person("v", "viewer"), expected_version=item.version, reason="x")
    with pytest.raises(Stale):
        work.dealt_with(item=item, actor=kit.steward(), expected_version=item.version + 1, reason="x")
    done = work.dealt_with(item=item, actor=kit.steward(), expected_version=item.version, reason="Asked IT")
    assert (done.state, done.resolved_by, done.resolution_reason) == ("done", kit.steward(), "Asked IT")
    assert AuditEntry.objects.get(object_id=str(item.pk), action="work.closed").before["state"] == "open"


def test_a_review_is_not_closed_by_calling_it_dealt_with() -> None:
    item = kit.doubtful()
    with pytest.raises(Refused):
        work.dealt_with(item=item, actor=kit.steward(), expected_version=item.version, reason="x")


def test_a_closed_subject_can_be_opened_again() -> None:
    item = problem()
    work.cancel(Change.begin(kit.steward(), "test"), kind=item.kind, subjects=[item.subject])
    assert kit.fresh(item).state == WorkItem.State.CANCELLED
    assert problem().pk != item.pk
