"""The publish gate changed by hand: the count tells what approval then does."""

from __future__ import annotations

import pytest

from mdm import policies
from mdm.exceptions import Forbidden, InvalidValue, NeedsReason, Refused, Stale
from mdm.models import ChangeRequest, Policy
from mdm.rows import load_values
from mdm.services import change, gate
from tests.mdm import kit

pytestmark = pytest.mark.django_db
BARE = {"description": "Mayo stand cover", "catalogue_number": "MS-1"}


def require(*required: str, **other: object) -> ChangeRequest:
    said = {"domain": "item", "expected_version": 0, "actor": kit.steward(), "reason": "The ERP can't do without"}
    return gate.require(required=required, **said | other)  # type: ignore[arg-type]


def in_force(*required: str, version: int = 0) -> None:
    change.approve(request=require(*required, expected_version=version), actor=kit.approver())


def test_what_a_gate_would_do_is_counted_before_it_is_proposed():
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "Flowline"}, "E2": BARE})
    assert gate.gate_diff("item", ["description", "brand"]) == gate.GateDiff(published=0, waiting=0, lacking=1)
    assert not ChangeRequest.objects.exists()


def test_every_kind_of_attribute_is_counted_as_the_gate_itself_decides():
    kit.feed("erp", {"E1": kit.CATHETER, "E2": BARE})
    values = load_values("item", [kit.golden("erp", code).pk for code in ("E1", "E2")])
    for spec in gate.choices("item"):
        lacking = [one for one in values.values() if not policies.gate_is_open((spec.name,), one)]
        assert gate.gate_diff("item", [spec.name]) == gate.GateDiff(0, 0, len(lacking)), spec.name


def test_drafts_follow_once_a_second_person_has_approved_and_live_records_stay_live():
    kit.feed("erp", {"E1": kit.CATHETER})
    in_force("description", "brand")
    kit.feed("erp", {"E2": BARE, "E3": kit.STAPLER | {"brand": "Steadyflow"}})
    assert [kit.golden("erp", code).status for code in ("E1", "E2", "E3")] == ["live", "draft", "live"]
    request = require("description", "catalogue_number", expected_version=1)
    assert request.diff["population"] == {"published": 1, "waiting": 0, "lacking": 0}
    assert request.diff["required"]["brand"] == {"before": True, "after": False}
    while gate.follow_gate():
        pass
    assert kit.golden("erp", "E2").status == "draft", "a proposal changes nothing"
    change.approve(request=request, actor=kit.approver())
    assert gate.follow_gate(limit=1) == 1
    assert kit.golden("erp", "E2").status == "live"
    assert gate.follow_gate() == 0
    assert Policy.objects.get(active=True).followed_to is None


def test_nonsense_is_refused():
    for asked, error in (((), InvalidValue), (("packaging",), InvalidValue), (("description",), Refused)):
        with pytest.raises(error):
            require(*asked)
    with pytest.raises(NeedsReason):
        require("brand", reason=" ")
    with pytest.raises(Stale):
        require("brand", expected_version=3)
    with pytest.raises(Forbidden):
        require("brand", actor=kit.person("eve", "viewer"))
