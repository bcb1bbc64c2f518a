"""The lookup the other way round: a golden record → its codes."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

from mdm import substitutes
from mdm.code_systems import code_systems
from mdm.conversion import NoFactor
from mdm.exceptions import NotFound
from mdm.factors import End, factors
from mdm.lookup import today
from mdm.lookup_rows import Clocks, of_golden
from mdm.models import GoldenRecord


def codes_of(
    public_id: str,
    *,
    to: str | None = None,
    as_of: dt.date | None = None,
    known_at: dt.datetime | None = None,
    uom: str | None = None,
    site: str | None = None,
) -> dict[str, Any]:
    """A record's codes in one system or all, with the factor from ``uom`` to the unit of each. Clocks as in lookups."""
    asked = (
        GoldenRecord.objects.filter(public_id=public_id, approved_version__gt=0).select_related("merged_into").first()
    )
    if asked is None:
        raise NotFound(f"There is no golden record {public_id[:40]}.")
    clocks = Clocks(as_of or today(), known_at)
    golden = asked if known_at else asked.survivor
    target = code_systems.get(to) if to else None
    rows = [row for row in of_golden(golden.pk, clocks) if target is None or row.system == target.pk]
    known = {row.pk: row for row in code_systems.all()}
    units: list[Fraction | NoFactor | None] = [None] * len(rows)
    if uom and golden.domain == "item":
        ends = [End(known[row.system], row.code, row.uom) for row in rows]
        units = list(factors([(golden.pk, End(end.system, end.code, uom), end) for end in ends], clocks))
    standing = substitutes.in_force({golden.pk}, clocks, site)[golden.pk]
    shown = [
        {
            "code_system": known[row.system].slug,
            "code": row.code,
            "uom": row.uom,
            "preferred": row.preferred,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "factor": str(unit) if isinstance(unit, Fraction) else None,
            "no_factor": unit.message if isinstance(unit, NoFactor) else None,
        }
        for row, unit in zip(rows, units, strict=True)
    ]
    return {
        "id": golden.public_id,
        "domain": golden.domain,
        "status": rows[0].status if rows else golden.status,
        "name": rows[0].name if rows else golden.name,
        "redirected_from": None if golden == asked else asked.public_id,
        "codes": sorted(shown, key=lambda one: (one["code_system"], not one["preferred"], one["code"])),
        "substitutes": standing.substitutes,
        "replaces": standing.replaces,
    }
