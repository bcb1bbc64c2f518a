"""Items in hand: whoever takes one holds it; handing over many; calling somebody by a comment."""

from __future__ import annotations

import pytest

from mdm.exceptions import Held, Refused
from mdm.models import AuditEntry, WorkItem
from mdm.services import queue, review
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def test_nobody_else_decides_what_somebody_holds_until_they_take_it_over():
    item, omar = kit.doubtful(), kit.person("omar", "steward")
    review.assign(item=item, assignee=omar, actor=omar)
    with pytest.raises(Held, match="omar has taken this"):
        review.accept(item=item, actor=kit.steward())
    review.assign(item=item, assignee=kit.steward(), actor=kit.steward())
    assert review.accept(item=item, actor=kit.steward()).state == WorkItem.State.DONE


def test_many_items_are_handed_over_at_once_each_with_its_audit_row():
    item = kit.doubtful()
    kit.feed("erp", {"E9": kit.STAPLER})
    other = kit.duplicate(kit.golden("erp", "E1"), kit.golden("erp", "E9"))
    omar = kit.person("omar", "steward")
    assert queue.assign_all(items=[item.pk, other.pk], assignee=omar, actor=kit.steward()) == 2
    assert queue.assign_all(items=[item.pk, other.pk], assignee=omar, actor=kit.steward()) == 0
    assert AuditEntry.objects.filter(action="review.assign").count() == 2
    assert queue.assign_all(items=[item.pk], assignee=None, actor=kit.steward()) == 1


def test_reviews_are_handed_to_nobody_who_may_not_decide_them():
    item = kit.doubtful()
    with pytest.raises(Refused, match="may not decide"):
        queue.assign_all(items=[item.pk], assignee=kit.person("vera", "viewer"), actor=kit.steward())


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@omar please look", ["omar"]),
        ("ask @omar, or @vera.", ["omar", "vera"]),
        ("mail omar@example.org", []),
        ("@nobody @steward", []),
    ],
)
def test_a_comment_calls_those_it_names(text, called):
    item = kit.doubtful()
    for name in ("omar", "vera"):
        kit.person(name, "steward")
    made = queue.comment(item=item, text=text, actor=kit.steward())
    assert sorted(user.username for user in made.mentions.all()) == called
