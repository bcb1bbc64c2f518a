import pytest

from matching.resemblance import alike_sizes, alike_words


def alike(a: str, b: str) -> bool:
    return bool(alike_words([a], [b]))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("stent", "stnet"),
        ("needle", "needles"),
        ("straig", "straight"),
        ("hndl", "handle"),
        ("craniofacial", "craiofacial"),
    ],
)
def test_slips_cuts_and_contractions_resemble_the_word(a: str, b: str) -> None:
    assert alike(a, b)
    assert alike(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("left", "right"),
        ("superior", "inferior"),
        ("cuff", "cuffless"),
        ("absorbable", "nonabsorbable"),
        ("plate", "screw"),
        ("rb", "bv"),
    ],
)
def test_opposites_and_other_words_do_not(a: str, b: str) -> None:
    assert not alike(a, b)


def test_resemblance_is_the_same_both_ways() -> None:
    words = ["stent", "stnet", "cath", "catheter", "hndl", "handle", "plate", "plates"]
    there = {(words[i], words[j]): s for i, j, s in alike_words(words, words)}
    assert all(there[b, a] == s for (a, b), s in there.items())


def test_a_number_may_lack_its_unit() -> None:
    assert alike_sizes(["14"], ["14mm"])
    assert alike_sizes(["17"], ["170mm"])
    assert not alike_sizes(["15"], ["14mm"])
    assert not alike_sizes(["14fr"], ["14mm"])
