"""How each system describes an item."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sync.demo import wording
from sync.demo.dice import Dice
from sync.demo.network import Item, Level
from sync.demo.noise import absent, clipped, shortened, slipped, swapped_digits
from sync.demo.systems import View

ERP_DESCRIPTION_LENGTH = 40
FLAG_LETTERS = {
    "implant": "i",
    "sterile": "s",
    "single_use": "u",
    "lot_tracked": "l",
    "serial_tracked": "n",
    "expiry_tracked": "e",
    "chargeable": "c",
}


def state_item(item: Item, view: View, dice: Dice) -> dict[str, str]:
    """Canonical paths → what this system has in its columns for the item."""
    return {"ehr": _ehr, "erp": _erp, "scm": _scm}[view.system](item, view, dice)


def _ehr(item: Item, view: View, dice: Dice) -> dict[str, str]:
    """Natural order and clinical words; the size in the text, in a column of its own, or both."""
    vague = dice.strikes("size and number left out", 0.03)
    sizes = wording.sizes("ehr", item.sizes, dice)
    apart = not vague and dice.happens(0.35)  # sizes stand in their own column only
    brand = item.brand if dice.happens(0.25) else ""
    words = " ".join(filter(None, [brand, item.kind, item.noun, item.variant]))
    words = slipped(wording.title(shortened(words, 0.12, dice)), 0.04, dice)
    device_known = not vague and dice.happens(0.45)
    return {
        "description": " ".join([words, *([] if vague or apart else sizes)]),
        "size": " ".join(sizes) if apart or (not vague and dice.happens(0.3)) else "",
        "manufacturer": _manufacturer(item, view, 0.88, dice),
        "catalogue_number": "" if vague else _catalogue(item, view, 0.68, dice),
        "brand": item.brand if brand or dice.happens(0.3) else "",
        "udi_di": item.levels[0].gtin if device_known else "",
        "latex": _latex(item, dice, 0.7),
        "mri_safety": "MR conditional" if "M" in item.flags and dice.happens(0.8) else "",
        **_flags(
            item, "ehr", ("implant", "sterile", "single_use", "lot_tracked", "serial_tracked", "chargeable"), dice
        ),
        "hcpcs": item.hcpcs if dice.happens(0.8) else "",
        "gmdn_term": item.gmdn if dice.happens(0.5) else "",
        "base_uom": wording.uom("ehr", item.levels[0].uom),
        "lifecycle": _lifecycle(item, "ehr", dice),
    }


def _erp(item: Item, view: View, dice: Dice) -> dict[str, str]:
    """Upper case in 40 characters, so the more there is to say, the harder it is shortened."""
    vague = dice.strikes("size and number left out", 0.025)
    sizes = [] if vague else wording.sizes("erp", item.sizes, dice)
    words = f"{item.noun} {item.kind} {item.variant}"
    text = " ".join([slipped(shortened(words, 0.6, dice), 0.05, dice), *sizes])
    if len(text) > ERP_DESCRIPTION_LENGTH:
        text = " ".join([shortened(words, 0.95, dice, hard=True), *sizes])
    levels = _packaging(item, dice, 0.02)
    order = dice.choice(levels[1:]) if len(levels) > 1 and dice.happens(0.85) else None
    known_gtin = not vague and dice.happens(0.35)
    return {
        "description": clipped(text.upper(), ERP_DESCRIPTION_LENGTH, dice),
        "long_description": "" if vague or dice.happens(0.75) else f"{words} {' '.join(sizes)} {item.brand}".upper(),
        "manufacturer": _manufacturer(item, view, 0.82, dice),
        "catalogue_number": "" if vague else _catalogue(item, view, 0.86, dice),
        "gtin": _gtin(item.levels[0].gtin, dice) if known_gtin else "",
        "unspsc": item.unspsc if dice.happens(0.75) else "",
        "category": item.category.upper(),
        **_flags(item, "erp", ("implant", "lot_tracked", "expiry_tracked"), dice),
        "base_uom": wording.uom("erp", item.levels[0].uom),
        "packaging.1.uom": wording.uom("erp", levels[0].uom),
        "packaging.1.quantity": "1",
        "packaging.2.uom": wording.uom("erp", order.uom) if order else "",
        "packaging.2.quantity": _each_in(levels, order) if order else "",
        "preferred_supplier": _if(0.9, view.reference("supplier", item.supplier, dice), dice),
        **_part(item, view, dice, price=_stale_price(item, dice)),
        "lifecycle": _lifecycle(item, "erp", dice),
    }


def _scm(item: Item, view: View, dice: Dice) -> dict[str, str]:
    """The buyers' file: noun first, hardly shortened, with the whole packaging ladder and the contract."""
    vague = dice.strikes("size and number left out", 0.004)
    sizes = [] if vague else wording.sizes("scm", item.sizes, dice)
    extras = ["sterile"] if "s" in item.flags and dice.happens(0.25) else []
    words = slipped(shortened(f"{item.noun}, {item.kind}, {item.variant}", 0.05, dice), 0.03, dice)
    levels = _packaging(item, dice, 0.015)
    if known_gtins := not vague and dice.happens(0.72):
        levels = _gtins_shifted(levels, dice)
    return {
        "description": ", ".join([words, *sizes, *extras]).upper(),
        "manufacturer": _manufacturer(item, view, 0.95, dice),
        "catalogue_number": "" if vague else _catalogue(item, view, 0.95, dice),
        "brand": item.brand.upper() if dice.happens(0.5) else "",
        "latex": _latex(item, dice, 0.5),
        **_flags(item, "scm", ("sterile", "lot_tracked", "expiry_tracked"), dice),
        "unspsc": item.unspsc if dice.happens(0.6) else "",
        "base_uom": wording.uom("scm", item.levels[0].uom),
        **_ladder(levels, dice, with_gtins=known_gtins),
        "preferred_supplier": _if(0.95, view.reference("supplier", item.supplier, dice), dice),
        **_part(item, view, dice, price=item.cents),
        "lifecycle": _lifecycle(item, "scm", dice),
    }


