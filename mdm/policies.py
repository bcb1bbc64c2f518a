"""The rules in force: read from the database, with defaults that a fresh installation starts from."""

from __future__ import annotations

from typing import Any

from mdm import survivorship
from mdm.known import Known
from mdm.models import GoldenRecord, Policy

# What a record needs before it leaves draft.
REQUIRED: dict[str, tuple[str, ...]] = {
    "item": ("description",),
    "supplier": ("name",),
    "location": ("name",),
    "cost_center": ("code",),
}


def survivorship_policy(known: Known, domain: str) -> survivorship.Policy:
    row = known.policy(Policy.Kind.SURVIVORSHIP, domain)
    if row is None:
        return survivorship.Policy()
    return survivorship.Policy(version=row.version, trust=row.body.get("trust", {}))


def required(known: Known, domain: str) -> tuple[str, ...]:
    row = known.policy(Policy.Kind.PUBLISH, domain)
    return tuple(row.body["required"]) if row else REQUIRED[domain]


def gate_is_open(needed: tuple[str, ...], values: dict[str, Any]) -> bool:
    """The publish gate: everything that other systems can't do without is stated."""
    return all(values.get(name) not in (None, "") for name in needed)


def criticality(domain: str, values: dict[str, Any]) -> str:
    """Implants are high: merging or retiring one needs a second person, and no two ever merge automatically."""
    return "high" if knows_critical(domain) and values.get("implant") else "normal"


def knows_critical(domain: str) -> bool:
    """Whether records of the domain can be critical at all."""
    return domain == "item"


def is_critical(domain: str, values: dict[str, Any]) -> bool:
    """Whether mistakes about the record cost more than elsewhere; see ``matching.Policy.critical``."""
    return criticality(domain, values) == GoldenRecord.Criticality.HIGH


def label(domain: str, values: dict[str, Any]) -> str:
    """What people call the record."""
    if domain == "item":
        return str(values.get("description") or "")[:400]
    return str(values.get("name") or values.get("code") or "")[:400]
