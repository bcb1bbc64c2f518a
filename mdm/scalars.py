"""One cell of text, one value: what hospital systems write for flags, dates, amounts and choices, and what it means.

Every parser returns the canonical JSON value, None for "not stated", or raises ``Unreadable`` with words that say what
to do. Cells that come from a workbook may be typed (numbers, dates, flags) instead of text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

Cell = str | int | float | bool | Decimal | date | None  # datetime is a date

PLACEHOLDERS = frozenset(
    "n/a|n.a.|na|#n/a|nan|null|(null)|<null>|\\n|none|nil|not available|not applicable|not specified|not stated|"
    "not provided|no data|unknown|unk|undefined|(blank)|tbd|to be determined|?|??|???|.|..|*|**|***".split("|")
)
ERRORS = frozenset("#REF! #VALUE! #NAME? #DIV/0! #NUM! #NULL! #SPILL! #CALC! #GETTING_DATA #NOT_CALCULATED!".split())
TRUE = frozenset("y yes true t 1 x on ✓ ✔".split())
FALSE = frozenset("n no false f 0 off".split())
EPOCH = date(1899, 12, 30)  # serial 0 of Excel's 1900 date system, its imaginary 29 February 1900 counted in
SERIALS = range(1, 73415)  # 1900 to 2100
EXACT_DIGITS = 15  # of a spreadsheet's number
YEARS = range(1800, 2200)
NO_DATE = re.compile(r"0+([-/.]0+)*|.*\b(?:9999|2999)\b.*|9999\d{4}|2999\d{4}")  # "never" and "no end" of ERPs
MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}

_QUOTED_FORMULA = re.compile(r'="([^"]*)"')  # ="00123" is how exports keep a spreadsheet from dropping zeros
_FORMULA = re.compile(r"=\s*(?:[A-Z][A-Z.]+\(.*|\$?[A-Z]{1,3}\$?\d+(?:[-+*/&:^].*)?|[\d.]+(?:[-+*/^][\d.]+)+)")
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d{2,3}", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{2,6})?")
_NUMERIC = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[T ].*)?")
_DAY_NAME = re.compile(r"(\d{1,2})[-/. ]*([A-Za-z]{3,9})[-/., ]*(\d{4}|\d{2})(?:[T ].*)?")
_NAME_DAY = re.compile(r"([A-Za-z]{3,9})\.?[-/ ]*(\d{1,2})(?:st|nd|rd|th)?,?[-/ ]+(\d{4})(?:[T ].*)?")
_AMOUNT = re.compile(r"[+-]?\d+(?:\.\d+)?|[+-]?\.\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}|[+-]?\d{1,3}(?:\.\d{3}){2,}")


class Unreadable(ValueError):
    """The value can't be read. The message says what was expected."""


