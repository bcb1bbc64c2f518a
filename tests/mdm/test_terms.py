"""What a text asks for, and what a record has: both through the engine, so that they meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import recipe_for
from mdm import terms
from mdm.canonical import DOMAINS


def had(description: str, **values: str) -> set[str]:
    std = recipe_for("item").standardise({"description": description, **values})
    return set(terms.terms("item", [std])[0])


def exact(text: str) -> list[set[str]]:
    return [set(one.exact) for one in terms.asked("item", text + " ")]


@pytest.mark.parametrize(
    ("typed", "record"),
    [
        ("16fr foley", "Catheter, Foley, 16 Fr"),
        ("FOLEY 16 FRENCH", "CATH FOLEY 16FR"),
        ("cath foley", "catheter, foley"),
        ("catheter foley", "CATH FOLEY"),
        ("5 cc syringe", "SYR 5ML"),
        ("16 catheter", "CATH 16FR"),
        ("gloves w/o latex", "GLOVE WITHOUT LATEX"),
        ("4817-016", "SCREW 4817016"),
    ],
)
def test_a_text_asks_for_what_a_record_has_however_each_is_written(typed, record):
    found = had(record)
    assert all(ways & found for ways in exact(typed))


@pytest.mark.parametrize("typed", ["HM-0165-S16", "hm0165s16", "HM 0165 S16"])
def test_a_code_is_one_term_with_and_without_punctuation(typed):
    assert "#HM0165S16" in had("CATHETER", catalogue_number="HM-0165-S16")
    if " " not in typed:
        assert any("#HM0165S16" in ways for ways in exact(typed))


def test_a_gtin_asks_for_the_item_at_any_packaging_level():
    each, box = "00844505010184", "10844505010181"
    found = had("GLOVE", gtin=each)
    assert all(any(ways & found for ways in exact(number)) for number in (each, box))


def test_the_last_word_is_unfinished_until_a_blank_follows():
    assert [one.prefixes for one in terms.asked("item", "foley cath")] == [[], ["cath", "#CATH"]]
    assert [one.prefixes for one in terms.asked("item", "foley cath ")] == [[], []]


def test_a_lone_digit_begins_nothing():
    assert terms.asked("item", "foley 1")[-1].prefixes == []


def test_a_text_as_long_as_some_systems_field_is_not_taken_to_be_cut_off():
    text = "catheter foley silicone 16fr x".ljust(30)[:29] + "5"
    assert len(text) == 30
    assert {"5"} <= set().union(*exact(text))


def test_own_words_come_first_and_are_counted():
    std = recipe_for("item").standardise({"description": "CATH FOLEY 16FR", "manufacturer": "Halden Medical"})
    found, own = terms.terms("item", [std])
    assert found[:own] == ["catheter", "foley", "16fr"]
    assert {"~16", "halden"} <= set(found[own:])


@given(domain=st.sampled_from(list(DOMAINS)), text=st.text(max_size=60))
def test_any_text_can_be_asked(domain, text):
    for one in terms.asked(domain, text):
        assert all(one.exact) or one.prefixes


LETTERS = st.text("abcdefghij", min_size=5, max_size=12)


@given(word=LETTERS, at=st.integers(0, 6), letter=st.sampled_from("abcxyz"))
def test_a_word_shares_a_number_with_whatever_is_one_slip_away(word, at, letter):
    at = min(at, len(word) - 2)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    slipped = [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], swapped]
    for other in slipped:
        if terms.is_word(other):
            assert set(terms.slips(word)) & set(terms.slips(other)), other
