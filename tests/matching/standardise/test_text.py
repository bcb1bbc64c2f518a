from importlib import resources

import pytest

from matching.standardise import dictionaries
from matching.standardise.text import alnum, expand, fold, skeleton, spell, stated, unique, words

PLACEHOLDERS = (
    "|N/A|n.a.|MISC|NOT AVAILABLE|Do Not Use|UNKNOWN|000|00000000|9999999|XXX|-|TBD|DUMMY|TEST ITEM|See notes|see note"
    "|Dummy Vendor|ZZZ DO NOT USE|MISC SUPPLIES|Test Location|dummy cost center|UNKNOWN VENDOR - DO NOT USE"
).split("|")


@pytest.mark.parametrize("value", [None, " ", *PLACEHOLDERS])
def test_a_placeholder_states_nothing(value: object) -> None:
    assert stated(value) == ""


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "10",
        "MISC SYRINGE",
        "x-ray",
        "900",
        "No. 5",
        "TEST STRIPS",
        "All Supplies",
        "Supply",
        "Location 5",
        "Do Not Resuscitate Bracelet",
    ],
)
def test_what_only_resembles_a_placeholder_is_stated(value: str) -> None:
    assert stated(value) == fold(value)


def test_marks_and_accents_fold_but_signs_that_carry_meaning_are_spelt_out() -> None:
    assert fold("STARFIRE™  Pédicle 5 ° ½”") == 'starfire pedicle 5 deg 1/2"'
    assert fold("Ørvofield Straße") == "orvofield strasse"
    assert fold("5•3 ≥ 2… €4") == "53 2... 4"


def test_letters_of_other_scripts_are_written_in_latin_ones() -> None:
    assert fold("Поставщик Медтехника") == "postavshchik medtekhnika"
    assert fold("Νοσοκομείο, 5 μL, 5 µL") == "nosokomeio, 5 ul, 5 ul"
    assert fold("مستشفى الملك") == "mstshfa lmlk"
    assert fold("北京 第一医院") == "bei jing di yi yi yuan", "where nothing parts words, each sign is one"
    assert stated("Поставщик") == "postavshchik", "it states something"


def test_british_american_and_plural_forms_are_spelt_alike() -> None:
    assert spell("haemodialysis") == spell("hemodialysis")
    assert spell("orthopaedic") == spell("orthopedic")
    assert spell("screws") == "screw"
    assert spell("glass") == "glass"


def test_abbreviations_expand_to_the_same_words() -> None:
    assert words("strl cath scr", "abbreviations") == words("sterile catheter screw", "abbreviations")


def test_a_skeleton_survives_swapped_and_missing_vowels() -> None:
    assert skeleton("stent") == skeleton("stnet") == "stnt"
    assert skeleton("nitinol") == skeleton("niitnol")


def test_alnum_keeps_letters_and_digits_only() -> None:
    assert alnum("um180-00 / 20") == "UM1800020"


def test_unique_keeps_the_order_and_drops_blanks() -> None:
    assert unique(["b", "", "a", "b"]) == ["b", "a"]


@pytest.mark.parametrize("name", dictionaries.NAMES)
def test_every_dictionary_names_its_source(name: str) -> None:
    first = resources.files("matching.standardise").joinpath("data", f"{name}.tsv").read_text().splitlines()[0]
    assert first.startswith("#")
    assert "Source:" in first


@pytest.mark.parametrize("name", ["abbreviations", "organisations", "locations", "finance"])
def test_a_meaning_means_itself(name: str) -> None:
    meanings = {meaning for meaning in dictionaries.dictionary(name).values() if meaning}
    changed = {
        m for m in meanings if [w for p in m.split() for w in expand(p, (name,))] != [spell(p) for p in m.split()]
    }
    assert not changed, "an abbreviation and what it stands for must end up alike"
