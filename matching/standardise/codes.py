"""Catalogue numbers, and codes hidden in descriptions: what is the same code however it is written."""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_uppercase

from .dictionaries import dictionary
from .text import alnum, stated

_LABEL = re.compile(
    r"^(?:ref|cat(?:alog(?:ue)?)?|mfr|mfg|item|part|prod(?:uct)?|model|order|stock|vend(?:or)?|art(?:icle)?|mat(?:erial)?|no|nr"
    r"|num(?:ber)?|code|p/n|pn|mpn|vpn|sku|ndc|#|:|\.|\s)+(?=[\s:#.-])[\s:#.-]*|^ref(?=\d{4})"
)
_TAIL = re.compile(r"^(.*[a-z0-9])[\s/_-]+\(?([a-z]{1,8})(?:/\d+)?\)?$")
_UNITS = ("EA", "BX", "CS", "CA", "PK", "BG", "CT", "DZ")
_GLUED = re.compile(rf"^(.*\d.{{0,2}}\d.*\d)({'|'.join(_UNITS)})$")
_ZERO = re.compile(r"(?<=\d)O|O(?=\d)")
_KINDS = str.maketrans(ascii_uppercase + "0123456789", "A" * 26 + "D" * 10)
_RUNS = re.compile(r"A+|D+")
_DIGITS = re.compile(r"\d")
_LETTERS = re.compile(r"[a-z]+")


def bare(value: object) -> str:
    """The code as letters and digits, without label ("REF", "CAT #") or packaging unit at its end ("-EA", " BX")."""
    text = stated(value)
    if text.isalnum() and not text.startswith("ref"):  # neither a label nor a unit stands apart
        return text.upper()
    text = _LABEL.sub("", text) or text
    tail = _TAIL.match(text)
    if tail and tail[2] in dictionary("packs") and _DIGITS.search(tail[1]):
        text = tail[1]
    return alnum(text)


def without_unit(code: str) -> str:
    """The code without a packaging unit that is glued to its end, "017144EA": a unit, or part of the number."""
    if not code.endswith(_UNITS):
        return code
    glued = _GLUED.match(code)
    return code[: len(glued[1])] if glued else code


def core(code: str) -> str:
    """What is left of an alphanumeric code when leading zeros go and the letter O beside a digit is a zero."""
    if "O" in code:
        code = _ZERO.sub("0", code)
    return code.lstrip("0") or code


@lru_cache(maxsize=65_536)
def looks_like_code(chunk: str) -> bool:
    """Whether a chunk of a description reads like a catalogue number: "dsc-w150", "4817-016", "8106434"."""
    solid = alnum(chunk)
    digits = len(_DIGITS.findall(solid))
    if digits == len(solid):
        return digits >= 5
    longest = max((len(run) for run in _LETTERS.findall(chunk)), default=0)
    return longest <= 6 and ((len(solid) >= 5 and digits >= 2) or (len(solid) >= 6 and digits >= 1))


def shape(code: str) -> str:
    """How a code is built: "CU13122F" → "A2D5A1". Codes of one maker and range have one shape."""
    return _shape(code.translate(_KINDS))


@lru_cache(maxsize=16_384)
def _shape(kinds: str) -> str:
    return "".join(f"{run[0]}{len(run)}" for run in _RUNS.findall(kinds))
