"""The pairs behind what proposed rules change: which, in which order, and why in words."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import pytest

from mdm.engine import engine_for
from mdm.models import ChangedPair, ChangeRequest
from mdm.services import changed_pairs
from mdm.services.policy_diff import policy_diff
from mdm.services.prospect import prospect
from mdm.services.revise import revise
from mdm.spreadsheet import csv_lines
from tests.mdm import kit

pytestmark = pytest.mark.django_db

WITHOUT_CODE = {name: value for name, value in kit.CATHETER.items() if name != "catalogue_number"}  # links
SHORT = {"description": "Foley catheter silicone", "manufacturer": "Halden Medical"}  # asks
SHORTER = {"description": "Foley catheter 16 Fr"}  # just too little to ask


def found(sure: float | None = None, review_bits: float = -2.0, **weights: float) -> list[ChangedPair]:
    """Of the rules in force and these. ``sure``: the score that links by itself; by default as in force."""
    engine = engine_for("item")
    policy = replace(engine.policy, review_bits=review_bits, weights={**engine.policy.weights, **weights})
    return list(prospect(engine, policy if sure is None else kit.sure_from(policy, sure)).pairs.first)


def ends(pair: ChangedPair) -> set[int]:
    return {pair.one_id, pair.two_id}


def sources(*codes: tuple[str, str]) -> set[int]:
    return {kit.source(*code).pk for code in codes}


def test_rules_that_change_nothing_have_no_pairs() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": SHORT})
    assert found() == []


def test_what_falls_apart_is_the_link_that_is_lost() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE})
    apart = {pair.outcome: pair for pair in found(sure=12.0, review_bits=9.0)}["apart"]
    assert ends(apart) == sources(("erp", "E1"), ("scm", "S1"))
    assert apart.before == apart.after < 9.0
    assert apart.because.startswith("Only the line moves; ")


def test_what_would_be_one_is_the_pair_that_is_most_alike() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": SHORTER})
    (one,) = found(sure=-3.0, review_bits=-4.0)
    assert (one.outcome, ends(one)) == ("one", sources(("erp", "E1"), ("scm", "S1")))
    assert one.chance_before < one.chance_after


@pytest.mark.parametrize(
    ("rules", "outcome"), [({"sure": 0.0}, "linked"), ({"sure": 60.0, "review_bits": 50.0}, "left")]
)
def test_a_review_is_linked_or_left_alone(rules: dict[str, float], outcome: str) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": SHORT})
    (pair,) = found(**rules)
    assert (pair.outcome, ends(pair)) == (outcome, sources(("erp", "E1"), ("scm", "S1")))


def test_a_link_that_a_steward_would_be_asked_about_is_told() -> None:
    kit.feed("mms", {"M1": kit.STAPLER})
    kit.feed("wms", {"W1": kit.STAPLER})
    assert [pair.outcome for pair in found(sure=40.0)] == ["asked", "asked"]


def test_the_reason_is_the_evidence_that_weighs_otherwise() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    (pair, *_) = found(sure=40.0, **{"code.rarity": 0.0, "words.agree": 0.0})
    assert pair.because.startswith("Catalogue no.: the same catalogue number, written differently (+14")
    assert ", now +0.0)" in pair.because


def test_the_closest_to_the_line_come_first_and_no_more_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": kit.STAPLER})
    rules: dict[str, Any] = {"sure": 60.0, "review_bits": 50.0}
    pairs = found(**rules)
    distances = [abs(pair.after - 50.0) for pair in pairs]
    assert (distances, [pair.number for pair in pairs]) == (sorted(distances), [1, 2])
    monkeypatch.setattr(changed_pairs, "KEPT", 1)
    assert [ends(pair) for pair in found(**rules)] == [ends(pairs[0])]


def test_critical_pairs_that_would_be_joined_are_kept_before_closer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": SHORT})
    kit.feed("mms", {"M1": SHORTER | {"implant": True}})
    monkeypatch.setattr(changed_pairs, "KEPT", 1)
    assert [pair.critical for pair in found(sure=-30.0, review_bits=-31.0)] == [True]


def test_small_chunks_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": kit.STAPLER})

    def told() -> list[Any]:
        return [(p.number, ends(p), p.before, p.after, p.because) for p in found(sure=60.0, review_bits=50.0)]

    whole = told()
    monkeypatch.setattr(changed_pairs, "CHUNK", 1)
    assert told() == whole != []


def test_there_is_a_pair_for_every_difference_that_is_counted() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": SHORTER, "S3": SHORT})
    engine = engine_for("item")
    for sure, review_bits in ((-3.0, -4.0), (12.0, 9.0), (60.0, 50.0)):
        diff = policy_diff(engine, replace(kit.sure_from(engine.policy, sure), review_bits=review_bits))
        counted = len(diff.merges) + len(diff.splits) + len(diff.moves) + diff.settled + diff.opened
        assert len(diff.changed) == counted > 0


def proposed() -> ChangeRequest:
    kit.feed("erp", {"E1": kit.CATHETER | {"description": "=cmd foley catheter 16 fr silicone"}})
    kit.feed("scm", {"S1": SHORT | {"implant": True}})
    values = {f"weights.{field}.{name}": 5.0 for field in ("words", "maker") for name in ("agree", "cap")}
    return revise(domain="item", values=values, expected_version=0, actor=kit.steward(), reason="Bold")


def test_pairs_are_stored_with_the_proposal_and_read_as_a_table() -> None:
    request = proposed()
    assert request.diff["pairs"] == {"count": 1, "kept": 1, "critical": 1}
    text = "".join(csv_lines(changed_pairs.table(changed_pairs.of_request(request))))
    titles, row = csv.reader(text.splitlines())
    told = dict(zip(titles, row, strict=True))
    assert (told["outcome"], told["critical"]) == ("Linked by itself", "yes")
    assert {(told["code a"], told["record a"]), (told["code b"], told["record b"])} == {
        ("E1", kit.golden("erp", "E1").public_id),
        ("S1", ""),
    }
    assert "'=cmd" in text
    assert float(told["probability after"]) > float(told["probability before"])
    assert changed_pairs.of_request(request, critical=True).count() == 1
