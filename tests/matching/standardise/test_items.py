import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.standardise.items import describe


@pytest.mark.parametrize(
    "text",
    ["CATHETER, FOLEY 16FR 5CC BX/10", "Foley catheter 16 French 5 mL, 10/BX", "CATH FOLEY 16 FR 5ML 10 per box"],
)
def test_a_foley_is_a_foley_however_it_is_described(text: str) -> None:
    found = describe(text)
    assert sorted(found.words) == ["catheter", "foley"]
    assert found.sizes == ["16fr", "5ml"]
    assert found.packs == ["BX10"]


def test_without_is_not_with() -> None:
    assert describe("SHEATH W/O GUIDEWIRE").variants == ["guidewire:without"]
    assert describe("sheath w/ guidewire").variants == ["guidewire:with"]


def test_the_words_that_tell_siblings_apart_are_found() -> None:
    assert describe("KNEE STRL LT").variants == ["sterility:sterile", "side:left"]
    assert describe("glove X-Large").variants == describe("GLOVE XL").variants == ["size:extralarge"]


def test_short_forms_are_read_by_their_place() -> None:
    assert "large" in describe("GLOVE EXAM LG").words
    assert "length" in describe("TUBE 5MM LG").words


def test_codes_are_not_taken_for_sizes() -> None:
    found = describe("4817-016 HA PEEK EVOS 16MMX10MM")
    assert "4817016" in found.codes
    assert found.sizes == ["16mm", "10mm"]


def test_a_code_in_two_pieces_is_one_code_and_no_size() -> None:
    found = describe("FRP 707 plate")
    assert found.codes == ["FRP707"]
    assert found.sizes == []
    assert found.words == ["plate"]


def test_the_last_number_of_a_text_cut_at_a_field_width_is_not_trusted() -> None:
    cut = "CORTICAL SCREW TITANIUM 3.5X16"  # thirty characters: of 16, 160 or 16.5
    assert len(cut) == 30
    assert describe(cut).sizes == ["3.5"]
    assert describe(f"{cut} ").sizes == describe(cut, whole=True).sizes == ["3.5", "16"]


def test_sutures_and_needle_types_are_read() -> None:
    found = describe("SUTURE SILK 3-0 PS-2 18IN")
    assert "3usp" in found.sizes
    assert "ps2" in found.words


@given(st.text(max_size=80))
def test_any_text_can_be_described(text: str) -> None:
    found = describe(text)
    assert len(found.words) == len(set(found.words))
    assert all(token == token.strip() and token for token in [*found.words, *found.sizes, *found.codes])
