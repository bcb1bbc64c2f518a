"""Rules in force and proposed ones on the pairs that people decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching import Policy
from matching.evaluate import Quality
from mdm.engine import engine_for
from mdm.models import GoldenRecord, SourceRecord
from mdm.services import change, labelled, rules, split
from mdm.services.labelled import Labelled
from tests.mdm import kit
from tests.mdm.learning import decide, item, population

pytestmark = pytest.mark.django_db


def measured(sure: float | None = None, **changed: float) -> Labelled:
    """The rules in force and others on all labels. ``sure``: the score that links by itself under the others."""
    engine = engine_for("item")
    proposed = replace(engine.policy, **changed)  # type: ignore[arg-type]
    return labelled.labelled(engine, proposed if sure is None else kit.sure_from(proposed, sure))


def decided(count: int = 4) -> None:
    """Half of the labels are of pairs that are the same, and linked; half of pairs that are not."""
    population(count)
    for n in range(count):
        decide(f"E{n}", f"S{n}", True)
        decide(f"E{n}", f"S{(n + 1) % count}", False)


def split_off(golden: GoldenRecord, code: str) -> None:
    source = kit.source("scm", code)
    split.split(golden=golden, sources=[source], actor=kit.steward(), reason="Another one")


def test_the_rules_in_force_link_what_is_the_same_and_stricter_ones_miss_it() -> None:
    decided()
    found = measured(sure=60.0).every
    assert (found.same, found.different) == (4, 4)
    assert found.before.quality == Quality(4, 0, 0)
    assert found.after.quality == Quality(0, 0, 4)


def test_lax_rules_link_what_is_not_the_same() -> None:
    decided()
    kit.feed("scm", {"S9": {"description": "catheter silicone"}})
    decide("E0", "S9", False)
    found = measured(sure=-60.0, review_bits=-70.0).every.after
    assert found.quality == Quality(4, 1, 0)
    assert found.silent == 0


def test_a_missed_pair_that_nobody_would_be_asked_about_is_told_apart() -> None:
    decided()
    assert (measured(sure=60.0).every.after.silent, measured(sure=60.0, review_bits=50.0).every.after.silent) == (0, 4)


def test_a_conflict_is_never_counted_as_a_link() -> None:
    kit.feed("erp", {"E0": item(0)})
    kit.feed("scm", {"S0": item(0, description="catheter silicone 9 mm")})
    decide("E0", "S0", True)
    assert measured(sure=-60.0).every.after.quality == Quality(0, 0, 1)


def test_a_record_that_two_others_resemble_alike_is_not_linked_and_so_never_wrongly() -> None:
    kit.feed("erp", {"E0": item(0), "E1": item(0, catalogue_number="HM-9-X")})
    shared = {name: value for name, value in item(0).items() if name != "catalogue_number"}
    kit.feed("scm", {"S0": shared})
    decide("E0", "S0", False)
    found = measured(sure=-60.0, review_bits=-70.0).every
    assert found.before.quality == found.after.quality == Quality(0, 0, 0)


def test_what_people_decided_does_not_make_the_rules_look_better() -> None:
    kit.feed("erp", {"E0": item(0)})
    kit.feed("scm", {"S0": item(0)})
    split_off(kit.golden("erp", "E0"), "S0")
    assert measured().every.before.quality == Quality(0, 1, 0), "they would be linked again, had nobody said no"


def test_records_that_no_longer_speak_are_left_out() -> None:
    decided()
    SourceRecord.objects.filter(code="S0").update(state=SourceRecord.State.RETIRED, golden=None)
    assert (measured().every.same, measured().every.different) == (3, 3)


def test_critical_pairs_are_measured_apart_and_by_their_own_threshold() -> None:
    kit.feed("erp", {"E0": item(0), "E1": item(1)})
    kit.feed("scm", {f"S{n}": item(n) | {"implant": n == 0} for n in range(2)})
    for n in range(2):
        decide(f"E{n}", f"S{n}", True)
    policy = engine_for("item").policy
    found = measured()
    assert (found.every.same, found.critical.same, found.critical.different) == (2, 1, 0)
    dear = replace(policy, critical=replace(policy.critical, false_link=1e15))
    strict = labelled.labelled(engine_for("item"), dear)
    assert strict.every.after.quality == Quality(1, 0, 1)
    assert strict.critical.after.quality == Quality(0, 0, 1)


def test_a_pair_is_critical_whichever_record_of_an_implant_says_so() -> None:
    kit.feed("erp", {"E0": item(0)})
    kit.feed("scm", {"S0": item(0)})
    decide("E0", "S0", True)
    assert measured().critical.same == 0
    kit.feed("mms", {"M0": item(0) | {"implant": True}})
    assert kit.golden("mms", "M0") == kit.golden("erp", "E0")
    assert measured().critical.same == 1


def test_few_labels_are_not_enough_and_none_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    none = measured()
    assert (none.every.same, none.every.different, none.every.enough) == (0, 0, False)
    decided()
    assert not measured().every.enough
    monkeypatch.setattr(labelled, "ENOUGH", 4)
    told = measured().to_json()
    assert (told["enough"], told["wanted"], told["every"]["before"]["precision"]) == (True, 4, 1.0)


def test_what_is_in_doubt_by_people_themselves_counts_for_nothing() -> None:
    decided()
    kit.feed("scm", {"S0": item(0, description="catheter silicone 99 mm")})
    assert (measured().every.same, measured().every.different) == (3, 3), "the record says something else by now"


def test_the_approved_rules_are_measured_as_they_were_proposed() -> None:
    decided()
    stricter = kit.sure_from(Policy.default("item"), 60.0)
    before = measured(sure=60.0).every.after
    request = rules.propose(
        kind="match", domain="item", body=stricter.to_json(), diff={}, touched=[], expected_version=0,
        actor=kit.steward(), reason="Stricter",
    )  # fmt: skip
    change.approve(request=request, actor=kit.approver(), reason="Seen")
    assert measured().every.before == before
