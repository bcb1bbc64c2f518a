from matching import Comparison, Statistics, decide, recipe_for
from matching.decide import Ranked
from matching.explain import summary, why, why_not

RECIPE = recipe_for("item")


def compare(a: dict[str, str], b: dict[str, str]) -> Comparison:
    return RECIPE.compare(RECIPE.standardise(a), RECIPE.standardise(b), Statistics(), RECIPE.policy)


def test_why_names_the_strongest_evidence_first() -> None:
    found = compare(
        {"catalogue_number": "01-7144", "description": "bone plate left"},
        {"catalogue_number": "017144", "description": "plate bone"},
    )
    lines = why(found)
    assert lines[0].startswith("Catalogue no.: the same catalogue number, written differently (+")


def test_why_not_names_vetoes_and_what_could_still_be_stated() -> None:
    reasons = why_not(
        compare({"description": "screw 34mm"}, {"description": "screw 35mm", "gtin": "00844505010184"}), RECIPE.policy
    )
    assert any("sizes differ" in reason and "never linked" in reason for reason in reasons)
    assert any(reason.startswith("GTIN") for reason in reasons)


def test_a_certain_pair_has_no_why_not() -> None:
    same = {"catalogue_number": "01-7144", "description": "evos plate titanium", "gtin": "00844505010184"}
    assert why_not(compare(same, same), RECIPE.policy) == []


def test_a_note_names_what_resembles_what() -> None:
    found = compare({"description": "coronary stnet cobalt"}, {"description": "coronary stent chromium"})
    note = next(e.note for e in found.evidence if e.field == "words")
    assert "alike: stnet ≈ stent" in note


def test_every_finding_is_worded() -> None:
    found = compare({"description": "screw", "catalogue_number": "A-100"}, {"description": "plate"})
    assert all(evidence.note for evidence in found.evidence)


def test_a_decision_is_one_sentence() -> None:
    assert summary(decide([Ranked("a", 99.0)], RECIPE.policy)) == "Linked: certain and without rival."
