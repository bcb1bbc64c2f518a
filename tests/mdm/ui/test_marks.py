"""Which words of one value another lacks."""

from __future__ import annotations

import pytest

from mdm.ui.marks import Mark, marks


def toned(text: str, other: str) -> list[tuple[str, str]]:
    return [(m.text.strip(), m.tone) for m in marks(text, other) if m.tone]


def test_order_case_and_punctuation_are_no_difference():
    assert toned("CATHETER, FOLEY 16FR", "Foley catheter (16Fr)") == []


def test_a_word_the_other_side_lacks_is_marked():
    assert toned("Foley catheter coated", "Foley catheter") == [("coated", "ne")]


@pytest.mark.parametrize(
    ("one", "two"), [("CATH", "catheter"), ("silicone", "silicon"), ("embolisation", "embolization")]
)
def test_another_spelling_is_marked_as_alike(one, two):
    assert [tone for _, tone in toned(one, two)] == ["sim"]


def test_a_word_said_twice_needs_two_on_the_other_side():
    assert toned("left left", "left") == [("left", "ne")]


@pytest.mark.parametrize("text", ["", "a  b", "≥ 5 µm — ‘x’", "مرحبا بالعالم", "<b>&amp;</b>", "x" * 10_000])
def test_the_runs_together_are_the_text(text):
    assert "".join(m.text for m in marks(text, "other words")) == text
    assert all(isinstance(m, Mark) for m in marks(text, text))


def test_long_texts_are_told_apart_without_comparing_each_word_with_each():
    text = " ".join(f"word{n}" for n in range(200))
    assert toned(text + " Foley", text) == [("Foley", "ne")]
    assert {mark.tone for mark in marks(text, text.replace("word", "wort"))} == {"", "ne"}
