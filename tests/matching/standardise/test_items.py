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


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("STRL CATH DISP", "sterile catheter disposable"),
        ("SYR 10CC LL", "syringe 10 mL luer lock"),
        ("GLV EXAM NITR LTX-FREE", "glove exam nitrile latex free"),
        ("SCR CANC TI", "screw cancellous titanium"),
        ("DRSG W/O ADH", "dressing without adhesive"),
        ("KIT, CATHETER, CVC", "CVC catheter kit"),
    ],
)
def test_abbreviations_and_inversions_mean_the_same_both_ways(short: str, long: str) -> None:
    one, other = describe(short), describe(long)
    assert sorted(one.words) == sorted(other.words)
    assert one.sizes == other.sizes
    assert sorted(one.variants) == sorted(other.variants)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BX/100", "BX100"),
        ("100/BX", "BX100"),
        ("box of 100", "BX100"),
        ("100 ea/bx", "BX100"),
        ("10/CS", "CA10"),
        ("CS/10", "CA10"),
        ("10BX/CS", "CA10"),
        ("10 per case", "CA10"),
        ("PK/5", "PK5"),
    ],
)
def test_packaging_is_a_unit_and_a_count(text: str, expected: str) -> None:
    found = describe(f"GLOVE EXAM {text}")
    assert found.packs == [expected]
    assert (found.words, found.sizes, found.codes) == (["glove", "examination"], [], [])


def test_what_a_scanner_read_is_no_size_and_no_catalogue_number() -> None:
    for text in ("(01)00844505010184(17)251231(10)LOT7", "GTIN 844505010184", "00844505010184"):
        found = describe(f"CATHETER {text}")
        assert found.gtins == ["00844505010184"]
        assert (found.words, found.sizes, found.codes) == (["catheter"], [], [])
    assert describe("CATHETER +A99912345/$$52001510X3").gtins == ["A9991234"]
    assert describe("CATHETER 00844505010185").gtins == []  # another check digit: no GTIN


@pytest.mark.parametrize(
    "text", ["CATHETER REF 4817-016", "CATHETER #4817-016", "4817-016 CATHETER", "CAT NO 4817-016 CATH"]
)
def test_a_code_hidden_in_a_description_is_found_and_its_label_is_no_word(text: str) -> None:
    found = describe(text)
    assert (found.words, found.codes) == (["catheter"], ["4817016"])


@pytest.mark.parametrize("text", ["GLOVE SURG 7 1/2", "GLOVE SURG 7-1/2", "GLOVE SURG 7.5"])
def test_a_mixed_number_is_one_number(text: str) -> None:
    assert describe(text).sizes == ["7.5"]


def test_ns_is_saline_before_a_strength_or_a_volume() -> None:
    assert describe("NS 0.9% 1000ML").words == describe("normal saline 0.9% 1000 mL").words
    assert describe("GAUZE 4X4 NS").variants == ["sterility:nonsterile"]


def test_a_warning_not_to_use_an_item_is_not_part_of_its_name() -> None:
    assert describe("**DO NOT USE** CATH FOLEY 16FR").words == describe("ZZZ DO NOT USE - CATH FOLEY 16FR").words
    assert describe("DO NOT USE - CATH FOLEY 16FR").words == ["catheter", "foley"]
