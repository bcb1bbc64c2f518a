"""How each system describes a location and a cost center."""

from __future__ import annotations

from sync.demo import vocab, wording
from sync.demo.dice import Dice
from sync.demo.network import CostCenter, Location
from sync.demo.noise import absent, clipped, slipped, with_short_words
from sync.demo.systems import View

ERP_NAME_LENGTH = 50
TYPOS = 0.03  # share of names with one
UNIT_SHORT = {name: short for name, short, _, _ in vocab.UNITS}


def state_location(location: Location, view: View, dice: Dice) -> dict[str, str]:
    """Canonical paths → what this system has in its columns for the location."""
    stated = {"ehr": _ehr_place, "erp": _erp_place, "scm": _scm_place}[view.system](location, dice)
    return {
        "location_type": _kind(view.system, location.kind),
        "parent": view.reference("location", _known_ancestor(location, view), dice),
        "cost_center": view.reference("cost_center", location.cost_center, dice),
        "lifecycle": wording.lifecycle(view.system, active=True),
        **stated,
    }


def _kind(system: str, kind: str) -> str:
    text = kind.replace("_", " ").capitalize()
    return text.upper() if system == "erp" else text


def _known_ancestor(location: Location, view: View) -> str:
    """The nearest place above that this system carries: it may know no floors."""
    by_id = view.network.location_by_id
    parent = location.parent
    while parent and parent not in view.codes["location"].of:
        parent = by_id[parent].parent
    return parent


def _inner_name(location: Location, rate: float, dice: Dice) -> str:
    """ "A4 West Telemetry" or "A4 W Tele"."""
    name = location.name
    if dice.happens(rate):
        for long_form, short in UNIT_SHORT.items():
            name = name.replace(long_form, short)
    return with_short_words(name, vocab.PLACE_SHORT, rate, dice)


def _is_whole(location: Location) -> bool:
    return location.kind in ("facility", "health_system")


def _facility_name(location: Location, dice: Dice) -> str:
    if location.former_name and dice.strikes("former name", 0.5):
        return location.former_name
    return location.facility_name


def _ehr_place(location: Location, dice: Dice) -> dict[str, str]:
    """Clinical and short: the facility as its acronym in front, sometimes forgotten."""
    if _is_whole(location):
        name = location.facility_name
    else:
        front = "" if dice.strikes("facility left out", 0.05) else f"{location.acronym} "
        name = front + slipped(_inner_name(location, 0.5, dice), TYPOS, dice)
    whole = wording.address("ehr", location.address, "", dice)
    town = {path: value for path, value in whole.items() if path in ("city", "state")}
    return {
        "name": name,
        **(town if location.kind in ("room", "bed") and dice.happens(0.5) else whole),
        "npi": location.npi if dice.happens(0.9) else "",
        "phone": wording.phone("ehr", location.phone, dice),
        "active_from": wording.day("ehr", location.since),
    }


def _erp_place(location: Location, dice: Dice) -> dict[str, str]:
    """Upper case, the facility spelled out and squeezed into the field."""
    facility = with_short_words(location.facility_name, vocab.PLACE_SHORT, 0.5, dice)
    name = facility if _is_whole(location) else f"{facility} {slipped(_inner_name(location, 0.6, dice), TYPOS, dice)}"
    return {
        "name": clipped(name.upper(), ERP_NAME_LENGTH, dice),
        **wording.address("erp", location.address, "", dice),
        "gln": location.gln if dice.happens(0.2) else "",
        "npi": location.npi if dice.happens(0.4) else "",
        "phone": wording.phone("erp", location.phone, dice),
        "active_from": wording.day("erp", location.since),
    }


def _scm_place(location: Location, dice: Dice) -> dict[str, str]:
    """Ship-to lists: the place first, then the facility, which may still bear its former name."""
    facility = _facility_name(location, dice)
    inner = slipped(_inner_name(location, 0.15, dice), TYPOS, dice)
    shown = location.acronym if dice.happens(0.4) else facility
    return {
        "name": facility if _is_whole(location) else f"{inner} - {shown}",
        **wording.address("scm", location.address, "", dice),
        "gln": location.gln if dice.happens(0.65) else "",
        "phone": wording.phone("scm", location.phone, dice) or absent(dice, 0.02),
    }


def state_cost_center(center: CostCenter, view: View, dice: Dice) -> dict[str, str]:
    """Canonical paths → what this system has in its columns for the cost center."""
    stated = {"ehr": _ehr_center, "erp": _erp_center, "scm": _scm_center}[view.system](center, dice)
    return {
        "parent": view.reference("cost_center", _known_center(center, view), dice),
        "location": view.reference("location", center.location, dice),
        "lifecycle": wording.lifecycle(view.system, center.until is None),
        **stated,
    }


def _known_center(center: CostCenter, view: View) -> str:
    by_id = view.network.cost_center_by_id
    parent = center.parent
    while parent and parent not in view.codes["cost_center"].of:
        parent = by_id[parent].parent
    return parent


def _ehr_center(center: CostCenter, dice: Dice) -> dict[str, str]:
    bare = dice.strikes("entity left out", 0.04)
    name = center.short_name if dice.happens(0.4) else center.name
    coded = f"{center.entity}.{center.number}"
    return {
        "code": center.number if bare or dice.strikes("entity left out of code", 0.2) else coded,
        "name": slipped(
            name if bare or center.name == center.legal_entity else f"{center.acronym} {name}", TYPOS, dice
        ),
        "department": center.department if dice.happens(0.7) else "",
        "legal_entity": "" if bare or dice.happens(0.3) else center.legal_entity,
    }


def _erp_center(center: CostCenter, dice: Dice) -> dict[str, str]:
    name = with_short_words(center.name, vocab.PLACE_SHORT, 0.2, dice)
    return {
        "code": f"{center.entity}-{center.number}",
        "name": slipped(name, TYPOS, dice).upper(),
        "legal_entity": center.legal_entity.upper(),
        "department": center.department.upper(),
        "gl_segment": center.segment,
        "manager_role": center.manager,
        "effective_from": wording.day("erp", center.since),
        "effective_to": wording.day("erp", center.until) if center.until else "",
    }


def _scm_center(center: CostCenter, dice: Dice) -> dict[str, str]:
    name = slipped(center.name if dice.happens(0.8) else center.short_name, TYPOS, dice)
    return {
        "code": f"{center.entity}{center.number}",
        "name": name if center.name == center.legal_entity else f"{name} ({center.acronym})",
        "legal_entity": center.legal_entity if dice.happens(0.8) else "",
        "manager_role": center.manager if dice.happens(0.3) else "",
    }
