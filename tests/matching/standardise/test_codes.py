import pytest

from matching.standardise.codes import bare, core, looks_like_code, shape, without_unit


@pytest.mark.parametrize(
    "text", ["01-7144", "017144", "01 7144", "REF 01-7144", "CAT# 01-7144", "01-7144-EA", "01-7144 BX"]
)
def test_one_catalogue_number_has_one_form(text: str) -> None:
    assert bare(text) == "017144"


def test_leading_zeros_and_letter_o_do_not_tell_codes_apart() -> None:
    assert core(bare("00-1005-2712")) == core(bare("-1005-2712"))
    assert core("1O05") == core("1005")
    assert core("OTTO") == "OTTO"


@pytest.mark.parametrize("text", ["N/A", "0000000", "UNKNOWN"])
def test_a_placeholder_is_no_code(text: str) -> None:
    assert bare(text) == ""


@pytest.mark.parametrize("chunk", ["4817-016", "dsc-w150", "8106434", "um180-00-20", "frp707"])
def test_codes_are_recognised_in_texts(chunk: str) -> None:
    assert looks_like_code(chunk)


@pytest.mark.parametrize("chunk", ["catheter", "250", "etherfast10", "x2"])
def test_words_and_small_numbers_are_no_codes(chunk: str) -> None:
    assert not looks_like_code(chunk)


def test_the_shape_tells_how_a_code_is_built() -> None:
    assert shape("CU13122F") == "A2D5A1"


@pytest.mark.parametrize(
    "text",
    [
        "REF017144",
        "Cat.No. 017144",
        "MFR# 017144",
        "VPN 017144",
        "017144 BX/10",
        "017144-EACH",
        "017144 (EA)",
        "017144/CS",
    ],
)
def test_labels_and_units_are_no_part_of_a_catalogue_number(text: str) -> None:
    assert bare(text) == "017144"


def test_a_unit_glued_to_a_number_may_be_part_of_it() -> None:
    assert bare("017144EA") == "017144EA"
    assert without_unit("017144EA") == "017144"
    assert without_unit("12CS") == "12CS"
    assert without_unit("CU13122F") == "CU13122F"


@pytest.mark.parametrize("text", ["REFLEX-12", "CATALYST 5", "PARTNER-7", "REF12"])
def test_a_number_that_begins_like_a_label_stays_whole(text: str) -> None:
    assert bare(text) == "".join(c for c in text if c.isalnum())
