import pytest

from matching.standardise.organisations import organisation, read


@pytest.mark.parametrize(
    "name", ["Choice Spine, LP", "CHOICE SPINE INC", "Choice Spine L.L.C.", "The Choice Spine Company"]
)
def test_legal_forms_do_not_tell_names_apart(name: str) -> None:
    assert organisation(name)[0].words == ["choice", "spine"]


def test_a_name_of_legal_forms_alone_keeps_them() -> None:
    assert organisation("CO INC")[0].words


@pytest.mark.parametrize(
    "text", ["Acme Inc d/b/a MedCo Svcs", "ACME INC DBA MEDCO SERVICES", "Acme Inc, doing business as Medco Service"]
)
def test_a_trade_name_is_a_name_of_its_own(text: str) -> None:
    assert [name.words for name in organisation(text)] == [["acme"], ["medco", "service"]]


def test_an_inverted_name_has_the_same_words_and_initials() -> None:
    plain, inverted = read("jarrow motors", "organisations"), read("motors, jarrow", "organisations")
    assert sorted(plain.words) == sorted(inverted.words)
    assert plain.initials == inverted.initials == "jm"


def test_what_clerks_add_to_a_name_goes() -> None:
    assert organisation("QUEMARIX UNIFORMS LTD (USE THIS ONE)")[0].words == ["quemarix", "uniform"]
    assert organisation("MORDANTH CO - REMIT")[0].words == ["mordanth"]


def test_spaced_initials_are_one_word() -> None:
    assert organisation("W. L. Gore")[0].words == ["wl", "gore"]


@pytest.mark.parametrize(
    "text", ["Acme (formerly Medco)", "Acme f/k/a Medco", "ACME FKA MEDCO INC", "Acme formerly known as Medco"]
)
def test_a_former_name_is_a_name_of_its_own(text: str) -> None:
    assert [name.words for name in organisation(text)] == [["acme"], ["medco"]]


@pytest.mark.parametrize("text", ["J&J", "J & J", "J and J", "J.J."])
def test_letters_joined_by_and_are_an_acronym(text: str) -> None:
    assert organisation(text)[0].raw == ["jj"]
    assert organisation("Johnson & Johnson")[0].initials == "jj"


@pytest.mark.parametrize("text", ["**DO NOT USE** ACME INC", "ZZZ DO NOT USE - ACME", "DNU ACME", "ACME - DO NOT USE"])
def test_a_warning_not_to_use_a_vendor_is_not_part_of_its_name(text: str) -> None:
    assert organisation(text)[0].words == ["acme"]


@pytest.mark.parametrize("form", ["S.A. de C.V.", "GmbH & Co. KG", "Pty Ltd", "PLLC", "L.P.", "B.V.", "Oyj"])
def test_legal_forms_of_other_countries_go_too(form: str) -> None:
    assert organisation(f"Acme {form}")[0].words == ["acme"]
