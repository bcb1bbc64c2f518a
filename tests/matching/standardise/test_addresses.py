import pytest

from matching.standardise.addresses import city, postcode, state, street


@pytest.mark.parametrize(
    "line",
    [
        "2601 EAST ROOSEVELT STREET",
        "2601 E. Roosevelt St",
        "2601 e roosevelt st, Suite 140",
        "2601 E Roosevelt St Fl 3",
    ],
)
def test_one_street_has_one_form(line: str) -> None:
    assert street(line) == ["#2601", "e", "roosevelt", "st"]


def test_ordinals_in_words_and_figures_are_alike() -> None:
    assert street("570 fourth st.") == street("570 4th Street")


def test_a_box_is_told_from_a_house() -> None:
    assert street("P.O. Box 12") == ["box12"]
    assert street("100 FAIRVIEW DRIVE - PO BOX 817") == ["#100", "fairview", "dr", "box817"]


def test_cities_states_and_postcodes_have_one_form() -> None:
    assert city("Ft. Worth") == city("FORT WORTH")
    assert state("Arizona") == state("az") == "AZ"
    assert postcode("85008-1234") == "85008"
    assert postcode("4102") == "04102"
    assert postcode("E94 8DE") == "E948DE"


@pytest.mark.parametrize("value", ["", None, "N/A", "UNKNOWN"])
def test_nothing_stated_gives_nothing_to_compare(value: object) -> None:
    assert street(value) == []
    assert city(value) == state(value) == postcode(value) == ""


@pytest.mark.parametrize(
    "lines",
    [
        ("100 Main St #200",),
        ("100 Main Street", "Suite 200"),
        ("100 MAIN ST STE B",),
        ("100 Main St, 3rd Floor",),
        ("100 Main St", "Second Fl"),
        ("100 Main St Bldg 4 Rm 12",),
        ("Attn: Accounts Payable", "100 Main St"),
        ("C/O MEDCO 100 MAIN ST",),
        ("100 Main St", "ATTN RECEIVING"),
    ],
)
def test_what_is_within_the_building_or_who_receives_goes(lines: tuple[str, ...]) -> None:
    assert street(*lines) == ["#100", "main", "st"]


def test_a_house_number_in_words_is_a_house_number() -> None:
    assert street("One Medical Center Drive") == street("1 Med Ctr Dr")
    assert street("Two Penn Plaza")[0] == "#2"
