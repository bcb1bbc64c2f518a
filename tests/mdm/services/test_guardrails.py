"""What an approver must know of proposed rules; and that what isn't passed asks for their reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching import recipe_for
from mdm.changes import Change
from mdm.engine import engine_for
from mdm.exceptions import NeedsReason
from mdm.models import Policy, User, WorkItem
from mdm.services import labelled, requests, work
from mdm.services.prospect import prospect
from mdm.services.revise import revise
from tests.mdm import kit
from tests.mdm.learning import decide, population

pytestmark = pytest.mark.django_db

SHORTER = {"description": "Foley catheter 16 Fr"}  # just too little to ask
WITHOUT_CODE = {name: value for name, value in kit.CATHETER.items() if name != "catalogue_number"}  # links


def lines(sure: float | None = None, domain: str = "item", weights: Any = None, **changed: Any) -> dict[str, Any]:
    """Guardrails by name. ``sure``: the score that links by itself; by default as in force."""
    engine = engine_for(domain)
    proposed = replace(engine.policy, weights={**engine.policy.weights, **(weights or {})}, **changed)
    proposed = proposed if sure is None else kit.sure_from(proposed, sure)
    return {line.name: line for line in prospect(engine, proposed).guardrails}


def decided(wrong: bool = False) -> None:
    population(4)
    for n in range(4):
        decide(f"E{n}", f"S{n}", True)
        decide(f"E{n}", f"S{(n + 1) % 4}", False)
    if wrong:
        kit.feed("scm", {"S9": {"description": "catheter silicone"}})
        decide("E0", "S9", False)


def test_precision_without_labels_is_to_be_read() -> None:
    line = lines()["precision"]
    assert not line.passed
    assert "0 labelled pairs are the same and 0 are not; 30 of each are wanted" in line.says


@pytest.mark.parametrize(
    ("sure", "passed", "says"),
    [(None, True, "at or above the 96.67%"), (-60.0, False, "would be below the 96.67% of the costs: 80%, 1 of 5"),
     (60.0, False, "none of the labelled pairs would be linked")],
)  # fmt: skip
def test_precision_stays_above_what_the_costs_ask_for(
    monkeypatch: pytest.MonkeyPatch, sure: float | None, passed: bool, says: str
) -> None:
    monkeypatch.setattr(labelled, "ENOUGH", 4)
    decided(wrong=True)
    line = lines(sure)["precision"]
    assert line.passed is passed
    assert says in line.says


@pytest.mark.parametrize("implant", [True, False])
def test_critical_records_that_would_be_certain_are_counted(implant: bool) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": SHORTER | {"implant": implant}})
    line = lines(sure=-30.0, review_bits=-31.0)["critical"]
    assert line.passed is not implant
    assert line.says.startswith("1 pair" if implant else "No critical record")


def test_domains_without_critical_records_say_nothing_of_them() -> None:
    assert set(lines(domain="supplier")) == {"precision", "vetoes", "work"}


def test_vetoes_whose_weights_change_are_named() -> None:
    assert lines(weights={"code.rarity": 1.5, "packs.agree": 0.7})["vetoes"].says.startswith("Vetoes unchanged")
    line = lines(weights={"packs.conflict": -1.0, "maker.miss": 0.1})["vetoes"]
    assert (line.passed, line.says) == (False, "What vetoes a link would weigh otherwise: packaging differs")
    assert set(recipe_for("item").vetoes) == {"code", "gtins", "sizes", "variants", "packs"}


def failed_delivery() -> None:
    golden = kit.golden("erp", "E1")
    item = WorkItem(kind=WorkItem.Kind.FAILED_DELIVERY, domain="item", golden=golden, subject="lane:1", title="Refused")
    work.put(Change.begin(User.objects.system(), "test"), [item])


def test_golden_records_in_question_with_failed_deliveries_or_open_work_are_named() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE})
    splitting: dict[str, Any] = {"sure": 12.0, "review_bits": 9.0}
    assert lines(**splitting)["work"].passed
    failed_delivery()
    kit.duplicate(kit.golden("erp", "E1"), kit.golden("erp", "E2"))
    line = lines(**splitting)["work"]
    assert line.says.endswith("join: 1 with a failed delivery and 1 with an open work item")
    assert line.records == [kit.golden("erp", "E1").public_id]
    assert lines()["work"].passed, "nothing falls apart"


def test_whoever_approves_what_is_to_be_read_says_why() -> None:
    request = revise(
        domain="item", values={"costs.false_link": 60.0}, expected_version=0, actor=kit.steward(), reason="Fewer"
    )
    assert [line["name"] for line in request.to_read] == ["precision"]
    with pytest.raises(NeedsReason, match="Precision is not measured"):
        requests.approve(request=request, actor=kit.approver(), reason=" ")
    assert not Policy.objects.filter(active=True).exists()
    requests.approve(request=request, actor=kit.approver(), reason="We have no labels yet")
    assert Policy.objects.get(active=True).version == 1


def test_where_everything_is_passed_no_reason_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "ENOUGH", 4)
    decided()
    request = revise(
        domain="item", values={"costs.false_link": 31.0}, expected_version=0, actor=kit.steward(), reason="A little"
    )
    assert len(request.guardrails) == 4
    assert not request.to_read
    requests.approve(request=request, actor=kit.approver())
    assert Policy.objects.get(active=True).version == 1
