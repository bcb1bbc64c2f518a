"""The lookup: a code of one system → its golden record, and that record's codes in another system. Read-only, hot.

Two clocks: ``as_of`` (a date) asks what is right for that day, ``known_at`` (an instant) what Concord would have
answered then, with the name, state and packaging that the record had. Left out they mean today and now. A batch is one
round trip, whatever its size, and two more where units must be converted or items have substitutes.

Drafts are left out. A merged record answers as its survivor, with ``redirected_from``.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

from django.utils import timezone
from msgspec import Struct

from mdm import substitutes
from mdm.code_systems import UnknownSystem, code_systems
from mdm.conversion import ONE, NoFactor
from mdm.exceptions import Ambiguous, ConcordError, InvalidValue, UnknownCode
from mdm.factors import End, factors, is_one
from mdm.lookup_rows import Clocks, fetch, of_codes
from mdm.models import CodeSystem
from mdm.substitutes import Substitute, Substitutes

__all__ = ["Outcome", "Resolution", "TargetCode", "UnknownSystem", "code_systems", "resolve", "resolve_many"]

MAX_CODE = 120  # characters, as the column
MAX_UOM = 20

_WHO_KNOWS = """
SELECT DISTINCT c.code_system_id, c.code
FROM unnest(%(systems)s::bigint[], %(codes)s::text[]) AS q(system, code)
JOIN mdm_crosswalk c ON c.code_system_id = q.system AND c.code = q.code AND c.known_to IS NULL
JOIN mdm_goldenrecord g ON g.id = c.golden_id AND g.approved_version > 0
"""


# Structs, which cost a third of what dicts do, both to make and to write as JSON: a request makes ten thousand of them.
class TargetCode(Struct, gc=False):
    code: str
    uom: str
    preferred: bool
    factor: str | None  # how many of its unit one of the unit asked about is: "12" or "1/12"; None: see no_factor
    no_factor: str | None  # why there is no factor; None of records without units, too


class Resolution(Struct, gc=False):
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
    codes: Sequence[TargetCode]
    substitutes: Sequence[Substitute]  # items in force that stand in for this one
    replaces: Sequence[Substitute]  # items that this one stands in for


Outcome = Resolution | ConcordError


def resolve(
    code_system: str,
    code: str,
    *,
    to: str | None = None,
    as_of: dt.date | None = None,
    known_at: dt.datetime | None = None,
    uom: str | None = None,
    site: str | None = None,
) -> Resolution:
    """What one code means.

    Raises:
        UnknownSystem: lists the code systems there are.
        UnknownCode: names the systems that have the code, if any.
        Ambiguous: a shared identifier of several records; lists them.
        InvalidValue: not a code at all, ``to`` is of another domain, or ``site`` is no location.
    """
    outcome = resolve_many(code_system, [code], to=to, as_of=as_of, known_at=known_at, uom=uom, site=site)[0]
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
    uom: str | None = None,
    site: str | None = None,
) -> list[Outcome]:
    """What each code means, in the order asked; an error is returned in the place of the code that caused it.

    ``uom``: the unit that is asked about, where it isn't the one that the code is counted in. ``site``: the public id
    of a location, to leave out the substitutes of others.
    """
    system, target = code_systems.get(code_system), code_systems.get(to) if to else None
    if target and target.domain != system.domain:
        raise InvalidValue(f"{target.slug} holds codes of {target.domain} records, {system.slug} of {system.domain}.")
    clocks = Clocks(as_of or today(), known_at)
    asked = _normals(system, codes)
    wanted = [normal for normal in set(asked) if normal is not None]
    rows = of_codes(system, target, wanted, clocks) if wanted else []
    found = {row[0]: row for row in rows}
    several = _several(rows) if len(found) < len(rows) else {}
    units = _factors(system, target, rows, uom, clocks)
    standing = _standing(rows, clocks, site) if system.domain == "item" else {}
    answer = _answering(system, target, units, standing)
    outcomes: list[Outcome] = []
    unknown = False
    for code, normal in zip(codes, asked, strict=True):
        row = found.get(normal)
        if row is not None:
            outcomes.append(_chosen(several[normal], code, answer) if normal in several else answer(code, row))
        elif normal is not None:
            unknown = True
            outcomes.append(UnknownCode(_unknown(system, code), known_in=[]))
        else:
            outcomes.append(_refusal(system, code))
    if unknown:
        _say_who_knows(system, outcomes, codes)
    return outcomes


def _several(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """The rows of codes that have more than one: the record has several in the target, or records share the code."""
    found = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return {code: some for code, some in found.items() if len(some) > 1}


def today() -> dt.date:
    """On the site's clock, as everywhere that a day is meant."""
    return timezone.localdate()


def _normals(system: CodeSystem, codes: Sequence[str]) -> Sequence[str | None]:
    """Each code as its system writes it; None: it can't be one. Ten thousand plain ones are looked at together."""
    try:
        normals = list(map(system.reading, codes))
        lengths = set(map(len, normals))
        text = "".join(normals)
        if text.isascii() and "\0" not in text and 0 not in lengths and max(lengths, default=1) <= MAX_CODE:
            return normals
    except (AttributeError, TypeError):  # one of them is no text
        pass
    return [_normal(system, code) for code in codes]


def _normal(system: CodeSystem, code: object) -> str | None:
    """The code as its system writes it; None: it can't be one."""
    normal = system.normalise(code) if isinstance(code, str) else ""
    if not normal or len(normal) > MAX_CODE or not (normal.isascii() or _is_unicode(normal)) or "\0" in normal:
        return None
    return normal


