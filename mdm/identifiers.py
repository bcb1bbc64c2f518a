"""Public identifiers: what a valid one looks like. Invalid ones are kept, and marked with why they are invalid.

Sources: GS1 General Specifications (GTIN, GLN: mod-10 check digit; biip), ISO 17442 (LEI; stdnum), CMS NPI check digit
(Luhn over ``80840`` + NPI), IRS EIN prefixes (stdnum), D&B (DUNS: nine digits), ANSI/HIBC 2.6 (mod 43).
"""

from __future__ import annotations

from collections.abc import Callable

from biip import ParseError
from biip.gtin import Gtin
from stdnum import ean, lei, luhn
from stdnum.us import ein

HIBC_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _gtin(text: str) -> str:
    digits = _digits(text)
    if len(digits) not in (8, 12, 13, 14):
        return f"a GTIN has 8, 12, 13 or 14 digits, this has {len(digits)}"
    try:
        Gtin.parse(digits)
    except ParseError:
        return "the check digit is wrong"
    return ""


def _gln(text: str) -> str:
    digits = _digits(text)
    if len(digits) != 13:
        return f"a GLN has 13 digits, this has {len(digits)}"
    return "" if ean.is_valid(digits) else "the check digit is wrong"


def _npi(text: str) -> str:
    digits = _digits(text)
    if len(digits) != 10 or digits[0] not in "12":
        return "an NPI has 10 digits and begins with 1 or 2"
    return "" if luhn.is_valid("80840" + digits) else "the check digit is wrong"


def _ein(text: str) -> str:
    digits = _digits(text)
    if len(digits) != 9:
        return f"an EIN has 9 digits, this has {len(digits)}"
    return "" if ein.is_valid(digits) else "no EIN begins with these two digits"


def _duns(text: str) -> str:
    digits = _digits(text)
    return "" if len(digits) == 9 else f"a DUNS number has 9 digits, this has {len(digits)}"


def _lei(text: str) -> str:
    return "" if lei.is_valid(text) else "an LEI has 20 characters and an ISO 7064 check pair"


def _hibc(text: str) -> bool:
    body = text.strip().upper()
    if not body.startswith("+") or len(body) < 8 or any(c not in HIBC_ALPHABET for c in body):
        return False
    return HIBC_ALPHABET[sum(HIBC_ALPHABET.index(c) for c in body[:-1]) % 43] == body[-1]


def _udi_di(text: str) -> str:
    """GS1 (a GTIN), HIBCC (+…, mod 43) or ICCBBA (=…, or letter + digits)."""
    code = text.strip().upper()
    if code.startswith("+"):
        return "" if _hibc(code) else "the HIBC check character is wrong"
    if code.startswith("=") or code[:1].isalpha():
        return "" if 6 <= len(code) <= 25 else "an HIBC or ICCBBA device identifier has 6 to 25 characters"
    return _gtin(code)


CHECKS: dict[str, Callable[[str], str]] = {
    "gtin": _gtin,
    "udi_di": _udi_di,
    "gln": _gln,
    "npi": _npi,
    "ein": _ein,
    "duns": _duns,
    "lei": _lei,
}


def why_invalid(scheme: str, value: str) -> str:
    """Empty if ``value`` is a valid identifier of the scheme, else why it isn't, in a few words."""
    return CHECKS[scheme](value)


def normalise(scheme: str, value: str) -> str:
    """The one way Concord writes this identifier: GTINs as 14 digits, EIN as 12-3456789, others bare and upper case."""
    text = value.strip().upper()
    if scheme == "udi_di" and not _digits(text[:1]):
        return text
    if scheme == "lei":
        return "".join(c for c in text if c.isalnum())
    digits = _digits(text)
    if why_invalid(scheme, value):
        return text
    if scheme in ("gtin", "udi_di"):
        return digits.zfill(14)
    if scheme == "ein":
        return f"{digits[:2]}-{digits[2:]}"
    return digits
