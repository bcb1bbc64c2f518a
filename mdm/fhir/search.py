"""Searching golden records as FHIR says it (R4, search.html), a keyset page at a time.

Pages go by last update, oldest first, unless the client wants another order: a record that changes while somebody reads
moves to the end, so none is missed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from mdm.code_systems import code_systems
from mdm.exceptions import NotFound
from mdm.fhir import elements, includes, names, uris
from mdm.fhir.mapping import LOCATION_TYPE, SUPPLIER_TYPE, UNSPSC
from mdm.models import Crosswalk, GoldenRecord

Domains = tuple[str, ...]
MAX_COUNT, COUNT = 200, 50
MAX_VALUES = 200  # alternatives of one parameter
SHORTEST = 3  # characters that a text search may be for: fewer are in everything
MOST_NAMED = 1_000  # records that one code may lead to; it leads to one in each system
LIVE = GoldenRecord.Status.LIVE
SHOWN = (LIVE, GoldenRecord.Status.RETIRED, GoldenRecord.Status.MERGED)
# What says how to answer, not what to find
RESULT = {"_count", "_cursor", "_summary", "_total", "_format", "_pretty", "_sort", "_elements"}
CHOICES = {"_summary": ("count", "true", "false", "text", "data"), "_total": ("accurate", "estimate", "none")}
SORTS = {"_lastUpdated": "updated_at", "_id": "public_id", "name": "name"}
Order = tuple[tuple[str, bool], ...]  # (column, whether descending); the last one tells any two records apart
USUAL: Order = (("domain", True), ("updated_at", False), ("pk", False))  # of the index golden_record_recent, backwards


@dataclass(frozen=True, slots=True)
class Query:
    """A checked search: which records, how many at once, and the filters as the ``self`` link repeats them."""

    condition: Q
    count: int
    only_count: bool
    total: bool
    cursor: str
    filters: tuple[tuple[str, str], ...]
    includes: tuple[includes.Include, ...]
    order: Order
    elements: Collection[str]


Filter = Callable[[Domains, str, str], Q]  # (domains, modifier, one value) → condition


@dataclass(frozen=True, slots=True)
class Parameter:
    kind: str  # of FHIR: token, string, reference, date
    condition: Filter
    meaning: str


def _text(field: str) -> Filter:
    def condition(domains: Domains, modifier: str, value: str) -> Q:
        if modifier not in ("", "contains", "exact"):
            raise ValidationError("Modifiers are :contains and :exact.")
        if modifier == "contains" and len(value) < SHORTEST:
            raise ValidationError(f"What is contained has {SHORTEST} characters at least.")
        lookup = {"": "istartswith", "contains": "icontains", "exact": "exact"}[modifier]
        return Q(**{f"{field}__{lookup}": value})

    return condition


def _plain(modifier: str) -> None:
    if modifier:
        raise ValidationError(f"The modifier :{modifier[:20]} is not supported.")


def _id(domains: Domains, modifier: str, value: str) -> Q:
    _plain(modifier)
    return Q(public_id=value)


def _identifier(domains: Domains, modifier: str, value: str) -> Q:
    """``system|code``, ``code`` of any system, ``system|`` for any code."""
    _plain(modifier)
    uri, bar, code = value.rpartition("|")
    if not uri and not code:
        raise ValidationError("A code is needed, or system|code.")
    if uri == names.GOLDEN:
        return Q(public_id=code) if code else Q(public_id__isnull=False)
    try:
        known = uris.systems(uri) if uri else code_systems.all()
    except NotFound:
        return Q(pk__in=[])
    now = Crosswalk.in_force(timezone.localdate())
    own = [one for one in known if one.domain in domains]
    if not code:
        return Q(pk__in=Crosswalk.objects.filter(now, code_system__in=own).values("golden"))
    alternatives = Q(pk__in=[])
    for one in own:
        alternatives |= Q(code_system=one, code=one.normalise(code))
    # read here: with a subquery in an alternative, the database would go through all records of the domain
    named = set(Crosswalk.objects.filter(now & alternatives).values_list("golden", flat=True)[:MOST_NAMED])
    if not bar:
        named |= set(GoldenRecord.objects.filter(public_id=code).values_list("pk", flat=True))
    return Q(pk__in=named)


def _updated(domains: Domains, modifier: str, value: str) -> Q:
    """FHIR's prefixes; a day or a month means all of it."""
    _plain(modifier)
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    begin, end = period(text)
    conditions = {
        "eq": Q(updated_at__gte=begin, updated_at__lt=end),
        "ne": Q(updated_at__lt=begin) | Q(updated_at__gte=end),
        "ge": Q(updated_at__gte=begin),
        "gt": Q(updated_at__gte=end),
        "sa": Q(updated_at__gte=end),
        "lt": Q(updated_at__lt=begin),
        "eb": Q(updated_at__lt=begin),
        "le": Q(updated_at__lt=end),
    }
    if prefix not in conditions:
        raise ValidationError(f"Prefixes are {', '.join(conditions)}.")
    return conditions[prefix]