def _if(rate: float, value: str, dice: Dice) -> str:
    return value if dice.happens(rate) else ""


def _manufacturer(item: Item, view: View, rate: float, dice: Dice) -> str:
    if not dice.happens(rate):
        return absent(dice, 0.15)
    return wording.company(view.system, view.network.supplier_by_id[item.manufacturer], dice)


def _catalogue(item: Item, view: View, rate: float, dice: Dice) -> str:
    """The manufacturer's number as it arrived: stripped, decorated, mistyped, or read as a number by a spreadsheet."""
    number = item.catalogue_number
    if not dice.happens(rate):
        return absent(dice, 0.1)
    if dice.strikes("number mistyped", 0.008):
        wrong = swapped_digits(number, dice)
        number = number if wrong in view.catalogue_numbers else wrong
    if view.system == "erp" and number.startswith("0") and dice.strikes("leading zeros lost", 0.4):
        number = number.lstrip("0")
    if view.system == "erp" and dice.strikes("number stripped", 0.35):
        number = number.replace("-", "").replace(".", "").replace("/", "")
    if view.system == "ehr" and "-" in number and dice.strikes("number spaced", 0.15):
        number = number.replace("-", " ")
    if view.system == "scm" and dice.strikes("number with unit", 0.03):
        number = f"{number}-{wording.uom('scm', item.levels[-1].uom)}"
    return number


def _gtin(gtin: str, dice: Dice) -> str:
    """A GTIN that a spreadsheet read as a number, or that lost a digit's place on the way."""
    if dice.strikes("identifier mistyped", 0.02):
        gtin = swapped_digits(gtin, dice)
    return gtin.lstrip("0") if dice.strikes("leading zeros lost", 0.7) else gtin


def _flags(item: Item, system: str, names: Sequence[str], dice: Dice) -> dict[str, str]:
    return {
        name: wording.flag(system, FLAG_LETTERS[name] in item.flags) if dice.happens(0.92) else "" for name in names
    }


def _latex(item: Item, dice: Dice, rate: float) -> str:
    known = {"x": "Contains latex", "f": "Latex-free"}
    stated = next((text for letter, text in known.items() if letter in item.flags), "")
    return stated if dice.happens(rate) else ""


def _lifecycle(item: Item, system: str, dice: Dice) -> str:
    stale = not item.active and dice.strikes("stale status", 0.3)
    return wording.lifecycle(system, item.active or stale)


def _packaging(item: Item, dice: Dice, rate: float) -> tuple[Level, ...]:
    """The ladder as this system believes it; sometimes a box holds what it held years ago."""
    if len(item.levels) == 1 or not dice.strikes("mis-pack", rate):
        return item.levels
    base, upper, *rest = item.levels
    believed = {10: 12, 12: 10, 20: 25, 25: 20, 50: 100, 100: 50}.get(upper.quantity, upper.quantity * 2)
    return (base, upper._replace(quantity=believed), *rest)


def _gtins_shifted(levels: tuple[Level, ...], dice: Dice) -> tuple[Level, ...]:
    """The number on the box, keyed in for the each."""
    if len(levels) == 1 or not dice.strikes("GTIN of another level", 0.01):
        return levels
    first, second, *rest = levels
    return (first._replace(gtin=second.gtin), second._replace(gtin=first.gtin), *rest)


def _each_in(levels: tuple[Level, ...], order: Level) -> str:
    """The ERP counts in base units, whatever lies between."""
    return str(prod(level.quantity for level in levels[: levels.index(order) + 1]))


def _ladder(levels: tuple[Level, ...], dice: Dice, *, with_gtins: bool) -> dict[str, str]:
    stated: dict[str, str] = {}
    counted = dice.strikes("counted unit", 0.15)
    for place, level in enumerate(levels, 1):
        unit = wording.uom("scm", level.uom)
        short_count = counted and place > 1 and level.quantity < 100
        stated[f"packaging.{place}.uom"] = f"{unit[0]}{level.quantity}" if short_count else unit
        stated[f"packaging.{place}.quantity"] = str(level.quantity)
        stated[f"packaging.{place}.gtin"] = level.gtin if with_gtins else ""
    return stated


def _part(item: Item, view: View, dice: Dice, *, price: int) -> dict[str, str]:
    """What the item is bought as, if this system knows the seller; contracts are the supply chain's business."""
    supplier = view.reference("supplier", item.supplier, dice)
    if not supplier:
        return {}
    contract = {
        "supplier_parts.1.contract": item.contract,
        "supplier_parts.1.tier": f"Tier {1 + item.cents % 3}",
        "supplier_parts.1.valid_from": wording.day("scm", item.since.replace(year=2024, day=1)),
    }
    return {
        **(contract if item.contract and view.system == "scm" else {}),
        "supplier_parts.1.supplier": supplier,
        "supplier_parts.1.number": item.supplier_part,
        "supplier_parts.1.uom": wording.uom(view.system, item.levels[0].uom),
        "supplier_parts.1.price": wording.dollars(price),
        "supplier_parts.1.currency": "USD",
    }


def _stale_price(item: Item, dice: Dice) -> int:
    return round(item.cents * dice.uniform(0.8, 0.97)) if dice.strikes("stale price", 0.15) else item.cents
