"""The code systems as NamingSystems, and each ordered pair of a domain's as a ConceptMap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Exists, F, OuterRef

from mdm.code_systems import code_systems
from mdm.exceptions import NotFound
from mdm.fhir import names, uris
from mdm.fhir.elements import SUBSETTED
from mdm.lookup import today
from mdm.models import PRIMARY, CodeSystem, Crosswalk

Resource = dict[str, Any]
SHOWN = 1_000  # mappings that a ConceptMap lists; $translate answers for all
SINCE = dt.date(2026, 1, 1)  # NamingSystem.date, which R4 demands: of these definitions, not of a system


def naming_systems() -> list[Resource]:
    return [_golden(), *(_naming_system(one) for one in _sorted())]


def naming_system(name: str) -> Resource:
    return _the(name, naming_systems(), "NamingSystem")


def _the(name: str, resources: list[Resource], kind: str) -> Resource:
    if found := next((one for one in resources if one["id"] == name), None):
        return found
    raise NotFound(f"There is no {kind} {name[:64]}.")


def _sorted() -> list[CodeSystem]:
    return sorted(code_systems.all(), key=lambda one: one.slug)


def _golden() -> Resource:
    text = "Ids that Concord gives golden records. They live for ever; one that was merged leads to its survivor."
    return _named("golden", "Concord golden records", text, names.GOLDEN)


def _naming_system(system: CodeSystem) -> Resource:
    what = "codes" if system.kind == PRIMARY else f"identifiers ({system.kind})"
    text = f"{system.slug}: {what} of {system.get_domain_display().lower()} records. " + (
        "A code means one record." if system.unique else "A code may be shared by several records."
    )
    made = _named(f"ns-{system.pk}", system.slug, text, uris.of(system))
    own = {uris.of(system), f"{names.CODE_SYSTEM}{system.slug}"} - {uris.of(system)}
    made["uniqueId"] += [{"type": "uri", "value": uri, "preferred": False} for uri in sorted(own)]
    return made


def _named(name: str, title: str, text: str, uri: str) -> Resource:
    return {
        "resourceType": "NamingSystem",
        "id": name,
        "name": title,
        "status": "active",
        "kind": "identifier",
        "date": SINCE,
        "description": text,
        "uniqueId": [{"type": "uri", "value": uri, "preferred": True}],
    }


def pairs() -> Iterator[tuple[CodeSystem, CodeSystem]]:
    every = _sorted()
    yield from ((one, other) for one in every for other in every if one != other and one.domain == other.domain)


def ends(name: str) -> tuple[CodeSystem, CodeSystem]:
    """The two ends of the concept map of this id: ``cm-3-7``. Raises ``NotFound``."""
    found = next((pair for pair in pairs() if _id(*pair) == name), None)
    if found is None:
        raise NotFound(f"There is no ConceptMap {name[:64]}.")
    return found


def _id(source: CodeSystem, target: CodeSystem) -> str:
    return f"cm-{source.pk}-{target.pk}"


def concept_map(source: CodeSystem, target: CodeSystem) -> Resource:
    """The head of a map: what its ends are. ``with_elements`` adds the mappings."""
    return {
        "resourceType": "ConceptMap",
        "id": _id(source, target),
        "url": uris.concept_map(source, target),
        "name": f"{source.slug}-to-{target.slug}",
        "title": f"Codes of {source.slug} in {target.slug}",
        "status": "active",
        "description": "Two codes are equivalent if they mean the same golden record now. Ask $translate for units, "
        "factors and other days.",
        "sourceUri": uris.value_set_of(uris.of(source)),
        "targetUri": uris.value_set_of(uris.of(target)),
    }


def with_elements(source: CodeSystem, target: CodeSystem) -> Resource:
    """A map with its mappings, as far as a document may reasonably hold them; a longer one is tagged SUBSETTED."""
    made = concept_map(source, target)
    rows = list(_rows(source, target))
    if len(rows) > SHOWN:
        made["meta"] = {"tag": [SUBSETTED]}
    group = [
        {"code": code, "display": name, "target": [{"code": row[2], "equivalence": "equivalent"} for row in several]}
        for (code, name), several in groupby(rows[:SHOWN], key=itemgetter(0, 1))
    ]
    if group:
        made["group"] = [{"source": uris.of(source), "target": uris.of(target), "element": group}]
    return made


def _rows(source: CodeSystem, target: CodeSystem) -> Any:
    """(code, name, code there) of what means the same record today, in order of code. A code that several records
    share is in none: nobody can say which of them it means.
    """
    there, day = F("golden__codes__code"), today()
    rows = Crosswalk.objects.filter(
        Crosswalk.in_force(day),
        Crosswalk.in_force(day, "golden__codes__"),
        code_system=source,
        golden__codes__code_system=target,
        golden__approved_version__gt=0,
    )
    if not source.unique:
        others = Crosswalk.objects.filter(Crosswalk.in_force(day), code_system=source, code=OuterRef("code"))
        shared = others.filter(golden__approved_version__gt=0).exclude(golden=OuterRef("golden"))
        rows = rows.exclude(Exists(shared))
    found = rows.annotate(there=there).order_by("code", "there").values_list("code", "golden__name", "there")
    return found[: SHOWN + 1]