def period(text: str) -> tuple[dt.datetime, dt.datetime]:
    """What a date, a month, a year or an instant covers."""
    try:
        if len(text) <= 10:
            year, month, day = (int(part) for part in (*text.split("-"), "1", "1")[:3])
            begin = dt.datetime(year, month, day, tzinfo=dt.UTC)
            months = {0: 12, 1: 1}.get(text.count("-"), 0)
            if not months:
                return begin, begin + dt.timedelta(days=1)
            month = month - 1 + months
            return begin, begin.replace(year=year + month // 12, month=month % 12 + 1)
        begin = dt.datetime.fromisoformat(text)
        begin = (begin if begin.tzinfo else begin.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        width = dt.timedelta(microseconds=1) if begin.microsecond else dt.timedelta(seconds=1)
        return begin, begin + width
    except (ValueError, OverflowError):
        raise ValidationError(f"Not a date: {text[:40]}. Write it as 2026-05-03 or 2026-05-03T14:00:00Z.") from None


def _active(domains: Domains, modifier: str, value: str) -> Q:
    _plain(modifier)
    if (wanted := {"true": True, "false": False}.get(value.rpartition("|")[2])) is None:
        raise ValidationError("true or false is needed.")
    return Q(status=LIVE) if wanted else ~Q(status=LIVE)


def _status(domains: Domains, modifier: str, value: str) -> Q:
    _plain(modifier)
    code = value.rpartition("|")[2]
    return Q(status=LIVE) if code == "active" else Q(status__in=SHOWN[1:]) if code == "inactive" else Q(pk__in=[])


def _organization_type(domains: Domains, modifier: str, value: str) -> Q:
    _plain(modifier)
    system, _, code = value.rpartition("|")
    found = Q(pk__in=[])
    if system in ("", names.DOMAIN):
        found |= Q(domain=code.replace("-", "_"))
    if system in ("", SUPPLIER_TYPE):
        found |= Q(supplier__supplier_type=code)
    return found


def _coded(field: str, *systems: str) -> Filter:
    def condition(domains: Domains, modifier: str, value: str) -> Q:
        _plain(modifier)
        system, _, code = value.rpartition("|")
        return Q(**{field: code}) if code and system in ("", *systems) else Q(pk__in=[])

    return condition


def _part_of(domains: Domains, modifier: str, value: str) -> Q:
    _plain(modifier)
    pid = value.rpartition("/")[2]
    found = Q(pk__in=[])
    for domain in domains:
        found |= Q(**{f"{domain}__parent__public_id": pid})
    return found


_COMMON = {
    "_id": Parameter("token", _id, "Concord's public id"),
    "_lastUpdated": Parameter("date", _updated, "When it last changed"),
    "identifier": Parameter("token", _identifier, "A code of any system, or Concord's public id"),
}
_NAMED = _COMMON | {
    "name": Parameter("string", _text("name"), "The beginning of its name"),
    "partof": Parameter("reference", _part_of, "What it is part of"),
}
_ITEM = _COMMON | {
    "name": Parameter("string", _text("name"), "The beginning of its description"),
    "status": Parameter("token", _status, "active or inactive"),
}
PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Organization": _NAMED | {
        "active": Parameter("token", _active, "Whether it is in use"),
        "type": Parameter("token", _organization_type, "supplier, cost-center, or what kind of supplier"),
    },
    "Location": _NAMED | {
        "status": Parameter("token", _status, "active or inactive"),
        "type": Parameter("token", _coded("location__location_type", LOCATION_TYPE), "What kind of place"),
    },
    "DeviceDefinition": _ITEM | {
        "type": Parameter("token", _coded("item__unspsc", UNSPSC), "UNSPSC"),
        "manufacturer": Parameter("string", _text("item__manufacturer"), "The beginning of its maker's name"),
        "model-number": Parameter("string", _text("item__catalogue_number"), "The beginning of its catalogue number"),
    },
    "InventoryItem": _ITEM | {"code": Parameter("token", _coded("item__unspsc", UNSPSC), "UNSPSC")},
}  # fmt: skip