def _refusal(system: CodeSystem, code: object) -> InvalidValue:
    """Why it can't be a code."""
    if not isinstance(code, str):
        return InvalidValue(f"A code of {system.slug} is text.")
    if code.strip() and not system.normalise(code):
        text = f"{code.strip()[:40]} holds nothing that counts in a code of {system.slug}"
        return InvalidValue(f"{text} ({system.get_normaliser_display()}).")
    return InvalidValue(f"A code of {system.slug} has 1 to {MAX_CODE} characters, none of them NUL.")


def _unknown(system: CodeSystem, code: str) -> str:
    text = f"{system.slug} has no code {code.strip()}."
    minds_case = system.normaliser == "trim" and code.lower() != code.upper()
    return f"{text} Its codes are told apart by upper and lower case." if minds_case else text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _standing(rows: Sequence[Any], clocks: Clocks, site: str | None) -> Mapping[int, Substitutes]:
    involved = substitutes.involved() if clocks.known_at is None else None
    if involved is not None and not involved and site is None:
        return {}
    goldens = {row[4] for row in rows}
    return substitutes.in_force(goldens if involved is None else goldens & involved, clocks, site)


_NOTHING = Substitutes([], [])
_Factors = Mapping[tuple[int, str, str], Fraction | NoFactor]  # by golden record, code and target code


def _factors(
    system: CodeSystem, target: CodeSystem | None, rows: Sequence[Any], uom: str | None, clocks: Clocks
) -> _Factors:
    """The factor of each target code, or why it has none. Units that are plainly one and the same are left out."""
    if target is None or system.domain != "item":
        return {}
    pairs = {(row[1], row[10]) for row in rows}
    if not system.units and not target.units:
        pairs = {(own, other) for own, other in pairs if not is_one(uom or own, other)}
    rows = [row for row in rows if row[9] is not None and (row[1], row[10]) in pairs] if pairs else []
    asked = [(r[4], End(system, r[0], uom or r[1]), End(target, r[9], r[10])) for r in rows]
    return {(r[4], r[0], r[9]): answer for r, answer in zip(rows, factors(asked, clocks), strict=True)}


_Answer = Callable[..., Resolution]


def _answering(
    system: CodeSystem, target: CodeSystem | None, units: _Factors, standing: Mapping[int, Substitutes]
) -> _Answer:
    """The function that puts the answers of one request together: of a code and its row, and its codes in the target
    where there are several. What they have in common is looked up once.
    """
    slug, domain, to = system.slug, system.domain, target.slug if target else None
    one = "1" if domain == "item" else None  # the factor where units are plainly one and the same

    def there_of(row: Any) -> TargetCode:
        unit = units.get((row[4], row[0], row[9]), ONE)
        factor, no_factor = (None, unit.message) if isinstance(unit, NoFactor) else (str(unit), None)
        return TargetCode(row[9], row[10], row[11], one and factor, no_factor)

    def answer(code: str, row: Any, rows: Sequence[Any] | None = None) -> Resolution:
        _, uom, valid_from, valid_to, golden, public_id, redirected_from, status, name, there, its_uom, preferred = row
        codes: Sequence[TargetCode] = ()
        if rows is not None or units:
            codes = [there_of(each) for each in (rows or (row,)) if each[9] is not None]
        elif there is not None:
            codes = (TargetCode(there, its_uom, preferred, one, None),)
        instead = standing.get(golden, _NOTHING) if standing else _NOTHING
        return Resolution(
            slug, code, uom, valid_from, valid_to, public_id, domain, status, name, redirected_from,
            to, codes, instead.substitutes, instead.replaces,
        )  # fmt: skip

    return answer


def _chosen(rows: Sequence[Any], code: str, answer: _Answer) -> Outcome:
    """Of a code with several rows."""
    if len(ids := {row[5] for row in rows}) > 1:
        return Ambiguous(candidates=sorted(ids))
    # preferred first, each once: a shared identifier may name the record by several rows
    found = {(not row[11], row[10], row[9]): row for row in rows if row[9] is not None}
    return answer(code, rows[0], [found[key] for key in sorted(found)])


def _say_who_knows(system: CodeSystem, outcomes: Sequence[Outcome], codes: Sequence[str]) -> None:
    """Tell each unknown code which systems do have it: most often it was asked of the wrong one, or of a wrong time."""
    unknown = [(code, e) for code, e in zip(codes, outcomes, strict=True) if isinstance(e, UnknownCode)]
    if not unknown:
        return
    known = _who_knows({code for code, _ in unknown})
    for code, error in unknown:
        if systems := sorted(known[code]):
            error.details["known_in"] = systems
            others = [slug for slug in systems if slug != system.slug]
            if len(others) < len(systems):
                error.message += " It has it at another time: ask of another as_of or known_at, or of none."
            if others:
                error.message += f" {' and '.join(others)} {'has' if len(others) == 1 else 'have'} it."


def _who_knows(codes: Collection[str]) -> dict[str, set[str]]:
    """Code → slugs of the systems that have it today, each asked in its own spelling."""
    spelt = {(system, code): _normal(system, code) for system in code_systems.all() for code in codes}
    asked = [(system.pk, normal) for (system, _), normal in spelt.items() if normal is not None]
    query = {"systems": [system for system, _ in asked], "codes": [normal for _, normal in asked]}
    having = set(fetch(_WHO_KNOWS, query))
    known: dict[str, set[str]] = defaultdict(set)
    for (system, code), normal in spelt.items():
        if (system.pk, normal) in having:
            known[code].add(system.slug)
    return known
