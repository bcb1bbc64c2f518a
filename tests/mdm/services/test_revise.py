"""Match rules changed by hand are a proposal with what they would do."""

from __future__ import annotations

import pytest

from matching import Policy as MatchPolicy
from mdm.exceptions import Forbidden, InvalidValue, NeedsReason, Refused, Stale
from mdm.models import ChangeRequest, Policy
from mdm.services import change
from mdm.services.revise import revise, revised
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def propose(values: dict[str, float], **other: object) -> ChangeRequest:
    said = {"domain": "item", "expected_version": 0, "actor": kit.steward(), "reason": "Fewer wrong links"}
    return revise(values=values, **said | other)  # type: ignore[arg-type]


def test_a_proposal_names_what_changes_and_what_it_would_do():
    kit.doubtful()
    request = propose({"costs.false_link": 60.0})
    assert request.diff["costs.false_link"] == {"before": 30.0, "after": 60.0}
    assert request.diff["population"]["records"] == 2
    assert not Policy.objects.get().active


def test_once_approved_the_rules_are_in_force():
    request = propose({"weights.code.rarity": 1.4})
    change.approve(request=request, actor=kit.approver(), reason="Few labels")
    assert MatchPolicy.from_json(Policy.objects.get(active=True).body).weights["code.rarity"] == 1.4


@pytest.mark.parametrize(
    "values",
    [{"costs.nothing": 1.0}, {"weights": 1.0}, {"domain": 2.0}, {"calibration.base": 1.0}, {"costs.false_link": 0.5},
     {"review_bits": float("nan")}],
)  # fmt: skip
def test_what_is_no_rule_or_makes_no_sense_is_refused(values):
    with pytest.raises(InvalidValue):
        revised(MatchPolicy.default("item"), values)


def test_nothing_changed_is_no_proposal():
    with pytest.raises(Refused, match="in force"):
        propose({"costs.false_link": 30.0})


def test_rules_that_changed_meanwhile_are_not_overwritten():
    with pytest.raises(Stale):
        propose({"costs.false_link": 60.0}, expected_version=3)


def test_a_proposal_needs_a_reason_and_the_permission():
    with pytest.raises(NeedsReason):
        propose({"costs.false_link": 60.0}, reason="")
    with pytest.raises(Forbidden):
        propose({"costs.false_link": 60.0}, actor=kit.person("vera", "viewer"))
