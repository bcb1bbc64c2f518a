"""What proposed rules would do to the whole population, and that looking changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching import Policy as MatchPolicy
from mdm.engine import engine_for
from mdm.models import AuditEntry, ChangeEvent, GoldenRecord, Policy, SourceRecord, User, WorkItem
from mdm.services import merge, population, review
from mdm.services.policy_diff import PolicyDiff, policy_diff
from tests.mdm import kit

pytestmark = pytest.mark.django_db

WITHOUT_CODE = {name: value for name, value in kit.CATHETER.items() if name != "catalogue_number"}  # links
SHORT = {"description": "Foley catheter silicone", "manufacturer": "Halden Medical"}  # asks
SHORTER = {"description": "Foley catheter 16 Fr"}  # just too little to ask


def diff(sure: float | None = None, review_bits: float = -2.0, **weights: float) -> PolicyDiff:
    """Of the rules in force and these. ``sure``: the score that links by itself; by default as in force."""
    engine = engine_for("item")
    policy = replace(engine.policy, review_bits=review_bits, weights={**engine.policy.weights, **weights})
    return policy_diff(engine, policy if sure is None else kit.sure_from(policy, sure))


def nothing(found: PolicyDiff) -> bool:
    return not (found.merges or found.splits or found.moves or found.opened or found.settled)


def in_force(**weights: float) -> None:
    policy = MatchPolicy.default("item")
    body = replace(policy, weights={**policy.weights, **weights}).to_json()
    Policy.objects.create(kind="match", domain="item", version=1, body=body, active=True, author=User.objects.system())


def test_the_rules_in_force_make_no_difference() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": SHORT})
    found = diff()
    assert nothing(found)
    assert (found.records, found.golden_records, found.waiting) == (4, 2, 1)


def test_golden_records_that_would_merge_are_listed_and_no_others() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": SHORTER})
    found = diff(sure=-3.0, review_bits=-4.0)
    pair = [kit.golden("erp", "E1").public_id, kit.golden("scm", "S1").public_id]
    assert [[row["golden"], row["other"]] for row in found.merges] == [pair]
    assert -3.0 < found.merges[0]["score"] < -2.0
    assert not found.splits + found.moves


@pytest.mark.parametrize(("both", "merges"), [(False, 1), (True, 0)])
def test_implants_would_merge_only_where_it_is_more_certain(both: bool, merges: int) -> None:
    kit.feed("erp", {"E1": kit.CATHETER | {"implant": both}})
    kit.feed("scm", {"S1": SHORTER | {"implant": both}})
    assert len(diff(sure=-3.0, review_bits=-4.0).merges) == merges


@pytest.mark.parametrize(("implant", "opened"), [(False, 0), (True, 3)])
def test_all_records_of_an_implant_would_be_asked_about_before_others_are(implant: bool, opened: int) -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"implant": implant}, "S2": kit.SAME_CATHETER})
    assert kit.golden("scm", "S1") == kit.golden("scm", "S2") == kit.golden("erp", "E1")
    found = diff(sure=19.0)
    assert (found.opened, found.splits) == (opened, [])


def test_every_record_of_an_implant_is_critical() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"implant": True}})
    assert diff().critical == {kit.source("erp", "E1").pk, kit.source("scm", "S1").pk}


def test_a_pair_that_a_person_called_different_would_not_merge() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": SHORTER})
    review.reject(item=kit.duplicate(kit.golden("erp", "E1"), kit.golden("scm", "S1")), actor=kit.steward())
    assert not diff(sure=-3.0, review_bits=-4.0).merges


def test_two_records_of_a_source_without_duplicates_would_not_merge() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": SHORTER}, deduplicated=True)
    assert not diff(sure=-3.0, review_bits=-4.0).merges


def test_a_conflict_of_any_source_keeps_golden_records_apart() -> None:
    """The likeness is between two sources; a third, which shares no key with the other side, says another size."""
    kit.merged(kit.CATHETER, {"description": "Urology tray 22 Fr"})
    kit.feed("mms", {"M1": SHORTER})
    assert not diff(sure=-3.0, review_bits=-4.0).merges


def test_a_golden_record_that_no_longer_hangs_together_would_split() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": kit.STAPLER})
    found = diff(sure=12.0, review_bits=9.0)
    golden = kit.golden("erp", "E1")
    parts = [[kit.source("erp", "E1").pk], [kit.source("scm", "S1").pk]]
    assert found.splits == [{"golden": golden.public_id, "parts": parts}]
    assert not found.merges


def test_what_a_steward_linked_or_merged_does_not_split() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": SHORT, "S2": {"description": "Drill bit 2.5 mm"}})
    review.accept(item=kit.review("scm", "S1"), actor=kit.steward())
    merge.merge(
        survivor=kit.golden("erp", "E2"), loser=kit.golden("scm", "S2"), actor=kit.steward(), reason="One thing"
    )
    found = diff(sure=60.0, review_bits=50.0)
    assert not found.splits + found.moves
    assert found.opened == 0


def test_a_link_that_would_be_made_to_another_record_moves() -> None:
    in_force(**{"code.rarity": 4.0})
    by_code = {"description": "Tube", "catalogue_number": kit.SAME_CATHETER["catalogue_number"]}
    kit.feed("erp", {"E1": by_code, "E2": WITHOUT_CODE})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")
    found = diff(**{"code.rarity": 0.0})
    source, goldens = kit.source("scm", "S1").pk, [kit.golden("erp", code).public_id for code in ("E1", "E2")]
    assert found.moves == [{"source": source, "from": goldens[0], "to": goldens[1]}]


def test_reviews_that_would_be_settled_and_opened_are_counted() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": SHORT})
    waiting = diff(sure=0.0)
    assert (waiting.waiting, waiting.settled, waiting.opened) == (1, 1, 0)
    kit.feed("mms", {"M1": kit.STAPLER})
    kit.feed("wms", {"W1": kit.STAPLER})
    asking = diff(sure=40.0)
    assert (asking.waiting, asking.settled, asking.opened) == (1, 0, 2)  # either stapler, had it come last


def test_looking_writes_nothing() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": SHORT})

    def state() -> list[Any]:
        rows = [list(model.objects.order_by("pk").values()) for model in (GoldenRecord, SourceRecord, WorkItem)]
        return [*rows, AuditEntry.objects.count(), ChangeEvent.objects.count()]

    before = state()
    assert not nothing(diff(sure=-30.0, review_bits=-31.0))
    assert state() == before


def test_small_batches_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": SHORTER, "S3": SHORT})
    whole = [diff(*bits).to_json() for bits in ((-3.0, -4.0), (12.0, 9.0))]
    monkeypatch.setattr(population, "BATCH", 1)
    assert [diff(*bits).to_json() for bits in ((-3.0, -4.0), (12.0, 9.0))] == whole


def test_examples_are_few_and_counts_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdm.services.policy_diff.SHOWN", 1)
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": WITHOUT_CODE, "S2": kit.STAPLER})
    told = diff(sure=60.0, review_bits=50.0).to_json()["splits"]
    assert (told["count"], len(told["examples"])) == (2, 1)
    assert told["examples"][0]["golden"].startswith("MDM-")