def clean(cell: Cell) -> str:
    """The cell as text: NFC, blanks collapsed, invisible characters removed; empty for placeholders.

    Raises:
        Unreadable: NUL bytes, half characters or a spreadsheet's error, which mean that the file is damaged.
    """
    text = cell if isinstance(cell, str) else typed_text(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = _printable(text)
    text = " ".join(text.split())
    if text in ERRORS:
        raise Unreadable(f"the cell holds the spreadsheet's error {text}: mend its formula, or empty the cell")
    if text.startswith("="):
        text = _without_formula(text)
    return "" if is_placeholder(text) else text


def _without_formula(text: str) -> str:
    if match := _QUOTED_FORMULA.fullmatch(text):
        return match[1].strip()
    if _FORMULA.fullmatch(text):
        raise Unreadable("the cell holds a formula, not its result: save the file with values and send it again")
    return text  # such as a device identifier of ICCBBA


def _printable(text: str) -> str:
    if "\0" in text:
        raise Unreadable("the cell has a NUL byte: the file is damaged or no text file; export it again")
    kept = []
    for char in text:
        kind = unicodedata.category(char)
        if kind == "Cs":
            raise Unreadable("the cell has half a character: the file is in another encoding; export it as UTF-8")
        if kind in ("Cc", "Zs", "Zl", "Zp"):
            kept.append(" ")
        elif kind != "Cf":  # zero width spaces, byte order marks, soft hyphens
            kept.append(char)
    return "".join(kept)


def is_placeholder(text: str) -> bool:
    return not text or text.lower() in PLACEHOLDERS or not text.strip("-–—_=")


def typed_text(cell: Cell) -> str:
    """A typed cell as a person would read it: 4711.0 is "4711", true is "true", midnight is a date.

    Raises:
        Unreadable: a number of more digits than a spreadsheet keeps; its last ones are made up.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return _float_text(cell)
    return str(cell)


def _float_text(number: float) -> str:
    if abs(number) >= 10**EXACT_DIGITS:
        raise Unreadable("the spreadsheet has rounded this long number: format the column as text and export it again")
    return str(int(number)) if number.is_integer() else f"{Decimal(f'{number:.{EXACT_DIGITS}g}'):f}"


def code(text: str) -> str:
    """A code as the source writes it.

    Raises:
        Unreadable: it is a number that a spreadsheet has shortened, like 8.44505E+11.
    """
    if why := why_shortened(text):
        raise Unreadable(why)
    return text


def why_shortened(text: str) -> str:
    """Empty, or why a text like 8.44505E+11 is no code any more."""
    if _SCIENTIFIC.fullmatch(text):
        return "a spreadsheet has shortened this number: format the column as text and export it again"
    return ""


def boolean(text: str) -> bool:
    word = text.lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise Unreadable("this is neither yes nor no: write Y or N")


def integer(text: str) -> int:
    amount = _amount(text)
    if amount != amount.to_integral_value() or not 1 <= amount < 2**31:
        raise Unreadable("a whole number from 1 is expected")
    return int(amount)


def decimal(text: str) -> str:
    """An amount with at least two and at most four decimals, without currency signs or thousands' commas."""
    amount = _amount(text)
    if not 0 <= amount < 10**10:
        raise Unreadable("an amount from 0 to 9,999,999,999.9999 is expected")
    if amount != round(amount, 4):
        raise Unreadable("an amount has at most four decimals: round it in the source")
    amount = amount.normalize()
    return f"{amount:.2f}" if int(amount.as_tuple().exponent) > -2 else f"{amount:f}"


def _amount(text: str) -> Decimal:
    bare = re.sub(r"^(?:[A-Z]{3}|US\$|[$€£¥])\s*|\s*(?:[A-Z]{3}|[$€£¥])$", "", text.upper()).replace(" ", "")
    if bare.startswith("(") and bare.endswith(")"):  # accountants' minus
        bare = "-" + bare[1:-1].lstrip("$€£¥")
    if _EUROPEAN.fullmatch(bare):
        bare = bare.replace(".", "").replace(",", ".")
    elif _THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    try:
        if _AMOUNT.fullmatch(bare) or _SCIENTIFIC.fullmatch(bare):
            return Decimal(bare)
    except InvalidOperation:  # pragma: no cover - the patterns admit only numbers
        pass
    raise Unreadable("this is no number: write it like 1234.50")


def iso_date(cell: Cell, date_order: str = "") -> str | None:
    """ISO 8601 of a date in any of the usual notations; None for an ERP's "never" (00/00/0000, 9999-12-31).

    ``date_order`` is "mdy", "dmy", or "mixed" for a feed whose own dates contradict each other; empty reads as the
    US does. Where only one order makes a date (22/11/2026), that one is taken unless the order is declared otherwise.

    Raises:
        Unreadable: no date, no such day, or a day and month that could be either way round in a mixed feed.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool) and int(cell) in SERIALS:
        return (EPOCH + timedelta(days=int(cell))).isoformat()
    text = clean(cell)
    if NO_DATE.fullmatch(text):
        return None
    for year, month, day in _readings(text, date_order):
        try:
            if year in YEARS:
                return date(year, month, day).isoformat()
        except ValueError:
            continue
    raise Unreadable("this is no date: write it like 2026-11-22")


def _readings(text: str, date_order: str) -> Iterator[tuple[int, int, int]]:
    if match := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
        yield int(match[1]), int(match[2]), int(match[3])
    elif match := _NUMERIC.fullmatch(text):
        yield from _numeric(match, date_order)
    elif match := _DAY_NAME.fullmatch(text):
        yield _year(match[3]), MONTHS.get(match[2][:3].lower(), 0), int(match[1])
    elif match := _NAME_DAY.fullmatch(text):
        yield _year(match[3]), MONTHS.get(match[1][:3].lower(), 0), int(match[2])


def _numeric(match: re.Match[str], date_order: str) -> Iterator[tuple[int, int, int]]:
    first, second, year = int(match[1]), int(match[3]), _year(match[4])
    if match[2] == ".":  # dots are written where the day comes first
        yield year, second, first
        return
    if date_order == "mixed" and first <= 12 and second <= 12 and first != second:
        raise Unreadable("day and month could be either way round in this file: set the feed's date order")
    if date_order != "dmy":
        yield year, first, second
    if date_order != "mdy":
        yield year, second, first


def _year(text: str) -> int:
    year = int(text)
    if len(text) == 4:
        return year
    return year + (2000 if year < 69 else 1900)  # POSIX's pivot


@lru_cache(maxsize=4096)  # a file has few dates, many times over
def order_shown(text: str) -> str:
    """ "mdy" or "dmy" if this text can be a date in one order only, else empty. For telling a file's order."""
    match = _NUMERIC.fullmatch(text.strip())
    if not match or match[2] == ".":
        return ""
    first, second = int(match[1]), int(match[3])
    if first <= 12 < second:
        return "mdy"
    return "dmy" if second <= 12 < first else ""


def moment(cell: Cell, date_order: str = "") -> datetime | None:
    """A date with its time where it is written as ISO 8601; without a zone it is UTC."""
    text = cell if isinstance(cell, str) else typed_text(cell)
    day = iso_date(cell, date_order)
    if day is None:
        return None
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        value = datetime.fromisoformat(day)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def decimal_text(value: Decimal) -> str:
    """Plain notation without trailing zeros, at least two places: 12.5000 → "12.50", 0.0375 → "0.0375"."""
    text = f"{value.normalize():f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"
