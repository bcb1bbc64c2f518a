"""Identifiers with a standard behind them: GTIN, UDI (GS1 and HIBC), and those of organisations and places.

They are compared, not judged: a wrong check digit is the caller's business (data quality), and two records that carry
the same wrong GTIN still carry the same GTIN.
"""

from __future__ import annotations

import re

from .text import alnum, stated

_AI_01 = re.compile(r"^\(?01\)?(\d{14})")
_LENGTHS = {8, 12, 13, 14}


def gtin(value: object) -> str:
    """The GTIN as fourteen digits (GS1 General Specifications, 3.2), also out of a UDI string; "" for other forms."""
    text = re.sub(r"[\s-]", "", stated(value))
    inside = _AI_01.match(text) if len(text) > 14 else None
    digits = inside[1] if inside else text
    return digits.zfill(14) if digits.isdigit() and len(digits) in _LENGTHS and set(digits) != {"0"} else ""


def hibc(value: object) -> str:
    """Labeller and product of a HIBC primary code ("+B123ABC45670" → "B123ABC456"; ANSI/HIBC 2.6), or "" for others."""
    text = re.sub(r"\s", "", stated(value)).upper()
    if not re.fullmatch(r"\+[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}\d.?(?:/.*)?", text):
        return ""
    primary = text[1:].split("/")[0]
    return alnum(primary[:-2] if len(text.split("/")[0]) == len(text) else primary[:-1])


def device_identifier(value: object) -> str:
    """A UDI-DI in one form: the GTIN as fourteen digits, else the HIBC stem, else letters and digits."""
    return gtin(value) or hibc(value) or alnum(stated(value))


def registered(value: object, length: int = 0) -> str:
    """An EIN, DUNS, LEI, GLN or NPI: letters and digits, padded with zeros to ``length`` if it is shorter by one."""
    code = alnum(stated(value))
    if length and code.isdigit() and len(code) == length - 1:
        code = code.zfill(length)
    return code
