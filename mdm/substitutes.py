"""Substitutes in force on a day, at a site, as known at an instant. ``mdm.services.substitution`` writes them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from mdm.exceptions import InvalidValue
from mdm.freshness import Remembered, fresh
from mdm.lookup_rows import AS_KNOWN, Clocks, fetch
from mdm.models import GoldenRecord

# One that is retired, or was at the time, stands in for nothing. A retired item may well be replaced.
_IN_FORCE = f"""
SELECT i.id, r.id, i.public_id, coalesce(ih.name, i.name), r.public_id, coalesce(rh.name, r.name),
       coalesce(m.public_id, l.public_id), u.numerator, u.denominator, u.valid_from, u.valid_to, u.reason, a.username
FROM mdm_substitution u
JOIN mdm_goldenrecord i ON i.id = u.item_id
JOIN mdm_goldenrecord r ON r.id = u.substitute_id
LEFT JOIN mdm_goldenrecord l ON l.id = u.site_id
JOIN mdm_user a ON a.id = u.approver_id
{AS_KNOWN.format("i")} {AS_KNOWN.format("r")} {AS_KNOWN.format("l")}
LEFT JOIN mdm_goldenrecord m ON m.id = CASE WHEN lh.status IS NULL THEN l.merged_into_id ELSE lh.merged_into_id END
WHERE (u.item_id = ANY(%(goldens)s) OR u.substitute_id = ANY(%(goldens)s))
    AND u.valid_from <= %(as_of)s AND (u.valid_to IS NULL OR u.valid_to > %(as_of)s)
    AND (%(known_at)s::timestamptz IS NULL AND u.ended_at IS NULL
         OR u.approved_at <= %(known_at)s AND (u.ended_at IS NULL OR u.ended_at > %(known_at)s))
    AND (%(sites)s::bigint[] IS NULL OR u.site_id IS NULL OR u.site_id = ANY(%(sites)s))
    AND coalesce(rh.status, r.status) <> 'retired'
ORDER BY u.site_id IS NULL, u.id
"""  # noqa: S608 - put together from the parts above alone
_WITH_WHAT_IT_IS_PART_OF = """
WITH RECURSIVE up(id) AS (
    SELECT %(site)s::bigint UNION
    SELECT coalesce(p.merged_into_id, p.id) FROM up JOIN mdm_location l ON l.golden_id = up.id
    JOIN mdm_goldenrecord p ON p.id = l.parent_id
) SELECT id FROM up UNION SELECT g.id FROM up JOIN mdm_goldenrecord g ON g.merged_into_id = up.id
"""


@dataclass(slots=True)
class Substitute:
    id: str  # public id of the other item
    name: str
    factor: Fraction  # how many base units of the substitute stand in for one of the item that is replaced
    site: str | None  # public id of the location where it holds; None: everywhere
    valid_from: dt.date
    valid_to: dt.date | None  # exclusive
    reason: str
    approver: str


@dataclass(slots=True)
class Substitutes:
    substitutes: list[Substitute]  # what stands in for it, those of the site itself first
    replaces: list[Substitute]  # what it stands in for


_INVOLVED = "SELECT item_id, substitute_id FROM mdm_substitution WHERE ended_at IS NULL"
_remembered: Remembered[frozenset[int]] = Remembered(size=1)


def involved() -> frozenset[int] | None:
    """Ids of the items that have a substitute or are one: few, so that most lookups needn't ask. None: not known."""
    if (version := fresh.now()) is None:
        return None
    if (found := _remembered.get("items", version)) is None:
        found = frozenset(pk for pair in fetch(_INVOLVED, {}) for pk in pair)
        _remembered.put("items", found, version)
    return found


def in_force(goldens: Collection[int], clocks: Clocks, site: str | None = None) -> Mapping[int, Substitutes]:
    found: dict[int, Substitutes] = defaultdict(lambda: Substitutes([], []))
    sites = around(site) if site else None
    if not goldens:
        return found
    query = {"goldens": list(goldens), "as_of": clocks.as_of, "known_at": clocks.known_at, "sites": sites}
    for item, other, item_id, item_name, other_id, other_name, place, *rest in fetch(_IN_FORCE, query):
        numerator, denominator, *said = rest
        factor = Fraction(numerator, denominator)
        found[item].substitutes.append(Substitute(other_id, other_name, factor, place, *said))
        found[other].replaces.append(Substitute(item_id, item_name, factor, place, *said))
    return found


def around(site: str) -> list[int]:
    """The location and all that it is part of, with what was merged into these."""
    location = GoldenRecord.objects.filter(domain="location", public_id=site).select_related("merged_into").first()
    if location is None:
        raise InvalidValue(f"{site[:40]} is no location. Give the public id of one, e.g. MDM-LO-000001.")
    return [row[0] for row in fetch(_WITH_WHAT_IT_IS_PART_OF, {"site": location.survivor.pk})]
