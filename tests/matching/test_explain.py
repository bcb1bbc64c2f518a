from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import Comparison, Statistics, decide, recipe_for
from matching.decide import Ranked
from matching.explain import Change, line, links, summary, verdict, what_if, why, why_not
from matching.records import LEVELS, Evidence, Level
from tests.matching.conftest import VALUES

RECIPE = recipe_for("item")
# Links from 5 bits on.
POLICY = replace(RECIPE.policy, calibration=RECIPE.policy.calibration.through(5.0, RECIPE.policy.costs.auto))


def compare(a: dict[str, str], b: dict[str, str]) -> Comparison:
    return RECIPE.compare(RECIPE.standardise(a), RECIPE.standardise(b), Statistics(), POLICY)


def test_why_names_the_strongest_evidence_first() -> None:
    found = compare(
        {"catalogue_number": "01-7144", "description": "bone plate left"},
        {"catalogue_number": "017144", "description": "plate bone"},
    )
    lines = why(found)
    assert lines[0].startswith("Catalogue no.: the same catalogue number, written differently (+")


def test_why_not_names_vetoes_and_what_could_still_be_stated() -> None:
    reasons = why_not(
        compare({"description": "screw 34mm"}, {"description": "screw 35mm", "gtin": "00844505010184"}), POLICY
    )
    assert any("sizes differ" in reason and "never linked" in reason for reason in reasons)
    assert any(reason.startswith("GTIN") for reason in reasons)


def test_a_certain_pair_has_no_why_not() -> None:
    same = {"catalogue_number": "01-7144", "description": "evos plate titanium", "gtin": "00844505010184"}
    assert why_not(compare(same, same), POLICY) == []


def test_a_note_names_what_resembles_what() -> None:
    found = compare({"description": "coronary stnet cobalt"}, {"description": "coronary stent chromium"})
    note = next(e.note for e in found.evidence if e.field == "words")
    assert "alike: stnet ≈ stent" in note


def test_every_finding_is_worded() -> None:
    found = compare({"description": "screw", "catalogue_number": "A-100"}, {"description": "plate"})
    assert all(evidence.note for evidence in found.evidence)


def test_a_decision_is_one_sentence() -> None:
    assert summary(decide([Ranked("a", 99.0)], POLICY)) == "Linked: certain and without rival."


A = {"description": "CATHETER FOLEY 16FR 5CC SILICONE", "manufacturer": "Bard", "catalogue_number": "0165SI16"}


def changes(a: dict[str, str], b: dict[str, str]) -> list[Change]:
    return what_if(RECIPE, RECIPE.standardise(a), RECIPE.standardise(b), Statistics(), POLICY)


def test_a_verdict_names_the_bits_that_are_missing_and_what_forbids() -> None:
    short = compare(A, {"description": "Foley catheter 16 fr silicone"})
    assert verdict(short, POLICY) == f"It doesn't link by itself: {5 - short.score:.1f} bits are missing."
    sibling = compare(A, A | {"description": "CATHETER FOLEY 18FR 5CC SILICONE"})
    assert "sizes differ" in verdict(sibling, POLICY)
    assert "which never links without asking" in verdict(sibling, POLICY)
    assert verdict(compare(A, A), POLICY).endswith("bits to spare.")


def test_what_would_link_a_pair_comes_first_with_what_it_would_bring() -> None:
    b = {"description": "Foley catheter 16 fr silicone"}
    best = changes(A, b)[0]
    assert (best.field, best.how, best.turns) == ("code", "the same", True)
    assert best.text == f"Catalogue no. the same on both sides would bring {best.bits:+.1f} bits: enough to link."
    assert compare(A, b | {"catalogue_number": "0165SI16"}).score == pytest.approx(best.score, abs=0.001)


def test_what_is_not_enough_by_itself_says_how_much_is_still_missing() -> None:
    other = next(c for c in changes(A, {"description": "Foley catheter 16 fr silicone"}) if c.field == "maker")
    assert not other.turns
    assert other.text.endswith(f"{5 - other.score:.1f} bits would still be missing.")


def test_a_veto_is_lifted_by_the_field_that_made_it_and_by_no_other() -> None:
    b = A | {"description": "CATHETER FOLEY 18FR 5CC SILICONE"}
    assert compare(A, b).vetoes
    found = changes(A, b)
    assert {change.field for change in found if change.turns} == {"sizes"}
    assert all("would remain" in change.text for change in found if not change.turns and change.vetoes)


def test_of_a_link_it_says_without_what_it_would_fall() -> None:
    b = {"description": "CATHETER FOLEY 16FR 5CC SILICONE", "catalogue_number": "0165-SI16"}
    assert links(compare(A, b), POLICY)
    found = changes(A, b)
    assert [(change.field, change.how) for change in found] == [("code", "not stated")]
    assert "would be missing" in found[0].text


def test_nothing_has_to_change_for_a_link_that_nothing_alone_undoes() -> None:
    sure = A | {"gtin": "00844505010184"}
    assert changes(sure, sure) == []


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_has_words_of_its_own_where_the_comparator_has_none(level: Level) -> None:
    assert line(Evidence("name", "Name", level, 0.5, 1.5, "")).startswith("Name: ")
    assert line(Evidence("name", "Name", level, 0.5, 1.5, "")) != "Name:  (+1.5)"
    assert line(Evidence("name", "Name", level, 0.5, 1.5, "as found")) == "Name: as found (+1.5)"


@given(data=st.data(), domain=st.sampled_from(sorted(VALUES)))
def test_what_if_tells_what_it_compared(data: st.DataObject, domain: str) -> None:
    recipe = recipe_for(domain)
    a, b = (recipe.standardise(data.draw(VALUES[domain])) for _ in range(2))
    now = recipe.compare(a, b, Statistics(), recipe.policy)
    for change in what_if(recipe, a, b, Statistics(), recipe.policy):
        assert change.score == pytest.approx(now.score + change.bits, abs=0.002)
        turned = change.score >= recipe.policy.sure_score and not change.vetoes
        assert change.turns == (turned != links(now, recipe.policy))
        assert change.text.startswith(change.label)
