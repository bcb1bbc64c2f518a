"""The lookup the other way round: a golden record → its codes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from mdm import substitutes
from mdm.code_systems import code_systems
from mdm.conversion import NoFactor
from mdm.exceptions import InvalidValue, NotFound
from mdm.factors import Answer, End, factors
from mdm.lookup import today
from mdm.lookup_rows import Clocks, OwnCode, Record, of_golden, of_id


def codes_of(
    public_id: str,
    *,
    to: str | None = None,
    as_of: dt.date | None = None,
    known_at: dt.datetime | None = None,
    uom: str | None = None,
    site: str | None = None,
    asked: End | None = None,
) -> dict[str, Any]:
    """A record's codes in one system or all, with the factor from ``uom`` to the unit of each. Clocks as in lookups.

    ``asked``: the code that led to the record. Its system says what the unit means, and how much its own packaging
    holds.
    """
    record = of_id(public_id, known_at)
    if record is None:
        when = "" if known_at is None else " that was published then"
        raise NotFound(f"There is no golden record {public_id[:40]}{when}.")
    clocks = Clocks(as_of or today(), known_at)
    target = code_systems.get(to) if to else None
    if target and target.domain != record.domain:
        raise InvalidValue(f"{target.slug} holds codes of {target.domain} records, {record.id} is of {record.domain}.")
    rows = [row for row in of_golden(record.golden, clocks) if target is None or row.system == target.pk]
    items = {record.golden} if record.domain == "item" else set()
    standing = substitutes.in_force(items, clocks, site)[record.golden]
    shown = [_shown(row, unit) for row, unit in zip(rows, _factors(record, rows, asked, uom, clocks), strict=True)]
    return {
        "id": record.id,
        "domain": record.domain,
        "status": record.status,
        "name": record.name,
        "redirected_from": record.redirected_from,
        "codes": sorted(shown, key=lambda one: (one["code_system"], not one["preferred"], one["uom"], one["code"])),
        "substitutes": standing.substitutes,
        "replaces": standing.replaces,
    }


def _factors(
    record: Record, rows: Sequence[OwnCode], asked: End | None, uom: str | None, clocks: Clocks
) -> Sequence[Answer | None]:
    """The factor to the unit of each code; None where no unit is asked about. Who asks with a unit alone, of no code,
    means it in each system's words.
    """
    if record.domain != "item" or not (asked or uom):
        return [None] * len(rows)
    ends = [End(code_systems.by_pk(row.system), row.code, row.uom) for row in rows]
    return factors([(record.golden, asked or End(end.system, end.code, uom or ""), end) for end in ends], clocks)


def _shown(row: OwnCode, unit: Answer | None) -> dict[str, Any]:
    return {
        "code_system": code_systems.by_pk(row.system).slug,
        "code": row.code,
        "uom": row.uom,
        "preferred": row.preferred,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "factor": str(unit) if isinstance(unit, Fraction) else None,
        "no_factor": unit.message if isinstance(unit, NoFactor) else None,
    }
