"""The lookup: a code of one system → its golden record, and that record's codes in another system. Read-only, hot.

Two clocks: ``as_of`` (a date) asks what is right for that day, ``known_at`` (an instant) what Concord would have
answered then. Left out they mean today and now. A batch is one round trip, whatever its size.

Drafts are left out. A merged record answers as its survivor, with ``redirected_from``.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from mdm.exceptions import Ambiguous, ConcordError, InvalidValue, NotFound, UnknownCode
from mdm.models import BEGINNING, CodeSystem

MAX_CODE = 120  # characters, as the column
SYSTEMS_SECONDS = 30  # code systems are few and change rarely: each process reads them this often

# One statement for one code or ten thousand. The first relation is read from the covering index alone
# (crosswalk_lookup); NULL clocks mean today and now, and spare the ranges a comparison.
_FIND = """
SELECT c.code, c.uom, c.valid_from, c.valid_to, g.public_id, g.domain,
       coalesce(s.public_id, g.public_id), coalesce(s.status, g.status), coalesce(s.name, g.name),
       t.code, t.uom, t.preferred
FROM mdm_crosswalk c
JOIN mdm_goldenrecord g ON g.id = c.golden_id
LEFT JOIN mdm_goldenrecord s ON s.id = g.merged_into_id
LEFT JOIN mdm_crosswalk t ON t.golden_id = c.golden_id AND t.code_system_id = %(to)s
    AND t.valid_from <= %(as_of)s AND (t.valid_to IS NULL OR t.valid_to > %(as_of)s)
    AND (%(known_at)s::timestamptz IS NULL AND t.known_to IS NULL
         OR t.known_from <= %(known_at)s AND (t.known_to IS NULL OR t.known_to > %(known_at)s))
WHERE c.code_system_id = %(system)s AND c.code = ANY(%(codes)s)
    AND c.valid_from <= %(as_of)s AND (c.valid_to IS NULL OR c.valid_to > %(as_of)s)
    AND (%(known_at)s::timestamptz IS NULL AND c.known_to IS NULL
         OR c.known_from <= %(known_at)s AND (c.known_to IS NULL OR c.known_to > %(known_at)s))
    AND g.approved_version > 0
"""

_WHO_KNOWS = """
SELECT DISTINCT q.code, c.code_system_id
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS q(system, code, normal)
JOIN mdm_crosswalk c ON c.code_system_id = q.system AND c.code = q.normal AND c.known_to IS NULL
JOIN mdm_goldenrecord g ON g.id = c.golden_id AND g.approved_version > 0
"""


class UnknownSystem(NotFound):
    """There is no such code system. Choose one of those listed."""

    code = "unknown-code-system"


@dataclass(slots=True)  # not frozen: ten thousand of them are made in one request, and freezing triples the cost
class TargetCode:
    code: str
    uom: str
    preferred: bool


@dataclass(slots=True)
class Resolution:
    """What a code means. ``codes`` are the record's codes in the system asked for: none when it has none there."""

    code_system: str
    code: str  # as asked
    uom: str
    valid_from: dt.date | None  # None: always
    valid_to: dt.date | None  # exclusive; None: until further notice
    id: str  # public id of the golden record: the survivor's where it was merged
    domain: str
    status: str
    name: str
    redirected_from: str | None
    to: str | None
    codes: tuple[TargetCode, ...]


Outcome = Resolution | ConcordError


class _Clocks(NamedTuple):
    as_of: dt.date
    known_at: dt.datetime | None


class _Row(NamedTuple):
    code: str
    uom: str
    valid_from: dt.date
    valid_to: dt.date | None
    named: str  # the golden record that the crosswalk names
    domain: str
    id: str  # the one that it is today
    status: str
    name: str
    target_code: str | None
    target_uom: str
    target_preferred: bool


def resolve(
    code_system: str,
    code: str,
    *,
    to: str | None = None,
    as_of: dt.date | None = None,
    known_at: dt.datetime | None = None,
) -> Resolution:
    """What one code means.

    Raises:
        UnknownSystem: lists the code systems there are.
        UnknownCode: names the systems that have the code, if any.
        Ambiguous: a shared identifier of several records; lists them.
        InvalidValue: not a code at all, or ``to`` is of another domain.
    """
    outcome = resolve_many(code_system, [code], to=to, as_of=as_of, known_at=known_at)[0]
    if isinstance(outcome, ConcordError):
        raise outcome
    return outcome


