import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.standardise.sizes import as_bare, read, split, suture, tidy, write


@pytest.mark.parametrize("text", ["16FR", "16 Fr", "16 French", "16-fr", "16F"])
def test_french_is_read_however_it_is_written(text: str) -> None:
    assert read(tidy(text.lower())) == ("16fr",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5cc", ("5ml",)),
        ("5 ml", ("5ml",)),
        ('1/2"', ("12.7mm",)),
        ('1-1/2"', ("38.1mm",)),
        ('.75"', ("19.05mm",)),
        ("10x10cm", ("100mm", "100mm", "square")),
        ("10 x 15 cm", ("100mm", "150mm")),
        ("14mm x 9mm x 22mm", ("14mm", "9mm", "22mm")),
        ("3.5x14", ("3.5", "14")),
        ("2.0/2.4mm", ("2mm", "2.4mm")),
        ("34to36mm", ("34mm", "36mm")),
        ("22g", ("22ga",)),
        ("500mg", ("0.5g",)),
        ("60gtt", ("60gtt",)),
    ],
)
def test_quantities_are_brought_to_one_unit(text: str, expected: tuple[str, ...]) -> None:
    assert read(tidy(text)) == expected


@pytest.mark.parametrize("text", ["abc", "b/28", "4817-016-x", "kit5"])
def test_what_is_no_quantity_is_left_alone(text: str) -> None:
    assert read(text) is None


def test_a_square_is_not_an_oblong() -> None:
    assert read("4x4in") != read("4x8in")


def test_suture_sizes_have_one_form() -> None:
    assert suture("silk 3-0 sh") == ("silk   sh", ["3usp"])
    assert suture("silk 3/0 sh")[1] == ["3usp"]
    assert suture("part 13-045")[1] == []


def test_a_bare_number_may_be_the_quantity_without_its_unit() -> None:
    assert "17" in as_bare("170mm")
    assert "170" in as_bare("170mm")
    assert as_bare("17") == ()


@given(st.floats(min_value=0.001, max_value=1e5), st.sampled_from(["mm", "ml", "fr", ""]))
def test_a_written_quantity_splits_into_what_it_was_written_from(value: float, unit: str) -> None:
    number, read_unit = split(write(value, unit))
    assert read_unit == unit
    assert float(number) == pytest.approx(value, abs=1e-4)


@given(st.text(max_size=30))
def test_nothing_makes_the_reader_fail(text: str) -> None:
    quantities = read(tidy(text.lower()))
    assert quantities is None or all(isinstance(q, str) for q in quantities)
