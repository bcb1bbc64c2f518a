"""Codes that lead nowhere: of records without a code in the other system, or that nobody has resolved yet."""

from __future__ import annotations

from dataclasses import dataclass

from mdm.code_systems import code_systems
from mdm.exceptions import InvalidValue
from mdm.lookup import today
from mdm.lookup_rows import fetch
from mdm.models import CodeSystem

# A code of the system itself, and what has become of it. Review and pending records have no crosswalk row yet.
_CODES = """
SELECT c.code, c.uom, g.public_id AS id, g.name, CASE WHEN EXISTS (
    SELECT 1 FROM mdm_crosswalk t WHERE t.golden_id = c.golden_id AND t.code_system_id = %(to)s
    AND t.known_to IS NULL AND t.valid_from <= %(today)s AND (t.valid_to IS NULL OR t.valid_to > %(today)s)
) THEN 'mapped' ELSE 'unmapped' END AS state
FROM mdm_crosswalk c JOIN mdm_goldenrecord g ON g.id = c.golden_id
WHERE c.code_system_id = %(system)s AND c.known_to IS NULL AND (c.valid_to IS NULL OR c.valid_to > %(today)s)
    AND c.valid_from <= %(today)s AND g.approved_version > 0 AND g.status <> 'retired' {after_c}
UNION ALL
SELECT s.code, s.uom, NULL, '', s.state FROM mdm_sourcerecord s
WHERE s.code_system_id = %(system)s AND s.state IN ('review', 'pending') {after_s}
"""
_AFTER = {"after_c": "AND c.code > %(after)s", "after_s": "AND s.code > %(after)s"}
_LIST = f"""
SELECT code, uom, id, name, state FROM ({_CODES.format(**_AFTER)}) q
WHERE state <> 'mapped' ORDER BY code LIMIT %(limit)s
"""  # noqa: S608 - of the parts above
_COUNT = f"SELECT state, count(*) FROM ({_CODES.format(after_c='', after_s='')}) q GROUP BY state"  # noqa: S608


@dataclass(slots=True)
class Gap:
    code: str
    uom: str
    id: str | None
    name: str
    state: str  # unmapped, review or pending


def unmapped(code_system: str, to: str, *, after: str = "", limit: int) -> list[Gap]:
    """By code, those after ``after``."""
    system, target = _pair(code_system, to)
    return [Gap(*row) for row in fetch(_LIST, _query(system, target) | {"after": after, "limit": limit})]


def counts(code_system: str, to: str) -> dict[str, int]:
    """How many codes are mapped, unmapped, in review and pending."""
    found = dict(fetch(_COUNT, _query(*_pair(code_system, to))))
    return {state: found.get(state, 0) for state in ("mapped", "unmapped", "review", "pending")}


def _pair(code_system: str, to: str) -> tuple[CodeSystem, CodeSystem]:
    system, target = code_systems.get(code_system), code_systems.get(to)
    if system.domain != target.domain:
        raise InvalidValue(f"{to} holds codes of {target.domain} records, {code_system} of {system.domain}.")
    return system, target


def _query(system: CodeSystem, target: CodeSystem) -> dict[str, object]:
    return {"system": system.pk, "to": target.pk, "today": today()}
