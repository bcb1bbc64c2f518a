import pytest

from matching.standardise.places import place


@pytest.mark.parametrize("name", ["4W Telemetry", "4 West Tele", "4th West Telem", "4-W TELEMETRY"])
def test_four_west_telemetry_is_one_place(name: str) -> None:
    found = place(name)
    assert sorted(found.words) == ["telemetry", "west"]
    assert found.numbers == ["4"]


def test_units_expand_to_the_same_words() -> None:
    assert place("Med/Surg 3N").words == place("Medical Surgical 3 North").words
    assert place("L&D").words == place("Labor and Delivery").words
    assert place("OR 03").numbers == place("Operating Room 3").numbers == ["3"]


def test_rooms_and_beds_are_numbers() -> None:
    assert place("HFMC Room A322 Bed B").numbers == ["a322", "b"]


def test_a_site_is_known_by_the_initials_of_its_name() -> None:
    assert "hfmc" in place("Room A122 - Harrow Falls Medical Center").runs
    assert place("HFMC Rm A122").acronyms == ["hfmc"]
    assert place("ICU 2").acronyms == []


@pytest.mark.parametrize("text", ["MICU", "Med ICU", "Medical Intensive Care Unit"])
def test_acronyms_of_units_are_spelt_out(text: str) -> None:
    assert place(text).words == ["medical", "intensive", "care", "unit"]


@pytest.mark.parametrize("text", ["Fl 3", "Floor 3", "3rd Floor", "Third Floor", "03 FLR"])
def test_floors_are_numbers(text: str) -> None:
    assert (place(text).words, place(text).numbers) == (["floor"], ["3"])


@pytest.mark.parametrize("text", ["Ste 200", "SUITE 200", "Suite 0200"])
def test_suites_are_numbers(text: str) -> None:
    assert (place(text).words, place(text).numbers) == (["suite"], ["200"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("MED OFC Building 2 Floor 3", ["building:2", "floor:3"]),
        ("Bldg 2, 3rd Floor", ["building:2", "floor:3"]),
        ("Third Floor Rm 012", ["floor:3", "room:12"]),
        ("Room 12 Bed B", ["room:12", "bed:b"]),
        ("4 West Telemetry", []),
    ],
)
def test_a_number_belongs_to_what_it_numbers(text: str, parts: list[str]) -> None:
    assert place(text).parts == parts