def resolve_many(
    code_system: str,
    codes: Sequence[str],
    *,
    to: str | None = None,
    as_of: dt.date | None = None,
    known_at: dt.datetime | None = None,
) -> list[Outcome]:
    """One outcome per code, in the order asked; an error is returned in the place of the code that caused it."""
    system, target = code_systems.get(code_system), code_systems.get(to) if to else None
    if target and target.domain != system.domain:
        raise InvalidValue(f"{target.slug} holds codes of {target.domain} records, {system.slug} of {system.domain}.")
    clocks = _Clocks(as_of or timezone.now().date(), known_at)
    asked = [_normal(system, code) for code in codes]
    found = _find(system, target, {normal for normal in asked if isinstance(normal, str)}, clocks)
    outcomes = [
        normal if isinstance(normal, ConcordError) else _outcome(system, target, code, found.get(normal, []))
        for code, normal in zip(codes, asked, strict=True)
    ]
    _say_who_knows(outcomes, codes)
    return outcomes


def _normal(system: CodeSystem, code: object) -> str | ConcordError:
    """The code as its system writes it, or why it can't be one."""
    if not isinstance(code, str):
        return InvalidValue(f"A code of {system.slug} is text.")
    normal = system.normalise(code)
    if not normal or len(normal) > MAX_CODE or "\0" in normal or not _is_unicode(normal):
        return InvalidValue(f"A code of {system.slug} has 1 to {MAX_CODE} characters, none of them NUL.")
    return normal


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _find(
    system: CodeSystem, target: CodeSystem | None, codes: Collection[str], clocks: _Clocks
) -> dict[str, list[_Row]]:
    rows: dict[str, list[_Row]] = defaultdict(list)
    if codes:
        query = {"system": system.pk, "to": target and target.pk, "codes": list(codes), **clocks._asdict()}
        with connection.cursor() as cursor:
            cursor.execute(_FIND, query)
            for row in cursor.fetchall():
                rows[row[0]].append(_Row._make(row))
    return rows


def _outcome(system: CodeSystem, target: CodeSystem | None, code: str, rows: Sequence[_Row]) -> Outcome:
    if not rows:
        return UnknownCode(f"{system.slug} has no code {code.strip()}.", known_in=[])
    if len(ids := {row.id for row in rows}) > 1:
        return Ambiguous(candidates=sorted(ids))
    found = {(not row.target_preferred, row.target_uom, row.target_code) for row in rows if row.target_code}
    first = rows[0]
    return Resolution(
        code_system=system.slug,
        code=code,
        uom=first.uom,
        valid_from=None if first.valid_from == BEGINNING else first.valid_from,
        valid_to=first.valid_to,
        id=first.id,
        domain=first.domain,
        status=first.status,
        name=first.name,
        redirected_from=None if first.named == first.id else first.named,
        to=target.slug if target else None,
        codes=tuple(TargetCode(code, uom, not lesser) for lesser, uom, code in sorted(found)),
    )


def _say_who_knows(outcomes: Sequence[Outcome], codes: Sequence[str]) -> None:
    """Tell each unknown code which systems do have it: most often it was asked of the wrong one."""
    unknown = [(code, e) for code, e in zip(codes, outcomes, strict=True) if isinstance(e, UnknownCode)]
    if not unknown:
        return
    known = _who_knows({code for code, _ in unknown})
    for code, error in unknown:
        if systems := sorted(known[code]):
            error.details["known_in"] = systems
            error.message += f" {' and '.join(systems)} {'has' if len(systems) == 1 else 'have'} it."


def _who_knows(codes: Collection[str]) -> dict[str, set[str]]:
    """Code → slugs of the systems that have it today, each asked in its own spelling."""
    asked = [(system, code, system.normalise(code)) for system in code_systems.all() for code in codes]
    query = [system.pk for system, _, _ in asked], [code for _, code, _ in asked], [normal for _, _, normal in asked]
    slugs = {system.pk: system.slug for system in code_systems.all()}
    known: dict[str, set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_WHO_KNOWS, query)
        for code, system in cursor.fetchall():
            known[code].add(slugs[system])
    return known


class _CodeSystems:
    """The code systems by slug, in memory for up to ``SYSTEMS_SECONDS``; one that was just made is found at once."""

    def __init__(self) -> None:
        self._by_slug: dict[str, CodeSystem] = {}
        self._stale_at = 0.0

    def all(self) -> Collection[CodeSystem]:
        if time.monotonic() > self._stale_at:
            self._read()
        return self._by_slug.values()

    def get(self, slug: str) -> CodeSystem:
        if time.monotonic() > self._stale_at or slug not in self._by_slug:
            self._read()
        try:
            return self._by_slug[slug]
        except KeyError:
            raise UnknownSystem(f"There is no code system {slug[:80]}.", known=sorted(self._by_slug)) from None

    def forget(self, **_: Any) -> None:
        self._stale_at = 0.0

    def _read(self) -> None:
        self._by_slug = {system.slug: system for system in CodeSystem.objects.all()}
        self._stale_at = time.monotonic() + SYSTEMS_SECONDS


code_systems = _CodeSystems()
post_save.connect(code_systems.forget, sender=CodeSystem)
post_delete.connect(code_systems.forget, sender=CodeSystem)
