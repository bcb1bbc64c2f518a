"""Which words of one value another value lacks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
ALIKE = 70  # per cent of the characters, or the beginning of it
FEW = 150  # words that are compared each with each; of longer texts only what is the same is told apart


@dataclass(frozen=True, slots=True)
class Mark:
    """A run of characters: tone "" is on both sides, "sim" is there in another spelling, "ne" is not."""

    text: str
    tone: str = ""


def marks(text: str, other: str) -> tuple[Mark, ...]:
    """``text`` in runs by what ``other`` says. Order, case, blanks and punctuation don't count."""
    left = Counter(word.casefold() for word in TOKEN.findall(other) if word[0].isalnum())
    tokens = TOKEN.findall(text)
    few = len(tokens) + len(left) <= FEW
    runs: list[Mark] = []
    for token in tokens:
        tone = _tone(token.casefold(), left, few) if token[0].isalnum() else ""
        if runs and runs[-1].tone == tone:
            runs[-1] = Mark(runs[-1].text + token, tone)
        else:
            runs.append(Mark(token, tone))
    return tuple(runs)


def _tone(word: str, left: Counter[str], few: bool) -> str:
    """The tone of a word; an equal word on the other side is used up by it."""
    if left[word] > 0:
        left[word] -= 1
        return ""
    return "sim" if few and _alike(word, (other for other, number in left.items() if number > 0)) else "ne"


def _alike(word: str, others: Iterable[str]) -> bool:
    return any(fuzz.ratio(word, other) >= ALIKE or _abbreviates(word, other) for other in others)


def _abbreviates(one: str, two: str) -> bool:
    short, long = sorted((one, two), key=len)
    return len(short) >= 3 and long.startswith(short)
