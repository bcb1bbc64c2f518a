"""Identifiers with a standard behind them: GTIN, UDI (GS1 and HIBC), and those of organisations and places.

They are compared, not judged: a wrong check digit is the caller's business (data quality), and two records that carry
the same wrong GTIN still carry the same GTIN.
"""

from __future__ import annotations

import re

from .text import alnum, stated

_AI_01 = re.compile(r"^\(?01\)?(\d{14})|\(01\)(\d{14})")
_SEPARATOR = re.compile(r"[\s-]")
_LENGTHS = {8, 12, 13, 14}
_SCANNED = re.compile(
    r"^(?:\][a-z]\d|\x1d|(?:gtin|upc|ean|udi(?:-?di)?|di)[\s:#-]+)+"
)  # symbology (ISO/IEC 15424), label
_HIBC = re.compile(r"\+[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}\d[0-9A-Z. $/+%-]?")
_MOD_43 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"  # the alphabet of Code 39, in the order of its values


def gtin(value: object) -> str:
    """The GTIN as fourteen digits (GS1 General Specifications, 3.2), also out of a UDI string; "" for other forms."""
    text = stated(value)
    if not text.isdigit():
        text = _SEPARATOR.sub("", _SCANNED.sub("", text))
    inside = _AI_01.search(text) if len(text) > 14 else None
    digits = inside[1] or inside[2] if inside else text
    return digits.zfill(14) if digits.isdigit() and len(digits) in _LENGTHS and digits.strip("0") else ""


def hibc(value: object) -> str:
    """Labeller and product of a HIBC primary code, or "" for others (ANSI/HIBC 2.6): "+A99912345/$$52001510X3" and
    "+A999123457" → "A9991234", without unit of measure and check character.
    """
    text = stated(value)
    if "+" not in text:
        return ""
    text = _SCANNED.sub("", text).upper().strip("*")
    secondary = re.search(r"/(?=[$\d+S])", text)  # a check character may be a slash, too
    primary = text[: secondary.start()] if secondary else text
    if not _HIBC.fullmatch(primary):
        return ""
    checked = not secondary and primary[-1] == _check_character(primary[:-1])
    whole = primary[1:-1] if checked or not primary[-1].isdigit() else primary[1:]
    return alnum(whole[:-1])


def _check_character(text: str) -> str:
    """Of a HIBC code: the sum of all values, modulo 43."""
    return _MOD_43[sum(map(_MOD_43.find, text)) % 43]


def has_check_digit(digits: str) -> bool:
    """Whether the last of a GTIN's digits follows from the others (GS1 General Specifications, 7.9)."""
    weighed = sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(reversed(digits)))
    return weighed % 10 == 0


def device_identifier(value: object) -> str:
    """A UDI-DI in one form: the GTIN as fourteen digits, else the HIBC stem, else letters and digits."""
    return (gtin(value) or hibc(value) or alnum(stated(value))) if value else ""


def registered(value: object, length: int = 0) -> str:
    """An EIN, DUNS, LEI, GLN or NPI: letters and digits, padded with zeros to ``length`` if it is shorter by one."""
    code = alnum(stated(value))
    if length and code.isdigit() and len(code) == length - 1:
        code = code.zfill(length)
    return code
