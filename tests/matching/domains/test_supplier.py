from __future__ import annotations

from typing import Any

import pytest

from matching import Comparison, Statistics, recipe_for

RECIPE = recipe_for("supplier")
ADDRESS = {
    "purpose": "ordering",
    "line1": "2330 Foundry Way Suite 410",
    "city": "Pellham",
    "state": "MN",
    "postcode": "55438",
}


def compare(a: dict[str, Any], b: dict[str, Any]) -> Comparison:
    return RECIPE.compare(RECIPE.standardise(a), RECIPE.standardise(b), Statistics(), RECIPE.policy)


def bits(comparison: Comparison, field: str) -> float:
    return next(e.bits for e in comparison.evidence if e.field == field)


@pytest.mark.parametrize(
    "name",
    [
        "AUSTULON DISTRIBUTION LTD",
        "Austulon Distrib., Inc.",
        "Distribution, Austulon",
        "Acme DBA Austulon Distributing",
    ],
)
def test_spellings_of_a_rare_name_reach_a_steward_at_least(name: str) -> None:
    assert compare({"name": "Austulon Distribution, Ltd."}, {"name": name}).score >= RECIPE.policy.review_bits


def test_name_and_address_together_link() -> None:
    found = compare(
        {"name": "Austulon Distribution Ltd", "addresses": [ADDRESS]},
        {"name": "AUSTULON DISTRIB", "addresses": [ADDRESS | {"line1": "2330 FOUNDRY WAY STE 410"}]},
    )
    assert found.score > RECIPE.policy.sure_score
    assert not found.vetoes


def test_addresses_of_two_purposes_are_no_contradiction() -> None:
    remit = ADDRESS | {
        "purpose": "remit_to",
        "line1": "PO Box 77",
        "city": "Chicago",
        "state": "IL",
        "postcode": "60601",
    }
    same, other = {"addresses": [remit]}, {"addresses": [remit | {"purpose": "ordering"}]}
    assert bits(compare({"addresses": [ADDRESS]}, same), "street") == 0
    assert bits(compare({"addresses": [ADDRESS]}, other), "street") < 0


def test_initials_may_stand_for_the_name() -> None:
    found = compare({"name": "Ashcroft Plastics Ltd"}, {"name": "AP Corp"})
    evidence = next(e for e in found.evidence if e.field == "name")
    assert evidence.level == "similar"
    assert "initials" in evidence.note
    assert bits(compare({"name": "Ashcroft Plastics Ltd"}, {"name": "AX Corp"}), "name") < 0


def test_two_tax_numbers_are_asked_about() -> None:
    found = compare({"name": "Acme", "ein": "12-3456789"}, {"name": "Acme", "ein": "12-3456780"})
    assert found.vetoes == ("EINs differ",)


def test_twins_share_a_key() -> None:
    for a, b in [
        ({"name": "Acme Medical Supplies"}, {"name": "ACME MED SUPPLY INC"}),
        ({"name": "A", "ein": "12-3456789"}, {"name": "B", "ein": "123456789"}),
        ({"name": "Old Name", "phone": "(602) 344-5011"}, {"name": "New Name", "phone": "602.344.5011"}),
    ]:
        assert set(RECIPE.keys(RECIPE.standardise(a))) & set(RECIPE.keys(RECIPE.standardise(b)))


def test_two_companies_of_one_group_are_never_linked_without_asking() -> None:
    site = {"phone": "541-404-3638", "addresses": [{"line1": "8912 W Orchard Rd", "city": "Cedarford", "state": "OR"}]}
    found = compare({"name": "Insumicell Printing, Ltd", **site}, {"name": "Insumicell Cardiac Corp", **site})
    assert found.vetoes == ("each name has words of its own: both: insumicell; only A: printing; only B: cardiac",)


def test_initials_and_what_they_stand_for_do_not_conflict() -> None:
    assert compare({"name": "HT LLP"}, {"name": "Hollingsworth Textiles Ltd"}).vetoes == ()
