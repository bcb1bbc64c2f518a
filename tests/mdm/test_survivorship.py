"""Which value survives, and that the reason given is the true one. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdm.survivorship import (
    AGREE,
    FULLEST,
    HOLD,
    ONLY,
    RECENT,
    STEWARD,
    TIE,
    TRUST,
    UNION,
    VALID,
    OverrideInput,
    Policy,
    SourceInput,
    Survived,
    survive,
)

EARLY, LATE = "2026-01-01T00:00:00+00:00", "2026-06-01T00:00:00+00:00"


def source(number: int, system: str = "erp", trust: int = 50, at: str = EARLY, **values: Any) -> SourceInput:
    echo = frozenset(values.pop("echo", ()))
    return SourceInput(number, system, trust, at, values, echo, values.pop("invalid", {}))


def override(path: str, value: Any, at: str = EARLY, *, hold: bool = False) -> OverrideInput:
    return OverrideInput(path, value, "Ann Lee", at, "Label", hold)


def run(*inputs: SourceInput | OverrideInput, domain: str = "item", policy: Policy | None = None) -> Survived:
    sources = [i for i in inputs if isinstance(i, SourceInput)]
    overrides = [i for i in inputs if isinstance(i, OverrideInput)]
    return survive(domain, sources, overrides, policy or Policy())


def brand(*inputs: SourceInput | OverrideInput, **options: Any) -> tuple[Any, str]:
    survived = run(*inputs, **options)
    return survived.values["brand"], survived.provenance["brand"]["reason"]


# ------------------------------------------------------------------------------------------------ order of preference


def test_nothing_stated_is_no_value_and_no_provenance() -> None:
    survived = run(source(1))
    assert survived.values["brand"] is None
    assert survived.provenance == {}


def test_the_reason_is_the_first_difference_that_decides() -> None:
    assert brand(source(1, brand="A")) == ("A", ONLY)
    assert brand(source(1, brand="Acme"), source(2, "scm", brand="ACME ")) == ("Acme", AGREE)
    assert brand(source(1, brand="A", trust=10, at=LATE), source(2, "scm", brand="B", trust=20)) == ("B", TRUST)
    assert brand(source(1, brand="A"), source(2, "scm", brand="B", at=LATE)) == ("B", RECENT)
    assert brand(source(1, "scm", brand="A"), source(2, "erp", brand="B")) == ("B", TIE)


def test_a_valid_identifier_beats_an_invalid_one_of_a_more_trusted_source() -> None:
    survived = run(
        source(1, trust=90, gtin="1", invalid={"gtin": "check digit"}),
        source(2, "scm", trust=10, gtin="00614141999996"),
    )
    assert (survived.values["gtin"], survived.provenance["gtin"]["reason"]) == ("00614141999996", VALID)


def test_an_invalid_identifier_is_kept_where_there_is_no_other_and_marked() -> None:
    survived = run(source(1, gtin="1", invalid={"gtin": "check digit"}))
    assert (survived.values["gtin"], survived.provenance["gtin"]["invalid"]) == ("1", "check digit")


def test_a_policy_trusts_a_system_for_one_attribute_alone() -> None:
    inputs = source(1, "erp", trust=90, brand="A", category="A"), source(2, "scm", trust=10, brand="B", category="B")
    survived = run(*inputs, policy=Policy(trust={"brand": {"scm": 95}}))
    assert (survived.values["brand"], survived.values["category"]) == ("B", "A")


def test_what_merely_echoes_is_no_evidence() -> None:
    survived = run(source(1, trust=90, brand="A", echo=["brand"]), source(2, "scm", trust=10, brand="B"))
    assert (survived.values["brand"], survived.provenance["brand"]["reason"]) == ("B", ONLY)


def test_losing_values_are_kept_and_equal_ones_are_not_losing() -> None:
    survived = run(source(1, brand="A", at=LATE), source(2, "scm", brand="a"), source(3, "ehr", brand="B"))
    assert [(o["source"], o["value"]) for o in survived.provenance["brand"]["others"]] == [(3, "B")]


def test_no_is_a_statement() -> None:
    assert run(source(1, sterile=False)).values["sterile"] is False


# ---------------------------------------------------------------------------------------------------------- overrides


def test_a_steward_outranks_every_source_and_the_newer_word_counts() -> None:
    inputs = source(1, trust=100, brand="A"), override("brand", "B"), override("brand", "C", LATE)
    assert brand(*inputs) == ("C", STEWARD)
    assert [o["value"] for o in run(*inputs).provenance["brand"]["others"]] == ["A"]


def test_a_hold_outranks_a_steward_and_what_is_beneath_is_told() -> None:
    survived = run(source(1, brand="A"), override("brand", "B", LATE), override("brand", "H", hold=True))
    assert (survived.values["brand"], survived.provenance["brand"]["reason"]) == ("H", HOLD)
    value, why = survived.beneath["brand"]
    assert (value, why["reason"]) == ("B", STEWARD)
    assert [o["value"] for o in survived.provenance["brand"]["others"]] == ["B", "A"]


def test_beneath_a_hold_there_may_be_nothing() -> None:
    assert run(override("brand", "H", hold=True)).beneath["brand"] == (None, {})


def test_a_childs_override_changes_its_child_or_adds_one() -> None:
    ladder = [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10}]
    survived = run(
        source(1, packaging=ladder), override("packaging[BX].quantity", 12), override("packaging[CA].quantity", 4)
    )
    assert survived.values["packaging"] == [
        {"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 12}, {"uom": "CA", "quantity": 4},
    ]  # fmt: skip
    assert survived.provenance["packaging[BX].quantity"]["reason"] == STEWARD
    assert ladder[1]["quantity"] == 10  # the source's own value is not touched


# ----------------------------------------------------------------------------------------------------------- children


def test_a_ladder_survives_whole() -> None:
    trusted = source(1, trust=90, packaging=[{"uom": "EA"}, {"uom": "BX", "quantity": 10}])
    other = source(2, "scm", packaging=[{"uom": "EA"}, {"uom": "BX", "quantity": 12}, {"uom": "CA", "quantity": 4}])
    survived = run(trusted, other)
    assert survived.values["packaging"] == trusted.values["packaging"]
    assert survived.provenance["packaging"]["reason"] == TRUST
    assert survived.provenance["packaging"]["others"][0]["value"] == other.values["packaging"]


def test_a_lone_base_unit_gives_way_to_a_ladder() -> None:
    survived = run(
        source(1, trust=90, packaging=[{"uom": "EA"}]),
        source(2, "scm", packaging=[{"uom": "EA"}, {"uom": "BX", "quantity": 12}]),
    )
    assert len(survived.values["packaging"]) == 2
    assert survived.provenance["packaging"]["reason"] == FULLEST


def test_addresses_survive_by_purpose() -> None:
    here, there = {"purpose": "ordering", "city": "Here"}, {"purpose": "ordering", "city": "There"}
    remit = {"purpose": "remit_to", "city": "Bank"}
    survived = run(source(1, trust=90, addresses=[here]), source(2, "scm", addresses=[remit, there]), domain="supplier")
    assert survived.values["addresses"] == [here, remit]
    assert survived.provenance["addresses"]["reason"] == UNION


def test_supplier_parts_are_the_union_and_one_price_per_part() -> None:
    part = {"supplier": 10, "number": "X-1", "uom": "EA", "contract": "", "price": "1.00"}
    survived = run(
        source(1, trust=90, supplier_parts=[part]),
        source(2, "scm", supplier_parts=[{"supplier": 9, "number": "Q"}, part | {"contract": None, "price": "2.00"}]),
    )
    assert [(p["supplier"], p.get("price")) for p in survived.values["supplier_parts"]] == [(10, "1.00"), (9, None)]


# ---------------------------------------------------------------------------------------- order and ids don't count

texts = st.sampled_from(["A", "a ", "B", "", "C"])
inputs = st.builds(
    lambda system, trust, at, brand, parts: (system, trust, at, brand, parts),
    st.sampled_from(["ehr", "erp", "scm"]),
    st.sampled_from([10, 50]),
    st.sampled_from([EARLY, LATE]),
    texts,
    st.lists(st.fixed_dictionaries({"supplier": st.sampled_from([9, 10]), "number": texts}), max_size=3),
)


def shown(survived: Survived) -> Any:
    """Without the source numbers, which are ids."""
    why = survived.provenance.get("brand", {})
    return survived.values, why.get("reason"), why.get("system"), sorted(str(o["value"]) for o in why.get("others", []))


@settings(max_examples=150)
@given(st.lists(inputs, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_ids_of_sources_decide(rows: list[Any], random: Any) -> None:
    def numbered(ids: list[int]) -> list[SourceInput]:
        return [
            source(n, system, trust, at, brand=brand, supplier_parts=parts)
            for n, (system, trust, at, brand, parts) in zip(ids, rows, strict=True)
        ]

    ids = list(range(len(rows)))
    first = run(*numbered(ids))
    random.shuffle(ids)
    again = numbered(ids)
    random.shuffle(again)
    assert shown(run(*again)) == shown(first)


@pytest.mark.parametrize("domain", ["item", "supplier", "location", "cost_center"])
def test_every_canonical_name_has_a_value(domain: str) -> None:
    from mdm.canonical import DOMAINS

    assert list(run(domain=domain).values) == [f.name for f in DOMAINS[domain].fields]
