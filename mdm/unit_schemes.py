"""A unit's code in other schemes: UNECE Recommendations 20 and 21 for trade, UCUM for clinical systems; and measures,
which convert by definition whatever the item is.

Packaging has no UCUM code of its own: it is an annotation, ``{box}``. Written bare, "EA" would be an exa-ampere.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from mdm.units import UNITS, Uom, normalise_uom

# X12 355 → UNECE. Codes of Rec 21 (packages) begin with X; what is missing has none.
UNECE: dict[str, str] = {
    "AM": "XAM", "AV": "XAV", "BA": "XBN", "BD": "XBE", "BG": "XBG", "BK": "D63", "BO": "XBO", "BR": "BLL",
    "BX": "XBX", "CA": "XCS", "CG": "XCM", "CM": "CMT", "CN": "XCX", "CQ": "XCQ", "CT": "XCT", "CY": "XCY",
    "DR": "XDR", "DZ": "DZN", "EA": "EA", "EV": "XEN", "FT": "FOT", "GA": "GLL", "GR": "GRM", "GS": "GRO",
    "HU": "CEN", "IN": "INH", "JR": "XJR", "KG": "KGM", "KT": "KT", "LB": "LBR", "LT": "LTR", "MG": "MGM",
    "ML": "MLT", "MR": "MTR", "PA": "XPL", "PD": "PD", "PK": "XPK", "PL": "XPX", "PR": "PR", "PT": "PTL",
    "QT": "QTL", "RL": "XRO", "RM": "RM", "SH": "XST", "SL": "XSY", "SR": "SR", "ST": "SET", "TB": "XTU",
    "TH": "MIL", "TY": "XPU", "U2": "U2", "VI": "XVI", "YD": "YRD",
}  # fmt: skip

# X12 355 → (UCUM, dimension, how many of the dimension's first unit). Exact by definition: NIST SP 811, appendix B.
# The ounce is left out: feeds use OZ for weight and volume alike.
MEASURES: dict[str, tuple[str, str, Fraction]] = {
    "MR": ("m", "length", Fraction(1)),
    "CM": ("cm", "length", Fraction(1, 100)),
    "IN": ("[in_i]", "length", Fraction(254, 10_000)),
    "FT": ("[ft_i]", "length", Fraction(3048, 10_000)),
    "YD": ("[yd_i]", "length", Fraction(9144, 10_000)),
    "KG": ("kg", "mass", Fraction(1)),
    "GR": ("g", "mass", Fraction(1, 1_000)),
    "MG": ("mg", "mass", Fraction(1, 1_000_000)),
    "LB": ("[lb_av]", "mass", Fraction(45_359_237, 100_000_000)),
    "LT": ("L", "volume", Fraction(1)),
    "ML": ("mL", "volume", Fraction(1, 1_000)),
    "GA": ("[gal_us]", "volume", Fraction(3_785_411_784, 1_000_000_000)),
    "QT": ("[qt_us]", "volume", Fraction(946_352_946, 1_000_000_000)),
    "PT": ("[pt_us]", "volume", Fraction(473_176_473, 1_000_000_000)),
}

_FROM_UCUM = {ucum: code for code, (ucum, _, _) in MEASURES.items()} | {"l": "LT", "ml": "ML"}


def ucum(code: str) -> str:
    """``ML`` → mL, ``BX`` → {box}."""
    return MEASURES[code][0] if code in MEASURES else f"{{{UNITS[code][0].lower().replace(' ', '_')}}}"


def read(text: str, synonyms: Mapping[str, str] | None = None) -> Uom | None:
    """The unit that a text of any scheme names, or None. ``synonyms``: what one system calls units, {its word: any
    spelling that Concord knows}; its own words go first, so that its "CT" may be a count.
    """
    word = text.strip()
    if synonyms and (own := synonyms.get(word.upper())):
        word = own
    if code := _FROM_UCUM.get(word):
        return Uom(code)
    if word.startswith("{") and word.endswith("}"):
        word = word[1:-1].replace("_", " ")
    return normalise_uom(word)
