"""Public identifiers: what a valid one looks like. Invalid ones are kept, and marked with why they are invalid.

Sources: GS1 General Specifications (GTIN, GLN: mod-10 check digit; stdnum), ISO 17442 (LEI; stdnum), CMS NPI check
digit (Luhn over ``80840`` + NPI), IRS EIN prefixes (stdnum), D&B (DUNS: nine digits), ANSI/HIBC 2.6 (mod 43).
"""

from __future__ import annotations

from collections.abc import Callable

from stdnum import ean, lei, luhn
from stdnum.us import ein

HIBC_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


SEPARATORS = str.maketrans("", "", " -./()")
EXCEL = "; a spreadsheet may have dropped zeros at the front"


def _digits(text: str) -> str:
    """The digits of a text that has nothing else but separators; empty if it does."""
    bare = text.removeprefix("(01)").translate(SEPARATORS)
    return bare if bare.isascii() and bare.isdecimal() else ""


def _why_not_digits(text: str, name: str, lengths: tuple[int, ...]) -> str:
    digits = _digits(text)
    if not digits:
        return f"{name} has digits only"
    if len(digits) not in lengths:
        wanted = " or ".join(", ".join(map(str, lengths)).rsplit(", ", 1))
        return f"{name} has {wanted} digits, this has {len(digits)}" + (EXCEL if len(digits) < max(lengths) else "")
    return "all digits are the same: a filler" if len(set(digits)) == 1 else ""


def _why_not_checked(text: str) -> str:
    digits = _digits(text)
    return "" if ean.calc_check_digit(digits[:-1]) == digits[-1] else "the check digit is wrong"


def _gtin(text: str) -> str:
    return _why_not_digits(text, "a GTIN", (8, 12, 13, 14)) or _why_not_checked(text)


def _gln(text: str) -> str:
    return _why_not_digits(text, "a GLN", (13,)) or _why_not_checked(text)


def _npi(text: str) -> str:
    if why := _why_not_digits(text, "an NPI", (10,)):
        return why
    digits = _digits(text)
    if digits[0] not in "12":
        return "an NPI begins with 1 or 2"
    return "" if luhn.is_valid("80840" + digits) else "the check digit is wrong"


def _ein(text: str) -> str:
    if why := _why_not_digits(text, "an EIN", (9,)):
        return why
    return "" if ein.is_valid(_digits(text)) else "no EIN begins with these two digits"


def _duns(text: str) -> str:
    return _why_not_digits(text, "a DUNS number", (9,))


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
        return "" if 6 <= len(code) <= 25 and code.isascii() else "an ICCBBA device identifier has 6 to 25 characters"
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


def check(scheme: str, value: str) -> tuple[str, str]:
    """(the one way Concord writes this identifier, why it is invalid or "").

    GTINs have 14 digits, EINs are 12-3456789, others bare and upper case; invalid ones stay as they are, upper case.
    """
    text = value.strip().upper()
    why = why_invalid(scheme, text)
    if why or (scheme == "udi_di" and (text[0] in "+=" or text[0].isalpha())):
        return text, why
    if scheme == "lei":
        return lei.compact(text), why
    digits = _digits(text)
    if scheme in ("gtin", "udi_di"):
        return digits.zfill(14), why
    return (f"{digits[:2]}-{digits[2:]}" if scheme == "ein" else digits), why


def normalise(scheme: str, value: str) -> str:
    """The one way Concord writes this identifier, see ``check``."""
    return check(scheme, value)[0]
