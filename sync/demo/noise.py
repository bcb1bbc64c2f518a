"""What goes wrong with a value between the thing and the record of it: slips, shortening, cutting, reformatting.

Every function takes the dice of the record, so that the same record goes wrong the same way in every run.
"""

from __future__ import annotations

import re
from functools import cache

from sync.demo import vocab
from sync.demo.dice import Dice

NEIGHBOURS = {"a": "s", "e": "r", "i": "o", "o": "p", "t": "y", "n": "m", "s": "d", "r": "t", "l": "k", "c": "v"}
PLACEHOLDERS = ("N/A", "UNKNOWN", "NOT AVAILABLE", "TBD", "NONE")


def typo(text: str, dice: Dice) -> str:
    """One slip of the finger in one longer word; numbers are left alone, as they carry the meaning."""
    words = text.split(" ")
    long_words = [place for place, word in enumerate(words) if len(word) >= 5 and word.strip(",").isalpha()]
    if long_words:
        place = dice.choice(long_words)
        words[place] = _slip(words[place], dice)
    return " ".join(words)


def slipped(text: str, rate: float, dice: Dice) -> str:
    """The text with a slip of the finger now and then."""
    return typo(text, dice) if dice.strikes("typo", rate) else text


def _slip(word: str, dice: Dice) -> str:
    at = dice.randrange(1, len(word) - 2)
    kind = dice.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    wrong = NEIGHBOURS.get(word[at].lower(), "e")
    return word[:at] + (wrong.upper() if word[at].isupper() else wrong) + word[at + 1 :]


def swapped_digits(number: str, dice: Dice) -> str:
    """Two neighbouring, different digits change places; the number unchanged where there are none."""
    places = [at for at in range(len(number) - 1) if number[at : at + 2].isdigit() and number[at] != number[at + 1]]
    if not places:
        return number
    at = dice.choice(places)
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


@cache
def _shortenings(column: str) -> tuple[re.Pattern[str], dict[str, str]]:
    table = {row["word"]: row[column] for row in vocab.table("abbreviations")}
    longest_first = sorted(table, key=len, reverse=True)
    pattern = r"(?<![\w-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w-])"
    return re.compile(pattern, re.IGNORECASE), table


def shortened(text: str, rate: float, dice: Dice, *, hard: bool = False) -> str:
    """Clinical words lose letters, each with this probability: CATHETER → CATH, or CTR when pressed ``hard``."""
    pattern, table = _shortenings("shorter" if hard else "short")
    return pattern.sub(lambda m: table[m[0].lower()] if dice.happens(rate) else m[0], text)


def clipped(text: str, length: int, dice: Dice) -> str:
    """Cut at the end of the field, counted when something was lost."""
    if len(text) <= length:
        return text
    dice.counts["cut off"] += 1
    return text[:length].rstrip(" ,-")


def with_short_words(text: str, table: dict[str, str], rate: float, dice: Dice) -> str:
    return " ".join(table.get(word, word) if dice.happens(rate) else word for word in text.split(" "))


def absent(dice: Dice, rate: float) -> str:
    """What stands in a field that nobody filled: mostly nothing, sometimes a word that means nothing."""
    return dice.pick(*PLACEHOLDERS) if dice.strikes("placeholder", rate) else ""