def parse(resource: str, domains: Domains, given: QueryDict, *, lenient: bool) -> Query:
    """Check a search. Unknown parameters are refused unless the client prefers ``handling=lenient``.

    Raises ``ValidationError``.
    """
    condition, filters = Q(domain__in=domains, status__in=SHOWN, approved_version__gt=0), []
    along: list[includes.Include] = []
    for name, values in given.lists():
        if name in RESULT:
            continue
        base, _, modifier = name.partition(":")
        if base in includes.NAMES and (includes.known(resource) or not lenient):
            along += includes.parse(resource, name, values)
            filters += [(name, value) for value in values]
            continue
        if (parameter := PARAMETERS[resource].get(base)) is None:
            if lenient:
                continue
            known = ", ".join(PARAMETERS[resource])
            raise ValidationError({name[:80]: f"Unknown. Known are: {known}. Prefer: handling=lenient ignores it."})
        for value in values:
            condition &= _any_of(parameter, domains, name, modifier, value)
            filters.append((name, value))
    check_choices(given, lenient=lenient)
    one = {name: given.get(name, "") for name in RESULT}
    count = count_of(one["_count"])
    order = _order(one["_sort"], lenient=lenient)
    heeded = {
        "_sort": one["_sort"] if order != USUAL else "",
        "_elements": one["_elements"],
        "_total": "accurate" if one["_total"] == "accurate" else "",
        "_summary": "count" if one["_summary"] == "count" else "",
    }
    filters += [(name, value) for name, value in heeded.items() if value]  # links and cursors hold for these alone
    return Query(
        condition=condition,
        count=count,
        only_count=bool(heeded["_summary"]) or count == 0,
        total=bool(heeded["_total"]),
        cursor=one["_cursor"],
        filters=tuple(filters),
        includes=tuple(along),
        order=order,
        elements=elements.parse(resource, one["_elements"]),
    )


def check_choices(given: QueryDict, *, lenient: bool) -> None:
    """Whole resources are answered whatever ``_summary`` but count asks for; what asks for nothing is refused."""
    for name, known in CHOICES.items():
        if not lenient and (value := given.get(name)) and value not in known:
            raise ValidationError({name: f"Not {value[:40]!r}. Known are: {', '.join(known)}."})


def _order(text: str, *, lenient: bool) -> Order:
    """``-_lastUpdated,name``: the first goes first, a minus turns it round."""
    chosen: dict[str, bool] = {}
    for part in text.split(",") if text else ():
        column = SORTS.get(part.removeprefix("-"))
        if column is not None:
            chosen.setdefault(column, part.startswith("-"))
        elif not lenient:
            raise ValidationError({"_sort": f"Not by {part[:40]!r}. Known are: {', '.join(SORTS)}."})
    return (*chosen.items(), ("pk", False)) if chosen else USUAL


def _any_of(parameter: Parameter, domains: Domains, name: str, modifier: str, value: str) -> Q:
    """Commas separate alternatives; ``\\,`` is a comma."""
    texts = [part.replace("\1", ",") for part in value.replace("\\,", "\1").split(",")]
    if not all(texts) or "\0" in value or len(texts) > MAX_VALUES:
        raise ValidationError({name: f"1 to {MAX_VALUES} values are needed, none of them empty."})
    found = Q(pk__in=[])
    for text in texts:
        try:
            found |= parameter.condition(domains, modifier, text)
        except ValidationError as error:
            raise ValidationError({name: error.detail}) from None
    return found


def count_of(text: str) -> int:
    if not text:
        return COUNT
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValidationError({"_count": f"A number up to {MAX_COUNT} is needed."})
    return min(int(text), MAX_COUNT)


def rows(query: Query, after: list[Any] | None) -> list[GoldenRecord]:
    """The page, and one more where there is more."""
    found = matching(query)
    if after:
        found = found.filter(_beyond(query.order, after))
    return list(found.order_by(*(f"-{c}" if descending else c for c, descending in query.order))[: query.count + 1])


def _beyond(order: Order, key: list[Any]) -> Q:
    """What comes after the record of this key, in this order."""
    found, same = Q(pk__in=[]), Q()
    for (column, descending), value in zip(order, key, strict=True):
        found |= same & Q(**{f"{column}__{'lt' if descending else 'gt'}": value})
        same &= Q(**{column: value})
    return found


def key_in(order: Order) -> Callable[[GoldenRecord], list[Any]]:
    """What gives a record's place in this order, as JSON."""

    def key(record: GoldenRecord) -> list[Any]:
        values = (getattr(record, column) for column, _ in order)
        return [value.isoformat() if isinstance(value, dt.datetime) else value for value in values]

    return key


def matching(query: Query) -> QuerySet[GoldenRecord]:
    return GoldenRecord.objects.filter(query.condition).only("public_id", "domain", "name", "version", "updated_at")


def described(resource: str) -> list[Mapping[str, str]]:
    """For the CapabilityStatement."""
    return [{"name": n, "type": p.kind, "documentation": p.meaning} for n, p in PARAMETERS[resource].items()]
