"""Writing the crosswalk: which code means which golden record. Rows are opened and closed, never changed.

Looking codes up is ``mdm.lookup``.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from mdm import arrays, identifiers
from mdm.bulk import insert, insert_new, maker
from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.known import Known
from mdm.models import BEGINNING, PRIMARY, CodeSystem, Crosswalk, SourceRecord, SourceSystem, User

PUBLIC = "public"
NORMALISERS = {"gtin": "gtin", "lei": "alnum", "udi_di": "trim"}  # all others are digits
Entry = tuple[int, str, str]  # code system id, code, unit of measure
Period = tuple[dt.date, dt.date | None]
ALWAYS: Period = (BEGINNING, None)

# The oldest code of each record, system and unit that has codes but no preferred one.
LEADERLESS_SQL = """
SELECT min(id) FROM mdm_crosswalk
WHERE golden_id = ANY(%s) AND known_to IS NULL AND valid_to IS NULL
GROUP BY golden_id, code_system_id, uom HAVING NOT bool_or(preferred)
"""


def identifier_systems(known: Known, domain: str) -> dict[str, CodeSystem]:
    """The built-in code systems of a domain's public identifiers by scheme, made when first needed.

    They are shared, not unique: two sites may have one NPI, and dirty data repeats GTINs.
    """
    schemes = {f.scheme for f in DOMAINS[domain].identifiers}
    systems = known.code_systems.values()
    found = {cs.kind: cs for cs in systems if cs.system.code == PUBLIC and cs.domain == domain and cs.kind in schemes}
    for scheme in sorted(schemes - set(found)):
        found[scheme] = known.add(_make_identifier_system(domain, scheme))
    return found


def _make_identifier_system(domain: str, scheme: str) -> CodeSystem:
    system, _ = SourceSystem.objects.get_or_create(
        code=PUBLIC, defaults={"name": "Public identifiers", "kind": SourceSystem.Kind.REFERENCE}
    )
    shared = sum(any(f.scheme == scheme for f in d.fields) for d in DOMAINS.values()) > 1
    slug = scheme.replace("_", "-") + (f"-{domain.replace('_', '-')}" if shared else "")
    made, _ = CodeSystem.objects.get_or_create(
        system=system,
        domain=domain,
        kind=scheme,
        defaults={"slug": slug, "unique": False, "normaliser": NORMALISERS.get(scheme, "digits")},
    )
    return made


def identifier_codes(domain: str, values: Mapping[str, Any], systems: Mapping[str, CodeSystem]) -> set[Entry]:
    """The public identifiers of a golden record that are valid, with the unit of measure of packaging GTINs."""
    found: set[Entry] = set()
    for spec in DOMAINS[domain].identifiers:
        value = values.get(spec.name)
        if value and not identifiers.why_invalid(spec.scheme, value):
            uom = values.get("base_uom") or "" if spec.name == "gtin" else ""
            found.add((systems[spec.scheme].pk, systems[spec.scheme].normalise(value), uom))
    for level in values.get("packaging") or []:
        if level.get("gtin") and not identifiers.why_invalid("gtin", level["gtin"]):
            found.add((systems["gtin"].pk, systems["gtin"].normalise(level["gtin"]), level["uom"]))
    return _one_unit_per_code(found)


def _one_unit_per_code(entries: set[Entry]) -> set[Entry]:
    """The same GTIN as each and as base level is one entry, the one that names its unit."""
    by_code: dict[tuple[int, str], str] = {}
    for system, code, uom in sorted(entries):
        by_code[system, code] = by_code.get((system, code)) or uom
    return {(system, code, uom) for (system, code), uom in by_code.items()}


def open_rows(
    change: Change,
    wanted: Iterable[tuple[Entry, int, int | None]],
    periods: Sequence[Period] | None = None,
    *,
    fresh: Collection[int] = (),
    preferred: Sequence[bool] | None = None,
) -> None:
    """Open (entry, golden id, source id) rows, each for its period if they have some, else for always. The first code
    of a record in a system and unit is the preferred one, of those that are ``preferred`` if that is said. No two are
    on any day: one that lasts goes before one of some days.

    ``fresh``: golden records that nobody else can see yet.
    """
    rows = list(wanted)
    asked = list(zip(rows, periods or [ALWAYS] * len(rows), preferred or [True] * len(rows), strict=True))
    if periods:
        asked.sort(key=lambda one: one[1][1] is not None)
    leading = _preferred({golden for _, golden, _ in rows if golden not in fresh})
    outdone: list[int] = []
    made, row = [], _maker(change)
    for (entry, golden, source), period, first in asked:
        others = leading[golden, entry[0], entry[2]]
        if first and others:
            if period[1] is None:
                first = all(other[1] is not None for other, _ in others)
                outdone += [pk for other, pk in others if first and _meet(period, other)]
            else:
                first = not any(_meet(period, other) for other, _ in others)
        if first:
            others.append((period, 0))
        made.append(row(entry, golden, source, period, first))
    if outdone:
        closed = Crosswalk.objects.filter(pk__in=outdone)
        made += [
            row((r.code_system_id, r.code, r.uom), r.golden_id, r.source_id, (r.valid_from, r.valid_to), False)
            for r in closed.order_by("pk")
        ]
        closed.update(known_to=change.at)
    insert([row for row in made if row.golden_id in fresh])
    _insert([row for row in made if row.golden_id not in fresh])


def _maker(change: Change) -> Callable[[Entry, int, int | None, Period, bool], Crosswalk]:
    make, systems = maker(Crosswalk), change.known.code_systems

    def row(entry: Entry, golden: int, source: int | None, period: Period, preferred: bool) -> Crosswalk:
        system, code, uom = entry
        return make(
            code_system_id=system,
            code=code,
            uom=uom,
            golden_id=golden,
            source_id=source,
            preferred=preferred,
            resolves=systems[system].unique,
            valid_from=period[0],
            valid_to=period[1],
            known_from=change.at,
            change_id=change.id,
        )

    return row


def _meet(one: Period, other: Period) -> bool:
    """Whether two periods have a day in common."""
    return (other[1] is None or one[0] < other[1]) and (one[1] is None or other[0] < one[1])


# A concurrent transaction may have opened a preferred code of the same record, system and unit meanwhile: the first to
# commit stays the preferred one. Both insert in the same order, so neither can deadlock with the other.
ONE_PREFERRED = "(golden_id, code_system_id, uom) WHERE known_to IS NULL AND preferred AND valid_to IS NULL"


def _insert(rows: Sequence[Crosswalk]) -> None:
    first = sorted((r for r in rows if r.preferred), key=lambda r: (r.golden_id, r.code_system_id, r.uom))
    rest = [row for row in rows if not row.preferred]
    if insert_new(first, unique=ONE_PREFERRED) < len(first):
        rest += _left_out(first)
    for row in rest:
        row.preferred = False
    insert(rest)


def _left_out(rows: Sequence[Crosswalk]) -> list[Crosswalk]:
    """Those that are not in the table."""
    goldens = {row.golden_id for row in rows}
    stored = Crosswalk.objects.filter(golden__in=goldens, change_id=rows[0].change_id, known_to__isnull=True)
    there = set(stored.values_list("code_system", "code", "golden", "uom"))
    return [row for row in rows if (row.code_system_id, row.code, row.golden_id, row.uom) not in there]


def _preferred(golden_ids: set[int]) -> dict[tuple[int, int, str], list[tuple[Period, int]]]:
    """Golden record, system, unit → when it has a preferred code, and the id of that row."""
    found: dict[tuple[int, int, str], list[tuple[Period, int]]] = defaultdict(list)
    live = Crosswalk.objects.filter(golden__in=golden_ids, preferred=True, known_to__isnull=True)
    shown = ("golden", "code_system", "uom", "valid_from", "valid_to", "pk")
    for golden, system, uom, since, until, pk in live.values_list(*shown):
        found[golden, system, uom].append(((since, until), pk))
    return found


def link_sources(
    change: Change, sources: Sequence[SourceRecord], *, fresh: Collection[int] = ()
) -> list[tuple[int, str]]:
    """Open a row for each newly linked source record's own code; returns the (code system id, code) opened.

    The same code without a record behind it, as a target once gave it to its copy, gives way. A second record whose
    code is written otherwise but normalises to the same opens nothing: the first one's meaning stands.
    """
    wanted: dict[tuple[int, str], tuple[Entry, int, int | None]] = {}
    for source in sources:
        if source.golden_id is not None:
            code = source.code_system.normalise(source.code)
            entry = (source.code_system_id, code, source.uom)
            wanted.setdefault(entry[:2], (entry, source.golden_id, source.pk))
    given: list[int] = []
    since: dict[tuple[int, str], dt.date] = {}
    for pk, system, code, source_id, until in _standing(wanted):
        if until is not None:  # it meant something else before
            since[system, code] = max(until, since.get((system, code), BEGINNING))
        elif source_id is None:
            given.append(pk)
        else:
            wanted.pop((system, code), None)
    if given:
        Crosswalk.objects.filter(pk__in=given).update(known_to=change.at)
    open_rows(change, wanted.values(), [(since.get(key, BEGINNING), None) for key in wanted], fresh=fresh)
    return list(wanted)


def _standing(codes: Iterable[tuple[int, str]]) -> list[tuple[int, int, str, int | None, dt.date | None]]:
    """(id, code system id, code, source id, end) of the rows that are known for these codes."""
    by_system: dict[int, list[str]] = defaultdict(list)
    for system, code in codes:
        by_system[system].append(code)
    condition = Q(pk__in=[])
    for system, values in by_system.items():
        condition |= Q(code_system=system, code__among=values)
    live = Crosswalk.objects.filter(condition, known_to__isnull=True)
    return list(live.values_list("pk", "code_system", "code", "source", "valid_to"))


def move_sources(change: Change, sources: Sequence[SourceRecord]) -> None:
    """The records moved to another golden record: close what their codes meant and open it there."""
    target: dict[int | None, int | None] = {s.pk: s.golden_id for s in sources}
    live = Crosswalk.objects.filter(source__in=target, known_to__isnull=True)
    _reopen(change, live, lambda row: target[row.source_id])


def move_given(change: Change, old: int, new: int, moved: Iterable[Sequence[Any]] | None = None) -> list[list[Any]]:
    """Move the codes of one golden record that no source record states, as targets gave them or people said for some
    days, to another: all, or what ``moved`` before. Returns what moved, as JSON: code system id, code, days.
    """
    live = Crosswalk.objects.filter(golden=old, code_system__kind=PRIMARY, source__isnull=True, known_to__isnull=True)
    if moved is not None:
        days: dict[tuple[int, str], list[Sequence[Any]]] = defaultdict(list)
        for system, code, *period in moved:
            days[system, code].append(period)
        back = [r.pk for r in live if any(_is_part(r, *period) for period in days[r.code_system_id, r.code])]
        live = live.filter(pk__in=back)
    return [
        [row.code_system_id, row.code, row.valid_from.isoformat(), row.valid_to and row.valid_to.isoformat()]
        for row in _reopen(change, live, lambda _: new)
    ]


def _is_part(row: Crosswalk, since: str | None = None, until: str | None = None) -> bool:
    """Whether a row lies within the days that moved. Without days: of a merge that moved nothing but lasting codes."""
    if since is None or row.valid_to is None:
        return row.valid_to is None and until is None
    return row.valid_from.isoformat() >= since and (until is None or row.valid_to.isoformat() <= until)


def close_identifiers(change: Change, golden_id: int) -> None:
    """The golden record states no public identifiers any more."""
    live = Crosswalk.objects.filter(golden=golden_id, source__isnull=True, known_to__isnull=True)
    live.exclude(code_system__kind=PRIMARY).update(known_to=change.at)


def _reopen(change: Change, live: QuerySet[Crosswalk], golden_of: Callable[[Crosswalk], int | None]) -> list[Crosswalk]:
    """Close these rows and open them at other golden records, preferred ones first."""
    rows = list(live.order_by("-preferred", "pk"))
    Crosswalk.objects.filter(pk__in=[row.pk for row in rows]).update(known_to=change.at)
    found = [(row, golden) for row in rows if (golden := golden_of(row)) is not None]
    open_rows(
        change,
        [((row.code_system_id, row.code, row.uom), golden, row.source_id) for row, golden in found],
        [(row.valid_from, row.valid_to) for row, _ in found],
        preferred=[row.preferred or row.valid_to is None for row, _ in found],
    )
    return rows


def prefer(change: Change, golden_ids: Sequence[int]) -> set[int]:
    """Where the preferred code of a record was closed, the oldest that is left takes its place; returns the records."""
    if not golden_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(LEADERLESS_SQL, [arrays.numbers(golden_ids)])
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return set()
    rows = _reopen(change, Crosswalk.objects.filter(pk__in=ids), lambda row: row.golden_id)
    return {row.golden_id for row in rows}


def set_identifiers(
    change: Change, domain: str, values: Mapping[int, Mapping[str, Any]], *, existing: Sequence[int]
) -> set[int]:
    """Make the crosswalk hold exactly the identifiers that these golden values state; returns whose codes changed."""
    systems = identifier_systems(change.known, domain)
    wanted = {golden: identifier_codes(domain, v, systems) for golden, v in values.items()}
    have: dict[int, dict[Entry, int]] = defaultdict(dict)
    live = Crosswalk.objects.filter(
        golden__in=existing, code_system__in=systems.values(), known_to__isnull=True, source__isnull=True
    )
    for row in live if existing else ():
        have[row.golden_id][row.code_system_id, row.code, row.uom] = row.pk
    gone = [pk for golden, entries in have.items() for e, pk in entries.items() if e not in wanted.get(golden, set())]
    if gone:
        Crosswalk.objects.filter(pk__in=gone).update(known_to=change.at)
    fresh = [
        (entry, golden, None) for golden, entries in wanted.items() for entry in sorted(entries - set(have[golden]))
    ]
    if fresh:
        open_rows(change, fresh, fresh=wanted.keys() - set(existing))
    changed = {golden for golden, entries in wanted.items() if entries != set(have[golden])}
    return changed | prefer(change, existing)


@transaction.atomic
def add_target_codes(*, code_system: CodeSystem, codes: Mapping[int, Sequence[tuple[str, str]]], actor: User) -> int:
    """Keep the codes that a target gave its copies: {golden id: [(code, unit of measure)]}. Returns how many are new.

    Takes no lock on the golden records and bumps no version. A code that means another record already is left alone:
    the first meaning stands until a steward decides.
    """
    given: dict[str, tuple[str, int]] = {}
    for golden, pairs in codes.items():
        for code, uom in pairs:
            given.setdefault(code_system.normalise(code), (uom, golden))
    known = {code for _, _, code, _, _ in _standing((code_system.pk, code) for code in given)}
    fresh = [((code_system.pk, code, uom), golden, None) for code, (uom, golden) in given.items() if code not in known]
    if fresh:
        change = Change.begin(actor, "crosswalk.receipt", "Codes that a target gave")
        open_rows(change, fresh)
        change.audit(about=code_system, after={"codes": len(fresh)})
    return len(fresh)
