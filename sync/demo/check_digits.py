"""Check digits of the identifiers the demo invents, so that every one of them is valid in form.

The numbers lie where no real party's do: GS1 prefix 952 is reserved for demonstrations, LEIs start with a prefix no
issuer has, telephone numbers use 555-01xx. NPI, EIN and DUNS have no such range; theirs are valid in form only.
"""

from __future__ import annotations

GS1_DEMONSTRATION_PREFIX = "952"


def gs1_check_digit(digits: str) -> str:
    """The modulo-10 digit of a GTIN or GLN (GS1 General Specifications, section 7.9); ``digits`` lacks it."""
    total = sum(int(d) * (3 if place % 2 == 0 else 1) for place, d in enumerate(reversed(digits)))
    return str(-total % 10)


def gtin14(indicator: int, company: int, item: int) -> str:
    """14 digits; ``company`` < 10,000 and ``item`` < 100,000; ``indicator`` tells the packaging levels apart."""
    body = f"{indicator}{GS1_DEMONSTRATION_PREFIX}{company:04d}{item:05d}"
    return body + gs1_check_digit(body)


def gln(number: int) -> str:
    """13 digits for the ``number``-th party, < 10**9."""
    body = f"{GS1_DEMONSTRATION_PREFIX}{number:09d}"
    return body + gs1_check_digit(body)


def npi(number: int) -> str:
    """10 digits starting with 1; Luhn over the number behind the prefix 80840 (CMS, NPI check digit)."""
    body = f"1{number:08d}"
    total = 0
    for place, digit in enumerate(reversed("80840" + body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def lei(number: int) -> str:
    """20 characters; ISO 17442, check digits by ISO 7064 modulo 97-10."""
    body = f"DEMO00{number:012d}"
    as_digits = "".join(str(int(character, 36)) for character in body + "00")
    return f"{body}{98 - int(as_digits) % 97:02d}"


def ein(number: int) -> str:
    """``NN-NNNNNNN`` with a prefix the tax office assigns (20–27 are given out by internet)."""
    return f"{20 + number % 8}-{number // 8 % 10_000_000:07d}"


def duns(number: int) -> str:
    """Nine digits; DUNS numbers carry no check digit."""
    return f"{100_000_000 + number % 800_000_000:09d}"
