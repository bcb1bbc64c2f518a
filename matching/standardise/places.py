"""Names of hospital places and departments: "4W Tele" is "4 West Telemetry"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .dictionaries import dictionary
from .organisations import Name, read
from .text import expand, stated, unique

_GLUED = re.compile(r"\b(\d+)(?:st|nd|rd|th)?\s?-?(ne|nw|se|sw|n|s|e|w)\b|\b(\d+)(?:st|nd|rd|th)\b")
_DIRECTION_FIRST = re.compile(r"\b(n|s|e|w)(\d+)\b")
_LETTER_NUMBER = re.compile(r"\b([a-z]{2,})(\d+)\b")
_NUMBER = re.compile(r"^[a-z]?\d+[a-z]?$")
_LETTERED = re.compile(r"\b(bed|room|rm|tower|wing|building|bldg|unit|suite|dock|pod|bay|zone)\s([a-z])\b")
_ACRONYM = re.compile(r"(?=[a-z]{3,5}$)(?:[^aeiou]*[aeiou]?[^aeiou]*)")  # at most one vowel: "hfmc", "soh"
_SEGMENT = re.compile(r"\s-\s|[,(;]")
_NUMBERED = frozenset("floor level room bed building tower suite wing pod bay dock".split())
_LABOR = re.compile(r"\bl\s?[&+/]\s?d\b")
_MEDSURG = re.compile(r"\bmed\s?[/&-]\s?surg\b|\bm/s\b")
# Short forms that mean something else by themselves: "RM" of a department is risk management, "MED" medical.
_PHRASES = (
    (re.compile(r"\boper\.?\s?rms?\b"), "operating room"),
    (re.compile(r"\bhum(?:an)?\.?\s?res\b"), "human resources"),
    (re.compile(r"\bster(?:ile)?\.?\s?proc\b"), "sterile processing"),
    (re.compile(r"\b(internal|int|nuclear|nuc|family|fam|sports|occupational|occ) med\b"), r"\1 medicine"),
)


@dataclass
class Place:
    """``words`` without numbers, ``numbers`` (floors, rooms, beds) as written without leading zeros."""

    words: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)  # numbers with what they number: "floor:3"
    initials: str = ""
    runs: list[str] = field(
        default_factory=list
    )  # initials of what each part begins with: "Harrow Falls Medical" → "hfm"
    acronyms: list[str] = field(
        default_factory=list
    )  # words that no dictionary knows and that may stand for a site: "hfmc"


def _untangle(text: str) -> str:
    text = _MEDSURG.sub("medical surgery", _LABOR.sub("labor delivery", text))
    for short, meant in _PHRASES:
        text = short.sub(meant, text)
    text = _GLUED.sub(lambda m: f"{m[1] or m[3]} {m[2] or ''} ", text)
    text = _LETTERED.sub(r"\1 0\2", text)
    return _LETTER_NUMBER.sub(r"\1 \2", _DIRECTION_FIRST.sub(r"\2 \1 ", text))


def _runs(text: str, dictionaries: tuple[str, ...]) -> list[str]:
    """Initials of the first three, four and five words of every part of a name: what its site may be abbreviated to."""
    parts = (read(part, *dictionaries).raw for part in _SEGMENT.split(text) if part.strip())
    return unique("".join(word[0] for word in words[:n]) for words in parts for n in (3, 4, 5) if len(words) >= n)


def _acronyms(text: str, dictionaries: tuple[str, ...]) -> list[str]:
    """Words of three to five letters at an end of a part of a name that are no known abbreviation and hardly a word."""
    parts = [part.replace("-", " ").strip(" )").split() for part in _SEGMENT.split(text)]
    ends = [word for words in parts if words for word in (words[0], words[-1])]
    known = [dictionary(name) for name in dictionaries]
    return unique(w for w in ends if _ACRONYM.fullmatch(w) and not any(w in words for words in known))


def place(value: object, *dictionaries: str) -> Place:
    """Take the name of a place (``dictionaries`` "locations") or department ("finance", "locations") apart."""
    dictionaries = dictionaries or ("locations",)
    text = stated(value)
    name: Name = read(_untangle(text), *dictionaries)
    numbers = unique(_number(word) for word in name.words if _is_number(word))
    words = [word for word in name.words if not _is_number(word)]
    parts = _parts([word for raw in name.raw for word in expand(raw, dictionaries)])
    return Place(words, numbers, parts, name.initials, _runs(text, dictionaries), _acronyms(text, dictionaries))


def _parts(words: list[str]) -> list[str]:
    """ "Building 2 Floor 3" → "building:2", "floor:3"; "3rd Floor" → "floor:3"."""
    found = []
    for before, word, behind in zip(["", *words], words, [*words[1:], ""], strict=False):
        if _is_number(word) and (before in _NUMBERED or behind == "floor"):
            found.append(f"{before if before in _NUMBERED else behind}:{_number(word)}")
    return unique(found)


def _is_number(word: str) -> bool:
    return bool(_NUMBER.match(word)) or (len(word) == 2 and word[0] == "0")


def _number(word: str) -> str:
    return word.lstrip("0") or "0"
