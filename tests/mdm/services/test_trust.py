"""Survivorship rules changed by hand: the diff tells what approval then does."""

from __future__ import annotations

import pytest

from mdm.exceptions import InvalidValue, NeedsReason, Refused, Stale
from mdm.models import ChangeRequest, Policy
from mdm.services import change, merge, trust
from tests.mdm import kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_sources() -> None:
    """One item, of which each system gives another brand; scm is believed more in general."""
    kit.code_system("erp", trust=40)
    kit.code_system("scm", trust=60)
    kit.merged(kit.CATHETER | {"brand": "Flowline"}, kit.STAPLER | {"brand": "Steadyflow"})


def propose(asked: trust.Asked, **other: object) -> ChangeRequest:
    said = {"domain": "item", "expected_version": 0, "actor": kit.steward(), "reason": "The ERP knows brands"}
    return trust.believe(trust=asked, **said | other)  # type: ignore[arg-type]


def test_the_diff_tells_which_records_get_which_value(two_sources):
    assert kit.golden("erp", "E1").item.brand == "Steadyflow"
    request = propose({"brand": {"erp": 90}})
    assert request.diff["brand.erp"] == {"before": None, "after": 90}
    found = request.diff["population"]
    assert (found["records"], found["changed"], found["fields"]) == (1, 1, {"brand": 1})
    assert found["examples"][0]["changes"] == {"brand": {"before": "Steadyflow", "after": "Flowline"}}
    assert kit.golden("erp", "E1").item.brand == "Steadyflow", "a proposal changes nothing"


def pair(n: int) -> None:
    """Another item like that of ``two_sources``."""
    kit.feed("erp", {f"E{n}": kit.CATHETER | {"catalogue_number": f"HM-9{n}", "brand": "Flowline"}})
    kit.feed("scm", {f"S{n}": kit.STAPLER | {"catalogue_number": f"LC-9{n}", "brand": "Steadyflow"}})
    one, two = kit.golden("erp", f"E{n}"), kit.golden("scm", f"S{n}")
    merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")


def test_once_approved_the_records_follow_and_what_is_left_is_known(two_sources):
    request = propose({"brand": {"erp": 90}})
    assert trust.follow_trust() == 0, "not in force yet"
    change.approve(request=request, actor=kit.approver())
    assert trust.follow_trust() == 1
    assert kit.golden("erp", "E1").item.brand == "Flowline"
    assert trust.follow_trust() == 0
    assert Policy.objects.get(active=True).followed_to is None


def test_records_that_came_to_several_sources_after_the_proposal_follow_too(two_sources):
    request = propose({"brand": {"erp": 90}})
    pair(2)
    change.approve(request=request, actor=kit.approver())
    while trust.follow_trust(limit=1):
        pass
    assert [kit.golden("erp", code).item.brand for code in ("E1", "E2")] == ["Flowline"] * 2
    assert kit.rebuild() == []


def test_rules_that_follow_others_at_once_leave_out_nothing_of_theirs(two_sources):
    pair(2)
    change.approve(request=propose({"brand": {"erp": 90}}), actor=kit.approver())
    assert trust.follow_trust(limit=1) == 1
    other = propose({"brand": {"erp": 90}, "category": {"erp": 10}}, expected_version=1)
    change.approve(request=other, actor=kit.approver())
    while trust.follow_trust(limit=1):
        pass
    assert [kit.golden("erp", code).item.brand for code in ("E1", "E2")] == ["Flowline"] * 2
    assert kit.rebuild() == []


def test_one_domain_that_is_through_does_not_hold_up_another(two_sources):
    change.approve(request=propose({"name": {"erp": 90}}, domain="supplier"), actor=kit.approver())
    change.approve(request=propose({"brand": {"erp": 90}}), actor=kit.approver())
    assert trust.follow_trust() == 1


def test_trust_goes_back_to_the_systems_own(two_sources):
    change.approve(request=propose({"brand": {"erp": 90}}), actor=kit.approver())
    trust.follow_trust()
    request = propose({"brand": {"erp": None}}, expected_version=1)
    change.approve(request=request, actor=kit.approver())
    trust.follow_trust()
    assert kit.golden("erp", "E1").item.brand == "Steadyflow"
    assert Policy.objects.get(active=True).body == {"trust": {}}


def test_what_makes_no_sense_is_refused(two_sources):
    for asked in ({"nothing": {"erp": 5}}, {"brand": {"nobody": 5}}, {"brand": {"erp": 101}}):
        with pytest.raises(InvalidValue):
            propose(asked)
    with pytest.raises(Refused, match="in force"):
        propose({"brand": {"erp": None}})
    with pytest.raises(NeedsReason):
        propose({"brand": {"erp": 90}}, reason=" ")
    with pytest.raises(Stale):
        propose({"brand": {"erp": 90}}, expected_version=4)
