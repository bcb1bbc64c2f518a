"""Which words of one value another value lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
TONES = {"replace": "sim", "delete": "ne"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A run of characters: tone "" is on both sides, "sim" has a counterpart there, "ne" has none."""

    text: str
    tone: str = ""


def marks(text: str, other: str) -> tuple[Mark, ...]:
    """``text`` in runs by what ``other`` says. Case, blanks and punctuation don't count."""
    mine = TOKEN.findall(text)
    words = [i for i, token in enumerate(mine) if token[0].isalnum()]
    theirs = [token.casefold() for token in TOKEN.findall(other) if token[0].isalnum()]
    tones = [""] * len(mine)
    matcher = SequenceMatcher(None, [mine[i].casefold() for i in words], theirs, autojunk=False)
    for kind, start, end, _, _ in matcher.get_opcodes():
        for i in words[start:end]:
            tones[i] = TONES.get(kind, "")
    return _runs(mine, tones)


def _runs(tokens: Sequence[str], tones: Sequence[str]) -> tuple[Mark, ...]:
    found: list[Mark] = []
    for token, tone in zip(tokens, tones, strict=True):
        if found and found[-1].tone == tone:
            found[-1] = Mark(found[-1].text + token, tone)
        else:
            found.append(Mark(token, tone))
    return tuple(found)
