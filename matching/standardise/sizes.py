"""Sizes, strengths and counts: numbers with units, brought to one unit per dimension.

A quantity is written as number and canonical unit, ``"16mm"``, ``"5ml"``, ``"16fr"``; a number without a unit is
written alone, ``"16"``, and may turn out to be any of these. French gauge stays French: it is what the label says.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from .dictionaries import dictionary, forgetful, own_words

_NUMBER = r"\d+[- ]\d+/\d+(?![\d.])|\d+/\d+(?![\d.])|\d{1,3}(?:,\d{3})+|\d*\.\d+|\d+"
_DENOMINATORS = {2, 3, 4, 8, 16, 32, 64}
_SPACED_UNITS = (
    "mm|cm|fr|french|f|ga|gauge|g|ml|cc|deg|degrees?|inch(?:es)?|in|mg|mcg|gm|kg|oz|holes?|feet|ft|lbs?|liters?|tests?|yds?|yards?|mic|"
    "millimeters?|centimeters?|watts?|volts?|diopters?|lumens?|ply|percent|%|\"|'"
)
_CROSS = re.compile(  # "x" between two numbers
    r"(\d(?:\"|[mc]m|fr|in|g|f|ml)?)\s*[x*]\s+(?=[\d.])|(\d(?:\"|[mc]m)?)\s+x(?=[\d.])"
)
_MIXED = re.compile(r"(?<![\d./x-])(\d{1,2})\s(?=\d{1,2}/(?:2|3|4|8|16|32|64)(?!\d))")  # "7 1/2", but not "3.5 1/2"
_RANGE = re.compile(r"(?<=[\da-z\"])(?:to|-|/|x|&)(?=[\d.])|x$")
_SUTURE = re.compile(r"(?<![\d.x/-])(\d{1,2})[-/]0(?![\d.x/-])")
_ODD_UNIT = re.compile(r"(?:\d{1,3}|\d*\.\d+)[a-z]{1,4}")  # "60gtt": a number with a unit that nobody told us of
_DIGIT = re.compile(r"\d")
EQUAL_SIDES = "square"  # marks 4x4, which is not 4x8


@forgetful
@cache
def _units() -> dict[str, tuple[str, float]]:
    parts = {written: meaning.split("*") for written, meaning in dictionary("units").items()}
    return {written: (unit, float(factor)) for written, (unit, factor) in parts.items()}


@forgetful
@cache
def _quantity_pattern() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_units(), key=len, reverse=True))
    return re.compile(rf"(?P<number>{_NUMBER})[- ]?(?P<unit>{units})?")


@forgetful
@cache
def _spaced() -> re.Pattern[str]:
    """What stands between a number and a unit that may stand apart from it."""
    units = "|".join([_SPACED_UNITS, *map(re.escape, own_words().get("units", {}))])
    return re.compile(rf"(?<=\d)[ -]\.?(?=(?:{units})(?![a-z0-9]))")


def tidy(text: str) -> str:
    """Folded text with number and unit, and the parts of a dimension, in one piece: "14 mm x 9 mm" → "14mmx9mm"."""
    if not _DIGIT.search(text):
        return text
    text = _MIXED.sub(r"\1-", text) if "/" in text else text
    text = _spaced().sub("", text)
    return _CROSS.sub(r"\1\2x", text) if "x " in text or " x" in text or "* " in text else text


def _value(number: str) -> list[float]:
    """The number or numbers written: "1-1/2" → 1.5; "10/100", which is no fraction of an inch → 10 and 100."""
    above, slash, below = number.replace(",", "").rpartition("/")
    if not slash:
        return [float(below)]
    lead, _, above = above.replace(" ", "-").rpartition("-")
    if int(below) in _DENOMINATORS and int(above) < int(below):
        return [float(lead or 0) + int(above) / int(below)]
    return [float(part) for part in (lead, above, below) if part]


def write(value: float, unit: str = "") -> str:
    """One way to write a quantity: at most four decimals, no trailing zeros."""
    return f"{value:.4f}".rstrip("0").rstrip(".") + unit


def suture(text: str) -> tuple[str, list[str]]:
    """USP sizes of sutures, "3-0" and "3/0" → "3usp", and the folded text without them."""
    if "-0" not in text and "/0" not in text:
        return text, []
    return _SUTURE.sub(" ", text), [f"{int(size)}usp" for size in _SUTURE.findall(text)]


@forgetful
@lru_cache(maxsize=65_536)
def read(chunk: str) -> tuple[str, ...] | None:
    """The quantities that ``chunk`` consists of ("10x10cm", "2.0/2.4mm", '1/2"', "16fr"), or None for anything else.

    A unit that is written once holds for every number of the dimension.
    """
    if _ODD_UNIT.fullmatch(chunk) and chunk.lstrip("0123456789.") not in _units():
        return () if chunk == "3m" else (chunk,)
    pattern, at, found = _quantity_pattern(), 0, []
    while at < len(chunk):
        match = pattern.match(chunk, at)
        if match is None:
            return None
        found += [(value, match["unit"]) for value in _value(match["number"])]
        at = match.end()
        if at < len(chunk):
            joint = _RANGE.match(chunk, at)
            if joint is None:
                return None
            at = joint.end()
    last = next((unit for _, unit in reversed(found) if unit), None)
    quantities = tuple(_canonical(value, unit or last) for value, unit in found)
    return (*quantities, EQUAL_SIDES) if len(quantities) > 1 and len(set(quantities)) == 1 else quantities


def _canonical(value: float, written: str | None) -> str:
    if written is None:
        return write(value)
    unit, factor = _units()[written]
    if unit == "g" and written == "g" and 10 <= value <= 34 and value.is_integer():
        unit = "ga"  # "19G" on a needle is its gauge; grams of two digits are written "gm" in this trade
    return write(value * factor, unit)


def split(quantity: str) -> tuple[str, str]:
    """Number and canonical unit of a quantity: "16mm" → ("16", "mm"); a bare number has the unit ""."""
    number = quantity.rstrip("abcdefghijklmnopqrstuvwxyz")
    return number, quantity[len(number) :]


@lru_cache(maxsize=65_536)
def as_bare(quantity: str) -> tuple[str, ...]:
    """The bare numbers that ``quantity`` may be written as, without its unit: "170mm" → "170", "17" (centimetres)."""
    number, unit = split(quantity)
    if not (unit and number) or unit == "usp":
        return ()
    value = float(number)
    inches = write(value / 25.4)
    other = {
        "mm": (write(value / 10), inches if len(inches) <= 5 else ""),
        "ml": (write(value / 1000),),
        "g": (write(value * 1000),),
    }
    return (number, *(text for text in other.get(unit, ()) if text and text != "0"))
