"""How each system describes a supplier."""

from __future__ import annotations

from sync.demo import wording
from sync.demo.dice import Dice
from sync.demo.network import Supplier
from sync.demo.noise import absent, clipped, slipped
from sync.demo.systems import View

ERP_NAME_LENGTH = 35


def state_supplier(supplier: Supplier, view: View, dice: Dice) -> dict[str, str]:
    """Canonical paths → what this system has in its columns for the supplier."""
    return {"ehr": _ehr, "erp": _erp, "scm": _scm}[view.system](supplier, view, dice)


def _name(supplier: Supplier, system: str, dice: Dice) -> str:
    return slipped(wording.company(system, supplier, dice), 0.04, dice)


def _maybe(value: str, rate: float, dice: Dice) -> str:
    return value if dice.happens(rate) else ""


def _ehr(supplier: Supplier, view: View, dice: Dice) -> dict[str, str]:
    bare = dice.strikes("name only", 0.06)
    return {
        "name": _name(supplier, "ehr", dice),
        "npi": "" if bare else _maybe(supplier.npi, 0.9, dice),
        "phone": "" if bare else _phone(supplier, "ehr", 0.75, dice),
        **({} if bare else _address("ehr", supplier, "ordering", 0.8, dice)),
        "lifecycle": wording.lifecycle("ehr", supplier.active),
    }


def _erp(supplier: Supplier, view: View, dice: Dice) -> dict[str, str]:
    ein = supplier.ein if dice.happens(0.5) else supplier.ein.replace("-", "")
    name = _name(supplier, "erp", dice)
    if dice.strikes("decorated name", 0.03):
        name += dice.pick(" - REMIT", " (USE THIS ONE)", " *NEW*")
    return {
        "name": clipped(name, ERP_NAME_LENGTH, dice),
        "ein": _maybe(ein, 0.88, dice),
        "duns": _maybe(supplier.duns, 0.55, dice),
        "lei": _maybe(supplier.lei, 0.15, dice),
        "npi": _maybe(supplier.npi, 0.5, dice),
        "parent": view.reference("supplier", supplier.parent, dice),
        "phone": _phone(supplier, "erp", 0.75, dice),
        "payment_terms": supplier.payment_terms,
        **_address("erp", supplier, "ordering", 0.75, dice),
        **_address("erp", supplier, "remit_to", 0.9, dice),
        "lifecycle": wording.lifecycle("erp", supplier.active),
    }


def _scm(supplier: Supplier, view: View, dice: Dice) -> dict[str, str]:
    duns = supplier.duns if dice.happens(0.5) else f"{supplier.duns[:2]}-{supplier.duns[2:5]}-{supplier.duns[5:]}"
    return {
        "name": _name(supplier, "scm", dice),
        "dba_names": _maybe(supplier.dba, 0.8, dice),
        "supplier_type": {"gpo": "Group purchasing organization", "service": "Service provider"}.get(
            supplier.kind, supplier.kind.capitalize()
        ),
        "duns": _maybe(duns, 0.6, dice),
        "ein": _maybe(supplier.ein, 0.15, dice),
        "gln": _maybe(supplier.gln, 0.5, dice),
        "phone": _phone(supplier, "scm", 0.85, dice),
        "email": _maybe(f"orders@{supplier.host}", 0.7, dice),
        "website": _maybe(f"www.{supplier.host}", 0.5, dice),
        **_address("scm", supplier, "ordering", 0.92, dice),
        **_address("scm", supplier, "ship_from", 0.5, dice),
        "lifecycle": wording.lifecycle("scm", supplier.active),
    }


def _phone(supplier: Supplier, system: str, rate: float, dice: Dice) -> str:
    if not dice.happens(rate):
        return absent(dice, 0.05)
    if dice.strikes("stale telephone", 0.02):
        return wording.phone(system, supplier.phone[:6] + f"01{dice.randrange(100):02d}", dice)
    return wording.phone(system, supplier.phone, dice)


def _address(system: str, supplier: Supplier, purpose: str, rate: float, dice: Dice) -> dict[str, str]:
    if not dice.happens(rate):
        return {}
    where = supplier.remit_to if purpose == "remit_to" else supplier.address
    return wording.address(system, where, f"addresses.{purpose}.", dice)
