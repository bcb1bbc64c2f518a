"""Units of measure that items are packed, counted and priced in, and the many ways hospital systems write them.

Codes are those of X12 data element 355, which purchase orders and price catalogues use; UNECE Recommendation 20 and 21
codes, common words and "box of 10" spellings (B10, BX/10, 10/BX) are read as synonyms of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process


@dataclass(frozen=True, slots=True)
class Uom:
    """A unit, and how many of the next lower unit it holds where the text says so: "B10" is BX of 10."""

    code: str
    quantity: int | None = None


# code: name, then other spellings. One table, to be read by whoever wonders what "PF" is.
UNITS: dict[str, tuple[str, str]] = {
    "AM": ("Ampoule", "AMP AMPULE XAM"),
    "AV": ("Capsule", "CAP CAPS XAV"),
    "BA": ("Bale", "BALES XBN"),
    "BD": ("Bundle", "BDL BUNDLES XBE"),
    "BG": ("Bag", "BAGS XBG"),
    "BK": ("Book", "BOOKS D63"),
    "BO": ("Bottle", "BT BTL BOT BOTT XBO"),
    "BR": ("Barrel", "BBL BRL XBA BLL"),
    "BX": ("Box", "BXS BOXES XBX"),
    "CA": ("Case", "CS CSE CASES XCS"),
    "CG": ("Card", "CD CRD XCV XCM"),
    "CM": ("Centimeter", "CMT CENTIMETRE"),
    "CN": ("Can", "CANS XCX"),
    "CQ": ("Cartridge", "CTG CRTG CART CARTRIDGES XCQ"),
    "CT": ("Carton", "CTN CRT XCT"),
    "CY": ("Cylinder", "CYL XCY"),
    "DR": ("Drum", "DRM XDR"),
    "DZ": ("Dozen", "DOZ DZN DOZENS"),
    "EA": ("Each", "EACHES E H87 C62 PC PCS PCE PIECE PIECES"),
    "EV": ("Envelope", "ENV XEN"),
    "FT": ("Foot", "FOT FEET"),
    "GA": ("Gallon", "GAL GL GLL GALLONS"),
    "GR": ("Gram", "GM GRM G GRAMS"),
    "GS": ("Gross", "GRO"),
    "HU": ("Hundred", "CEN HUN HND"),
    "IN": ("Inch", "INH INCHES"),
    "JR": ("Jar", "JARS XJR"),
    "KG": ("Kilogram", "KGM KILO"),
    "KT": ("Kit", "KITS XKI"),
    "LB": ("Pound", "LBR LBS POUNDS"),
    "LT": ("Liter", "LTR L LITRE LITERS"),
    "MG": ("Milligram", "ME MGM"),
    "ML": ("Milliliter", "MLT MILLILITRE CC"),
    "MR": ("Meter", "MTR METRE M METERS"),
    "OZ": ("Ounce", "ONZ OUNCES FO OZA"),
    "PA": ("Pail", "BUCKET XPL"),
    "PD": ("Pad", "PADS"),
    "PK": ("Pack", "PAC PAK PKG PCK PACKS PACKAGE PACKAGES PACKET PKT PH XPK XPA"),
    "PL": ("Pallet", "PLT PAL PALLETS PF XPX"),
    "PR": ("Pair", "PRS PAIRS"),
    "PT": ("Pint", "PTI PINTS PTL"),
    "QT": ("Quart", "QTI QUARTS QTL"),
    "RL": ("Roll", "RO RLS ROL ROLLS XRO"),
    "RM": ("Ream", "REAMS"),
    "SH": ("Sheet", "SHT SHEETS XST"),
    "SL": ("Sleeve", "SLV SLEEVES XSV XSY"),
    "SP": ("Shelf package", "SPK"),
    "SR": ("Strip", "STP STRIPS"),
    "ST": ("Set", "SE SETS XSX"),
    "SY": ("Syringe", "SYR SYRINGES"),
    "TB": ("Tube", "TU TUB TBE TUBES XTU"),
    "TH": ("Thousand", "MIL THO THOU"),
    "TY": ("Tray", "TR TRY TRAYS XPU"),
    "U2": ("Tablet", "TAB TABS TABLETS TBL"),
    "UN": ("Unit", "UT UNT UNITS"),
    "VI": ("Vial", "VL VIA VIALS XVI"),
    "YD": ("Yard", "YRD YARDS"),
}

HOLDS = {"DZ": 12, "GS": 144, "HU": 100, "TH": 1000}  # of what they count, by their meaning
FIXED = {  # codes that say unit and quantity at once: X12 355's packs of n
    **{f"P{n}": Uom("PK", n) for n in (2, 3, 4, 5, 6, 8, 9)},
    "TP": Uom("PK", 10),
}
INITIALS = {"B": "BX", "C": "CA", "P": "PK"}  # only before a number: B10, C12, P25

_WORD_NUMBER = re.compile(r"([A-Z]+)\s*(?:/|-?OF-?|\(|-|:)?\s*(\d{1,6})\s*(?:EA|EACH)?\)?")
_NUMBER_WORD = re.compile(r"(\d{1,6})\s*(?:/|PER|-|EA/|EACH/|EA PER)?\s*([A-Z]+)")


def _spellings() -> dict[str, str]:
    spelt = {code: code for code in UNITS}
    for code, (name, others) in UNITS.items():
        for word in (name.upper(), *others.split()):
            spelt.setdefault(word, code)
    return spelt


SPELLINGS = _spellings()


@lru_cache(maxsize=4096)
def normalise_uom(text: str) -> Uom | None:
    """The unit that a text names, or None if Concord knows no such unit. ``"cs"`` → CA, ``"B10"`` → BX of 10."""
    word = " ".join(text.upper().replace(".", "").split())
    if code := SPELLINGS.get(word):
        return Uom(code, HOLDS.get(code))
    return FIXED.get(word) or _counted(word)


def _counted(word: str) -> Uom | None:
    if match := _WORD_NUMBER.fullmatch(word):
        unit, number = match[1], int(match[2])
    elif match := _NUMBER_WORD.fullmatch(word):
        unit, number = match[2], int(match[1])
    else:
        return None
    code = SPELLINGS.get(unit) or INITIALS.get(unit)
    return Uom(code, number) if code and number > 0 else None


def nearby(text: str, limit: int = 3) -> list[str]:
    """Known units whose spelling is closest, for a message: ``["BX (Box)", "BG (Bag)"]``."""
    found = process.extract(text.upper().strip(), list(SPELLINGS), scorer=fuzz.ratio, limit=limit * 4)
    codes = list(dict.fromkeys(SPELLINGS[word] for word, _score, _index in found))
    return [f"{code} ({UNITS[code][0]})" for code in codes[:limit]]
