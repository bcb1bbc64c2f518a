"""Names of hospital places and departments: "4W Tele" is "4 West Telemetry"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .organisations import Name, read
from .text import stated, unique

_GLUED = re.compile(r"\b(\d+)(?:st|nd|rd|th)?\s?-?(ne|nw|se|sw|n|s|e|w)\b|\b(\d+)(?:st|nd|rd|th)\b")
_DIRECTION_FIRST = re.compile(r"\b(n|s|e|w)(\d+)\b")
_LETTER_NUMBER = re.compile(r"\b([a-z]{2,})(\d+)\b")
_NUMBER = re.compile(r"^\d+[a-z]?$")
_LABOR = re.compile(r"\bl\s?[&+/]\s?d\b")
_MEDSURG = re.compile(r"\bmed\s?[/&-]\s?surg\b|\bm/s\b")


@dataclass
class Place:
    """``words`` without numbers, ``numbers`` (floors, rooms, beds) as written without leading zeros."""

    words: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    initials: str = ""


def _untangle(text: str) -> str:
    text = _MEDSURG.sub("medical surgery", _LABOR.sub("labor delivery", text))
    text = _GLUED.sub(lambda m: f"{m[1] or m[3]} {m[2] or ''} ", text)
    return _LETTER_NUMBER.sub(r"\1 \2", _DIRECTION_FIRST.sub(r"\2 \1 ", text))


def place(value: object, dictionary: str = "locations") -> Place:
    """Take the name of a place (``dictionary`` "locations") or department ("finance") apart."""
    name: Name = read(_untangle(stated(value)), dictionary)
    numbers = [word.lstrip("0") or "0" for word in name.words if _NUMBER.match(word)]
    return Place([word for word in name.words if not _NUMBER.match(word)], unique(numbers), name.initials)
