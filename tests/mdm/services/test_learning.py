"""Training: from decisions to a proposal with its effect on the whole population, never further by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from matching import Policy as MatchPolicy
from matching import em
from matching.decide import Costs
from mdm.engine import count_frequencies, engine_for
from mdm.exceptions import Forbidden, NeedsReason, Refused
from mdm.models import ChangeRequest, GoldenRecord, Policy, SourceRecord
from mdm.services import learning, requests
from tests.mdm import kit
from tests.mdm.learning import decide, population

pytestmark = pytest.mark.django_db


def decided(count: int = 4) -> None:
    population(count)
    for n in range(count):
        decide(f"E{n}", f"S{n}", True)
        decide(f"E{n}", f"S{(n + 1) % count}", False)


def test_training_proposes_rules_and_applies_nothing() -> None:
    decided()
    links = list(SourceRecord.objects.order_by("pk").values_list("pk", "golden", "state"))
    versions = list(GoldenRecord.objects.order_by("pk").values_list("pk", "version"))
    request = learning.train(domain="item", actor=kit.steward(), reason="Reviews of March")
    assert (request.kind, request.state, request.expected_version) == ("policy", "open", 0)
    assert not Policy.objects.filter(active=True).exists()
    assert engine_for("item").policy == MatchPolicy.default("item")
    assert list(SourceRecord.objects.order_by("pk").values_list("pk", "golden", "state")) == links
    assert list(GoldenRecord.objects.order_by("pk").values_list("pk", "version")) == versions


def test_a_proposal_tells_what_it_was_learned_from_and_what_it_would_do() -> None:
    decided()
    diff = learning.train(domain="item", actor=kit.steward(), reason="Reviews").diff
    assert diff["training"]["labels"] == {"same": 4, "different": 4}
    assert "too few" in diff["training"]["notes"][0]
    assert set(diff["population"]) == {"records", "golden_records", "reviews", "merges", "splits", "moves"}
    assert (diff["population"]["records"], diff["population"]["golden_records"]) == (8, 4)


def test_the_approved_policy_scores_as_it_was_trained() -> None:
    decided()
    count_frequencies("item", force=True)
    training = learning.practise("item")
    request = learning.train(domain="item", actor=kit.steward(), reason="Reviews")
    requests.approve(request=request, actor=kit.approver(), reason="Few labels")
    engine = engine_for("item")
    assert engine.policy_version == 1
    assert engine.policy == training.trained.policy
    one, two = kit.source("erp", "E0").standardised, kit.source("scm", "S0").standardised
    compared = engine.recipe.compare(one, two, engine.statistics, engine.policy)
    assert compared.score == pytest.approx(sum(evidence.bits for evidence in compared.evidence))


def test_stated_costs_are_proposed_and_the_score_that_they_ask_for_is_told() -> None:
    decided()
    before, training = engine_for("item").policy, learning.practise("item", Costs(false_link=1025.0, missed_link=17.0))
    policy = training.trained.policy
    assert policy.chance(policy.sure_score).right == pytest.approx(1 - 1 / 1025, abs=1e-6)
    told = training.to_json()
    assert told["costs.false_link"] == {"before": 30.0, "after": 1025.0}
    assert told["costs.missed_link"] == {"before": 20.0, "after": 17.0}
    assert told["sure_score"] == {"before": round(before.sure_score, 3), "after": round(policy.sure_score, 3)}
    assert policy.sure_score > before.sure_score + 5


def test_what_changes_is_told_by_path_and_what_stays_is_not() -> None:
    before = MatchPolicy.default("item")
    after = replace(
        before,
        review_bits=-3.0,
        calibration=replace(before.calibration, claimed=0.2),
        critical=Costs(before.critical.false_link, 50.0),
        weights={**before.weights, "code.rarity": 9.0},
    )
    assert learning.changes(before, before) == {}
    assert learning.changes(before, after) == {
        "review_bits": {"before": -2.0, "after": -3.0},
        "calibration.claimed": {"before": before.calibration.claimed, "after": 0.2},
        "critical.missed_link": {"before": 40.0, "after": 50.0},
        "weights.code.rarity": {"before": before.weights["code.rarity"], "after": 9.0},
    }


def test_labels_that_contradict_a_field_lower_its_weight_and_only_what_changes_is_listed() -> None:
    population(8)
    policy = MatchPolicy.default("item")
    loud = replace(policy, weights={**policy.weights, "sizes.agree": 3.0, "sizes.cap": 3.0})
    Policy.objects.create(
        kind="match", domain="item", version=1, body=loud.to_json(), active=True, author=kit.steward()
    )
    kit.feed("erp", {f"E{n}": {"description": f"catheter {n + 20} mm 7 cm"} for n in range(20, 32)})
    kit.feed("scm", {f"S{n}": {"description": f"bandage {n + 20} mm 7 cm"} for n in range(20, 32)})
    for n in range(20, 32):
        decide(f"E{n}", f"S{n}", False)
    told = learning.practise("item").to_json()
    assert told["training"]["factors"]["sizes"][0] < 1.0
    changed = told["weights.sizes.agree"]
    assert changed["after"] < changed["before"] == 3.0
    assert "weights.gtins.rarity" not in told
    assert "costs.false_link" not in told


def test_without_labels_there_is_nothing_to_learn() -> None:
    population(2)
    with pytest.raises(Refused, match="Nothing was decided"):
        learning.train(domain="item", actor=kit.steward(), reason="Eager")


def test_training_needs_a_reason_and_the_permission_to_decide() -> None:
    with pytest.raises(NeedsReason):
        learning.train(domain="item", actor=kit.steward(), reason=" ")
    with pytest.raises(Forbidden):
        learning.train(domain="item", actor=kit.approver(), reason="Reviews")


# ------------------------------------------------------------------------------------------------------------ commands


def test_a_dry_run_shows_the_effect_and_stores_nothing() -> None:
    decided()
    out = StringIO()
    call_command("train", "--domain", "item", "--dry-run", stdout=out)
    assert json.loads(out.getvalue())["population"]["records"] == 8
    assert not Policy.objects.exists()


def test_the_commands_propose_and_approve_as_two_people() -> None:
    decided()
    kit.steward()
    call_command("train", "--domain", "item", "--user", "steward", "--reason", "Reviews", stdout=StringIO(),
                 stderr=StringIO())  # fmt: skip
    request = ChangeRequest.objects.get()
    with pytest.raises(CommandError, match="permission"):
        call_command("approve_rules", str(request.pk), "--user", "steward")
    kit.approver()
    out = StringIO()
    call_command("approve_rules", str(request.pk), "--user", "approver", "--reason", "Few labels", stdout=out)
    assert "version 1" in out.getvalue()
    assert Policy.objects.get().active


def test_the_commands_say_who_or_what_is_missing() -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("train", "--domain", "item", "--user", "nobody", "--reason", "x")
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("approve_rules", "1", "--user", "nobody")
    kit.approver()
    with pytest.raises(CommandError, match="no change of the rules 1"):
        call_command("approve_rules", "1", "--user", "approver")
    with pytest.raises(CommandError, match="Nothing was decided"):
        call_command("train", "--domain", "item", "--dry-run")


# ------------------------------------------------------------------------------------------------------ without labels


def test_rules_can_be_proposed_without_any_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(em, "ENOUGH", 10)
    population(40)
    links = list(SourceRecord.objects.order_by("pk").values_list("pk", "golden", "state"))
    request = learning.train(domain="item", actor=kit.steward(), reason="Our data", unlabelled=True)
    assert (request.kind, request.state) == ("policy", "open")
    assert list(SourceRecord.objects.order_by("pk").values_list("pk", "golden", "state")) == links
    told = request.diff["training"]
    assert told["matched"] > 30
    assert {row["field"] for row in told["levels"]} >= {"code", "words", "sizes"}
    assert request.diff["population"]["records"] == 80
    requests.approve(request=request, actor=kit.approver(), reason="Few labels")
    assert engine_for("item").policy.weights != MatchPolicy.default("item").weights


def test_too_few_records_to_learn_from_are_refused() -> None:
    population(3)
    with pytest.raises(Refused, match="too few"):
        learning.practise_unlabelled("item")
    with pytest.raises(CommandError, match="too few"):
        call_command("train", "--domain", "item", "--unsupervised", "--dry-run")


def test_the_command_shows_what_was_learned_without_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(em, "ENOUGH", 10)
    population(40)
    out = StringIO()
    call_command("train", "--domain", "item", "--unsupervised", "--dry-run", stdout=out)
    assert json.loads(out.getvalue())["training"]["rounds"] >= 1
    assert not ChangeRequest.objects.exists()
