"""How each system writes what it means: sizes, units, dates, telephones, addresses, companies, yes and no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sync.demo import vocab
from sync.demo.dice import Dice
from sync.demo.network import Address, Size, Supplier, plain
from sync.demo.noise import with_short_words

# unit of data/families.csv → how the EHR, the ERP (two habits) and the supply chain write it
UNITS: dict[str, tuple[str, tuple[str, str], str]] = {
    "Fr": ("{} Fr", ("{}FR", "{} FR"), "{} FRENCH"),
    "mL": ("{} mL", ("{}CC", "{}ML"), "{}ML"),
    "mm": ("{} mm", ("{}MM", "{}MM"), "{}MM"),
    "cm": ("{} cm", ("{}CM", "{} CM"), "{}CM"),
    "in": ("{} in", ('{}"', "{}IN"), "{} INCH"),
    "um": ("{} µm", ("{}MIC", "{}UM"), "{} MICRON"),
    "ga": ("{} G", ("{}GA", "{}G"), "{} GAUGE"),
    "ft": ("{} ft", ("{}FT", "{}'"), "{}FT"),
    "yd": ("{} yd", ("{}YD", "{}YD"), "{} YD"),
    "g": ("{} g", ("{}GM", "{}G"), "{} GRAM"),
    "oz": ("{} oz", ("{}OZ", "{}OZ"), "{} OZ"),
    "qt": ("{} qt", ("{}QT", "{}QT"), "{} QUART"),
    "gal": ("{} gal", ("{}GL", "{}GAL"), "{} GALLON"),
    "mil": ("{} mil", ("{} MIL", "{}MIL"), "{} MIL"),
    "sz": ("Size {}", ("SZ {}", "SZ{}"), "SIZE {}"),
    "no": ("#{}", ("#{}", "NO {}"), "NO. {}"),
    "glove": ("Size {}", ("SZ {}", "{}"), "SIZE {}"),
    "usp": ("{}", ("{}", "{}"), "SZ {}"),
    "needle": ("{} needle", ("{}", "{} NDL"), "{} NEEDLE"),
    "drop": ("{} drops/mL", ("{}DROP", "{}GTT"), "{} DROP"),
    "ch": ("{}-channel", ("{}CH", "{} CH"), "{} CHANNEL"),
    "lvl": ("Level {}", ("LVL {}", "L{}"), "LEVEL {}"),
    "hole": ("{}-hole", ("{}H", "{} HOLE"), "{} HOLE"),
    "deg": ("{}°", ("{}DEG", "{} DEG"), "{} DEGREE"),
    "dpt": ("+{} D", ("{}D", "+{}D"), "{} DIOPTER"),
    "off": ("{} offset", ("{}", "{} OFF"), "{} OFFSET"),
    "sqm": ("{} m²", ("{}M2", "{} SQM"), "{} SQ M"),
    "test": ("{} tests", ("{}T", "{} TST"), "{} TESTS"),
    "min": ("{} min", ("{}MIN", "{}MIN"), "{} MINUTE"),
    "tube": ("{}-tube", ("{}-TUBE", "{} TUBE"), "{} TUBE"),
}
FITS: dict[str, tuple[str, tuple[str, str], str]] = {
    "XS": ("X-Small", ("XSM", "XS"), "X-SMALL"),
    "S": ("Small", ("SM", "SML"), "SMALL"),
    "M": ("Medium", ("MED", "MD"), "MEDIUM"),
    "L": ("Large", ("LG", "LRG"), "LARGE"),
    "XL": ("X-Large", ("XLG", "XL"), "X-LARGE"),
    "2XL": ("XX-Large", ("2XL", "XXL"), "XX-LARGE"),
    "PED": ("Pediatric", ("PED", "PEDI"), "PEDIATRIC"),
    "ADT": ("Adult", ("ADLT", "AD"), "ADULT"),
    "INF": ("Infant", ("INF", "INFT"), "INFANT"),
    "NEO": ("Neonatal", ("NEO", "NEON"), "NEONATE"),
    "LEFT": ("Left", ("LT", "L"), "LEFT"),
    "RIGHT": ("Right", ("RT", "R"), "RIGHT"),
    "REG": ("Regular", ("REG", "REG"), "REGULAR"),
    "LNG": ("Long", ("LNG", "LONG"), "LONG"),
}
UOMS = {  # canonical unit → EHR, ERP, supply chain
    "EA": ("EA", "EA", "EA"),
    "BX": ("BX", "BOX", "BX"),
    "CS": ("CA", "CS", "CA"),
    "PK": ("PK", "PAC", "PK"),
    "PR": ("PR", "PR", "PR"),
    "RL": ("RL", "ROL", "RL"),
    "KT": ("KT", "KIT", "KT"),
    "CN": ("CN", "CAN", "CN"),
}
PLACES = {"ehr": 0, "erp": 1, "scm": 2}


def size(system: str, size: Size, dice: Dice) -> str:
    """``Size("mm", "2.5x12")`` → "2.5 mm x 12 mm" (EHR), "2.5X12MM" (ERP), "2.5MM X 12MM" (supply chain)."""
    forms = FITS.get(size.value, UNITS.get(size.unit, ("{}", ("{}", "{}"), "{}")))
    form = forms[PLACES[system]] if system != "erp" else dice.choice(forms[1])
    if size.value in FITS:
        return str(form)
    value = (
        size.value.replace("-0", "/0") if size.unit == "usp" and system == "erp" and dice.happens(0.3) else size.value
    )
    if "x" not in value:
        return str(form).format(_number(system, size, value, dice))
    if system == "erp" or (system == "ehr" and dice.happens(0.4)):
        joint = "X" if system == "erp" else " x "
        return str(form).format(value.replace("x", joint))
    joint = " x " if system == "ehr" else " X "
    return joint.join(str(form).format(part) for part in value.split("x"))


def _number(system: str, size: Size, value: str, dice: Dice) -> str:
    if size.unit == "glove" and value.endswith(".5") and system == "erp" and dice.happens(0.4):
        return value.replace(".5", "-1/2")
    if value.startswith("0.") and system == "erp" and dice.happens(0.4):
        return value[1:]
    return value


def sizes(system: str, all_sizes: Sequence[Size], dice: Dice) -> list[str]:
    return [size(system, one, dice) for one in all_sizes]


def uom(system: str, unit: str) -> str:
    return UOMS[unit][PLACES[system]]


def title(text: str) -> str:
    """Capitalises words that have no capital of their own."""
    return " ".join(word if word != word.lower() else word.capitalize() for word in text.split(" "))


def day(system: str, when: date) -> str:
    """2019-03-14 as the EHR (03/14/2019), the ERP (14-MAR-2019) or the supply chain (2019-03-14) writes it."""
    if system == "ehr":
        return when.strftime("%m/%d/%Y")
    if system == "erp":
        return f"{when.day:02d}-{MONTHS[when.month - 1]}-{when.year}"
    return when.isoformat()


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def phone(system: str, digits: str, dice: Dice) -> str:
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    if not digits or system == "erp":
        return digits
    if system == "ehr":
        return f"({area}) {exchange}-{line}"
    return f"{area}.{exchange}.{line}" if dice.happens(0.8) else f"+1 {area} {exchange} {line}"


def street(system: str, address: Address, dice: Dice) -> tuple[str, str]:
    """Lines 1 and 2; the suite stands on either, as each system has it."""
    long_form = system == "scm" and dice.happens(0.7)
    direction = (address.direction[0 if long_form else 1] + " ") if address.direction else ""
    first = f"{address.number} {direction}{address.street} {address.kind[0 if long_form else 1]}"
    suite = f"{'Suite' if long_form else 'Ste'} {address.suite}" if address.suite else ""
    if system == "erp":
        return f"{first} {suite}".strip().upper(), ""
    return (first, suite) if dice.happens(0.6) else (f"{first}, {suite}".strip(", "), "")


def address(system: str, where: Address, prefix: str, dice: Dice) -> dict[str, str]:
    """Canonical paths under ``prefix`` ("addresses.ordering." or "") → values."""
    line1, line2 = street(system, where, dice)
    plus4 = f"-{1000 + where.number % 9000}" if system == "erp" and dice.happens(0.5) else ""
    return {
        f"{prefix}line1": line1,
        f"{prefix}line2": line2,
        f"{prefix}city": where.city.upper() if system == "erp" else where.city,
        f"{prefix}state": where.state,
        f"{prefix}postcode": where.postcode + plus4,
        f"{prefix}country": "US",
    }


def company(system: str, supplier: Supplier, dice: Dice) -> str:
    """The name a system knows a company by; the EHR's keyboard has no accents."""
    name = _company(system, supplier, dice)
    return plain(name) if system == "ehr" else name


def _company(system: str, supplier: Supplier, dice: Dice) -> str:
    """A system that was never told of a renaming still has the former name."""
    short = supplier.short_name
    if supplier.former_name and system != "erp" and dice.strikes("former name", 0.3):
        short = supplier.former_name
    if system == "scm":
        legal = supplier.name.removeprefix(supplier.short_name)
        return short + legal if dice.happens(0.85) else short
    if system == "erp":
        return f"{with_short_words(short, vocab.COMPANY_SHORT, 0.3, dice)} {supplier.legal_form[1]}".upper()
    if dice.strikes("short company name", 0.05):
        return supplier.stem
    name = with_short_words(short, vocab.COMPANY_SHORT, 0.4, dice)
    return f"{name} {supplier.legal_form[0]}" if dice.happens(0.15) else name


def flag(system: str, value: bool) -> str:
    return {"ehr": ("N", "Y"), "erp": ("0", "1"), "scm": ("No", "Yes")}[system][value]


def lifecycle(system: str, active: bool) -> str:
    word = "Active" if active else "Inactive"
    return word.upper() if system == "erp" else word


def dollars(cents: int) -> str:
    return f"{cents / 100:.2f}"
