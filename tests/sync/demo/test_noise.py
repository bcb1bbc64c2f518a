from __future__ import annotations

from sync.demo import noise
from sync.demo.dice import Dice


def test_a_typo_changes_one_word_and_no_number() -> None:
    for seed in range(200):
        before = "FOLEY CATHETER 16 FR 30ML SILICONE"
        words = list(zip(before.split(), noise.typo(before, Dice(seed)).split(), strict=True))
        changed = [(old, new) for old, new in words if old != new]
        assert len(changed) <= 1
        assert all(old.isalpha() and abs(len(old) - len(new)) <= 1 for old, new in changed)


def test_text_without_longer_words_has_no_typos() -> None:
    assert noise.typo("IV SET 16 FR", Dice(1)) == "IV SET 16 FR"


def test_swapped_digits_are_neighbours_that_differ() -> None:
    for seed in range(50):
        wrong = noise.swapped_digits("A-1123", Dice(seed))
        assert wrong in {"A-1213", "A-1132"}
    assert noise.swapped_digits("A-11", Dice(1)) == "A-11"


def test_clinical_words_are_shortened_and_phrases_before_their_words() -> None:
    dice = Dice(1)
    assert noise.shortened("catheter foley silicone-coated", 1, dice) == "cath foley sil coated"
    assert noise.shortened("plate stainless steel", 1, dice) == "plate sst"
    assert noise.shortened("catheter", 0, dice) == "catheter"


def test_what_does_not_fit_is_cut_off_and_counted() -> None:
    dice = Dice(1)
    assert noise.clipped("CATH FOLEY 16FR", 11, dice) == "CATH FOLEY"
    assert noise.clipped("CATH", 11, dice) == "CATH"
    assert dice.counts["cut off"] == 1


def test_the_same_names_roll_the_same_dice() -> None:
    assert Dice(7, "erp", "I1").random() == Dice(7, "erp", "I1").random()
    assert Dice(7, "erp", "I1").random() != Dice(7, "erp", "I2").random()
