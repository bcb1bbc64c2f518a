"""Owners and notes are changed by administrators, and audited with what was before."""

from __future__ import annotations

import pytest

from mdm.exceptions import Forbidden, InvalidValue, Refused
from mdm.models import AttributeNote, AuditEntry, DomainOwnership
from mdm.services import governance
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def admin():
    return kit.person("ada", "administrator")


def own(**other: object) -> DomainOwnership:
    said = {"domain": "item", "owner": None, "stewards": [kit.steward()], "review_hours": 8, "actor": admin()}
    return governance.set_ownership(**said | other)  # type: ignore[arg-type]


def test_an_ownership_is_kept_and_new_reviews_follow_it():
    own(owner=kit.person("olga", "viewer"))
    item = kit.doubtful()
    assert (item.due_at - item.created_at).total_seconds() == 8 * 3600
    own(review_hours=12)
    entry = AuditEntry.objects.filter(action="governance.owner").first()
    assert entry is not None
    assert (entry.before["review_hours"], entry.after["review_hours"]) == (8, 12)


def test_only_who_decides_reviews_becomes_a_steward():
    with pytest.raises(Refused, match="may not decide"):
        own(stewards=[kit.person("vera", "viewer")])


@pytest.mark.parametrize("hours", [0, 24 * 365])
def test_reviews_are_due_in_a_time_that_makes_sense(hours):
    with pytest.raises(InvalidValue):
        own(review_hours=hours)


def test_an_attribute_is_described_once_and_described_anew():
    for text in ("First", "Second"):
        governance.describe(domain="item", path="latex", definition=text, classification="public", actor=admin())
    assert AttributeNote.objects.get().definition == "Second"
    entry = AuditEntry.objects.filter(action="governance.attribute").first()
    assert entry is not None
    assert entry.before["definition"] == "First"


def test_what_is_no_attribute_or_no_class_is_refused():
    with pytest.raises(InvalidValue):
        governance.describe(domain="item", path="nothing", definition="", classification="public", actor=admin())
    with pytest.raises(InvalidValue):
        governance.describe(domain="item", path="latex", definition="", classification="secret", actor=admin())


def test_stewards_change_neither():
    with pytest.raises(Forbidden):
        own(actor=kit.steward())
    with pytest.raises(Forbidden):
        governance.describe(domain="item", path="latex", definition="", classification="public", actor=kit.steward())
