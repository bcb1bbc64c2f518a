"""Postal addresses, of the United States first: house number, street words, box, city, state, postcode.

Street words follow the abbreviations of USPS Publication 28, appendix C1, as they are typed rather than by its rules.
"""

from __future__ import annotations

import re

from .dictionaries import dictionary, word_set
from .text import expand, fold, stated, unique

_BOX = re.compile(r"\b(?:p\.?\s?o\.?\s?(?:box|drawer)|post office box|pob|box)\s*#?\s*([a-z0-9-]+)")
_UNIT_NUMBER = re.compile(r"(?<=\s)#\s*[a-z0-9-]+")  # "100 Main St #200"
_LEVEL = re.compile(r"\b(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|ground)\s(?:floor|flr|fl|level)\b")
_ADDRESSEE = re.compile(r"\b(?:attn|attention|c/o)\b(?:\D*(?=\d)|.*$)")
_CARDINALS = {name: str(n) for n, name in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_WORD = re.compile(r"[^a-z0-9]+")
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")
_HOUSE = re.compile(r"^\d+[a-z]?$")
_QUEENS = re.compile(r"\b(\d{1,3})-(\d{2})\b(?=\s)")
_US_POSTCODE = re.compile(r"^(\d{5})(?:[- ]?\d{4})?$")


def street(*lines: object) -> list[str]:
    """The tokens of a street address: "#2601" (house), "box790", street words; the part within the building goes."""
    text = " ".join(filter(None, (stated(line) for line in lines)))
    boxes = [f"box{number}" for number in _BOX.findall(text)]
    text = _QUEENS.sub(r"\1\2", _BOX.sub(" ", text))
    for pattern in (_ADDRESSEE, _UNIT_NUMBER, _LEVEL):
        text = pattern.sub(" ", text)
    words = _without_unit([word for word in _WORD.split(text) if word])
    return unique([*_tokens(words), *boxes])


def _without_unit(words: list[str]) -> list[str]:
    """Drop "suite 140" and the like: the word and the one after it."""
    kept: list[str] = []
    skip = False
    for position, word in enumerate(words):
        unit = position > 0 and word in word_set("address_units")
        if not (skip or unit):
            kept.append(word)
        skip = unit
    return kept


def _tokens(words: list[str]) -> list[str]:
    tokens: list[str] = []
    for position, word in enumerate(words):
        ordinal = _ORDINAL.match(word)
        if ordinal:
            tokens.append(ordinal[1])
        elif position == 0 and _HOUSE.match(word):
            tokens.append(f"#{word}")
        elif position == 0 and word in _CARDINALS:
            tokens.append(f"#{_CARDINALS[word]}")  # "One Medical Center Drive"
        else:
            tokens += expand(word, ("streets",)) if word in dictionary("streets") else (word,)
    return tokens


def city(value: object) -> str:
    """The city in one spelling: "Ft. Worth" → "fort worth"."""
    words = [word for word in _WORD.split(stated(value)) if word]
    names = {
        "st": "saint",
        "ste": "saint",
        "ft": "fort",
        "mt": "mount",
        "n": "north",
        "s": "south",
        "e": "east",
        "w": "west",
    }
    return "".join(names.get(word, word) for word in words)


def state(value: object) -> str:
    """The postal code of a state, or the folded text of a region elsewhere."""
    text = stated(value)
    return dictionary("states").get(text, text.upper() if len(text) <= 3 else text)


def postcode(value: object) -> str:
    """Five digits of a US postcode (leading zero restored), else letters and digits."""
    text = stated(value)
    us = _US_POSTCODE.match(text)
    if us:
        return us[1]
    digits = fold(text).replace(" ", "")
    return digits.zfill(5) if digits.isdigit() and len(digits) in (3, 4) else _WORD.sub("", digits).upper()
