"""Items as hospitals write them: what is one thing, and what only looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import Comparison, Statistics, decide, recipe_for
from matching.bulk import link
from matching.decide import Ranked

RECIPE = recipe_for("item")
FAMILY = [
    {
        "description": f"Foley catheter {size} Fr {balloon} mL",
        "manufacturer": "Medix",
        "catalogue_number": f"FC-{size}{balloon:03}",
    }
    for size in (12, 14, 16, 18, 20, 22, 24)
    for balloon in (5, 30)
]
STATS = Statistics.collect(RECIPE, [RECIPE.standardise(v) for v in FAMILY])


def compare(a: dict[str, Any], b: dict[str, Any]) -> Comparison:
    return RECIPE.compare(RECIPE.standardise(a), RECIPE.standardise(b), STATS, RECIPE.policy)


def level(comparison: Comparison, field: str) -> str:
    return next(e.level for e in comparison.evidence if e.field == field)


def test_the_same_item_in_two_hands_is_linked() -> None:
    erp = {"description": "CATH FOLEY 16FR 30CC BX/10", "manufacturer": "MEDIX INC", "catalogue_number": "FC16030"}
    found = compare(FAMILY[5], erp)
    assert not found.vetoes
    assert found.score > RECIPE.policy.sure_score
    assert level(found, "code") == "reformatted"
    assert level(found, "sizes") in ("reformatted", "similar")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"description": "Foley catheter 18 Fr 30 mL"}, "sizes"),
        ({"catalogue_number": "FC-18030"}, "code"),
    ],
)
def test_a_sibling_never_links_by_itself(change: dict[str, str], field: str) -> None:
    found = compare(FAMILY[5], FAMILY[5] | change)
    assert level(found, field) in ("different", "similar")
    assert found.vetoes
    ranked = [Ranked("sibling", found.score, found.vetoes)]
    assert decide(ranked, RECIPE.policy).outcome != "link"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("SCREW CANNULATED 34MM", "SCREW CANNULATED 35MM"),
        ("KNEE INSERT LEFT", "KNEE INSERT RIGHT"),
        ("GLOVE EXAM NITRILE SM", "GLOVE EXAM NITRILE LG"),
        ("SHEATH INTRODUCER W/ GUIDEWIRE", "SHEATH INTRODUCER W/O GUIDEWIRE"),
        ("GAUZE SPONGE 4X4", "GAUZE SPONGE 4X8"),
        ("SUTURE SILK 3-0", "SUTURE SILK 4-0"),
        ("STEM HIP STERILE", "STEM HIP NON-STERILE"),
        ("GOWN ISOLATION LEVEL 2", "GOWN ISOLATION LEVEL 3"),
    ],
)
def test_siblings_by_one_word_or_size_carry_a_veto(a: str, b: str) -> None:
    assert compare({"description": a}, {"description": b}).vetoes


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("CATHETER, FOLEY 16FR 5CC", "Foley Catheter 16 French 5 mL"),
        ('DRAIN WOUND 1/2"', "Wound Drain 12.7 mm"),
        ("DRESSING 10X10CM", "Dressing 10 cm x 10 cm"),
        ("SCR CANN 3.5X14", "Screw, cannulated, 3.5 mm x 14 mm"),
        ("TUBE STRL 22GA", "Sterile tube 22 G"),
    ],
)
def test_one_thing_in_two_spellings_has_no_veto_and_no_difference(a: str, b: str) -> None:
    found = compare({"description": a}, {"description": b})
    assert not found.vetoes
    assert all(e.bits >= 0 for e in found.evidence if e.field != "prior")


def test_gtins_of_two_packaging_levels_are_one_item_and_of_one_level_are_two() -> None:
    each = {"description": "plate", "gtin": "00844505010184"}
    box = {"description": "plate", "packaging": [{"uom": "BX", "quantity": 10, "gtin": "10844505010181"}]}
    other = {"description": "plate", "gtin": "00844505010191"}
    assert level(compare(each, box), "gtins") == "reformatted"
    assert level(compare(each, other), "gtins") == "different"
    assert "GTIN" in compare(each, other).vetoes[0]


def test_a_gtin_stands_for_the_item_wherever_it_is_written() -> None:
    udi = {"udi_di": "(01)00844505010184(17)260101"}
    found = compare({"gtin": "00844505010184"}, udi)
    assert found.score > RECIPE.policy.review_bits


def test_packaging_counted_in_base_units_or_in_the_next_lower_is_the_same() -> None:
    ladder = {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 50}, {"uom": "CA", "quantity": 4}]}
    in_base = {"packaging": [{"uom": "CS", "quantity": 200}]}
    wrong = {"packaging": [{"uom": "CS", "quantity": 100}]}
    assert level(compare(ladder, in_base), "packs") == "reformatted"
    assert compare(ladder, wrong).vetoes == ("packaging differs: 4/200 against 100",)


def test_a_code_in_a_description_is_the_code() -> None:
    field, text = {"catalogue_number": "01-7144", "description": "plate"}, {"description": "017144 PLATE"}
    found = compare(field, text)
    assert level(found, "code") == "reformatted"
    assert "description" in next(e.note for e in found.evidence if e.field == "code")


def test_swapped_digits_are_shown_to_a_steward_not_linked() -> None:
    found = compare({"catalogue_number": "BOX116903"}, {"catalogue_number": "BOX116930"})
    assert "changed places" in found.vetoes[0]


def test_two_equal_siblings_are_ambiguous() -> None:
    short = RECIPE.standardise({"description": "Foley catheter", "manufacturer": "Medix"})
    scores = RECIPE.scores(short, [RECIPE.standardise(v) for v in FAMILY[:2]], STATS, RECIPE.policy)
    assert decide([Ranked(i, s) for i, s in enumerate(scores.tolist())], RECIPE.policy).outcome != "link"


def test_a_standardised_item_is_small() -> None:
    std = RECIPE.standardise(
        FAMILY[0] | {"long_description": "catheter for the urinary bladder " * 20, "size": "16 Fr"}
    )
    assert len(json.dumps(std)) < 1500


def test_twins_share_a_key_however_they_are_written() -> None:
    pairs = [
        ({"description": "CATH FOLEY 16FR 5CC"}, {"description": "Foley catheter 16 French, 5 mL"}),
        ({"catalogue_number": "01-7144-EA"}, {"catalogue_number": "017144"}),
        ({"gtin": "00844505010184"}, {"packaging": [{"uom": "CA", "gtin": "30844505010185", "quantity": 4}]}),
        ({"description": "4817-016 PEEK SPACER"}, {"catalogue_number": "4817016"}),
    ]
    for a, b in pairs:
        assert set(RECIPE.keys(RECIPE.standardise(a))) & set(RECIPE.keys(RECIPE.standardise(b)))


# Siblings as device registers hold them, made up: lines of implants whose members differ by a size, a side, a length, a
# sign or a letter of the code and share every other word.
SHELL = "Orbix Acetabular Shell Multi-Hole Titanium Plasma Sprayed {} mm"
SIBLINGS = [
    ({"description": SHELL.format(size), "manufacturer": "Verano Ortho Inc", "catalogue_number": f"OX-21{size}0"})
    for size in (34, 35, 36)
]
HEADS = [
    {
        "description": f"Orbix Femoral Head CoCr 12/14 Taper {size}MM {offset:+}",
        "manufacturer": "Verano Ortho Inc",
        "catalogue_number": f"OX-H{size}{code}",
    }
    for size in (34, 35, 36)
    for offset, code in ((-3, "A"), (0, "B"), (3, "C"))
]
PLATES = [
    {
        "description": f"Distal Radius Plate Volar {side} {holes} Hole {length} mm Sterile",
        "manufacturer": "Verano Ortho Inc",
        "catalogue_number": f"VDR{side[0]}{holes}{length}S",
    }
    for side in ("Left", "Right")
    for holes, length in ((3, 54), (5, 66), (7, 78))
]
DEVICES = [*SIBLINGS, *HEADS, *PLATES]


@pytest.mark.parametrize("family", [SIBLINGS, HEADS, PLATES], ids=["shells", "heads", "plates"])
def test_no_two_siblings_of_a_line_are_linked_by_themselves(family: list[dict[str, Any]]) -> None:
    for i, one in enumerate(family):
        for other in family[i + 1 :]:
            found = compare(one, other)
            assert found.vetoes, f"{one} and {other}"
            without_code = compare(*({**v, "catalogue_number": ""} for v in (one, other)))
            assert without_code.vetoes or without_code.score < RECIPE.policy.sure_score


@pytest.mark.parametrize("size", [34, 35, 36])
def test_a_size_between_its_siblings_finds_its_own(size: int) -> None:
    erp = {"description": f"SHELL ACETAB ORBIX MULTIHOLE TI {size}MM", "manufacturer": "VERANO ORTHO"}
    ranked = {str(v["catalogue_number"]): compare(erp, v) for v in SIBLINGS}
    best = max(ranked, key=lambda code: ranked[code].score)
    assert best == f"OX-21{size}0"
    assert [code for code, found in ranked.items() if not found.vetoes] == [best]


@pytest.mark.parametrize("missing", range(3))
def test_a_sibling_that_the_catalogue_lacks_is_linked_to_none_of_the_others(missing: int) -> None:
    known = [v for i, v in enumerate(DEVICES) if i != missing]
    erp = {**DEVICES[missing], "description": DEVICES[missing]["description"].upper()}
    assert link(RECIPE, [erp], known).decisions[0].outcome != "link"


@given(st.permutations(range(len(DEVICES))))
@settings(max_examples=15)
def test_every_sibling_links_to_itself_whatever_the_order(order: list[int]) -> None:
    erp = [{**v, "description": v["description"].upper(), "catalogue_number": v["catalogue_number"].replace("-", "")}
           for v in (DEVICES[i] for i in order)]  # fmt: skip
    links = dict(link(RECIPE, erp, DEVICES).links)
    assert links == {row: order[row] for row in links}
    assert len(links) >= len(DEVICES) - 2


def test_a_unit_glued_to_a_number_is_a_doubt_and_no_difference() -> None:
    found = compare({"catalogue_number": "017144EA"}, {"catalogue_number": "01-7144"})
    assert level(found, "code") == "similar"
    assert not found.vetoes


@pytest.mark.parametrize("text", ["CATH (01)00844505010184(17)251231", "CATH GTIN 844505010184", "CATH 00844505010184"])
def test_a_gtin_hidden_in_a_description_is_the_gtin(text: str) -> None:
    assert level(compare({"description": text}, {"gtin": "00844505010184"}), "gtins") == "exact"
    assert not compare({"description": text}, {"gtin": "00614141999996"}).vetoes  # of a level that nobody tells
