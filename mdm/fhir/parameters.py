"""The FHIR resource Parameters: what an operation is asked, by query or by body, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

from mdm.api.json import MEDIA_TYPE, loads
from mdm.api.refusals import WrongMediaType
from mdm.fhir.outcomes import MEDIA_TYPE as FHIR_JSON

Given = dict[str, list[Any]]  # name → values; a parameter of parts is a Given itself
Part = dict[str, Any]

FORMAT = {"_format", "_pretty"}  # how to answer, see mdm.fhir.base
MAX_PARTS = 1_000
MOST_CODINGS = 50  # each costs a lookup


def of_request(request: HttpRequest) -> Given:
    """The parameters of a GET's query or a POST's body, without those that say how to answer."""
    if request.method in ("GET", "HEAD"):
        return {name: values for name, values in request.GET.lists() if name not in FORMAT}
    if request.content_type not in (FHIR_JSON, MEDIA_TYPE):
        raise WrongMediaType(request.content_type, FHIR_JSON)
    body = loads(request.body)
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise ValidationError("The body is a resource Parameters.")
    return _read(body.get("parameter", []), "parameter")


def _read(entries: Any, where: str) -> Given:
    if not isinstance(entries, list) or len(entries) > MAX_PARTS:
        raise ValidationError({where: f"A list of up to {MAX_PARTS:,} parameters is needed."})
    given: Given = {}
    for number, entry in enumerate(entries):
        at = f"{where}/{number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ValidationError({at: "A parameter has a name and a value."})
        given.setdefault(entry["name"], []).append(_value(entry, at))
    return given


def _value(entry: Mapping[str, Any], at: str) -> Any:
    named = [key for key in entry if key.startswith("value") or key in ("resource", "part")]
    if len(named) != 1:
        raise ValidationError({at: "A parameter has one of value[x], resource and part."})
    value = entry[named[0]]
    return _read(value, f"{at}/part") if named[0] == "part" else value


def text(given: Given, name: str) -> str | None:
    """The one text of a parameter, or None if it isn't given."""
    values = given.get(name)
    if not values:
        return None
    if len(values) > 1 or not isinstance(values[0], str) or not values[0] or not is_text(values[0]):
        raise ValidationError({name: "One text is needed."})
    return values[0]


def flag(given: Given, name: str) -> bool:
    values = given.get(name, [False])
    if len(values) == 1 and (value := {"true": True, "false": False}.get(str(values[0]).lower())) is not None:
        return value
    raise ValidationError({name: "true or false is needed."})


def coding(given: Given, name: str) -> tuple[str, str] | None:
    """System and code of the one Coding; in a query it is written ``system|code``."""
    values = given.get(name)
    if not values:
        return None
    one = values[0]
    if isinstance(one, str):
        system, bar, code = one.rpartition("|")
        one = {"system": system, "code": code} if bar else {}
    return _both(one, name) if len(values) == 1 else _refuse(name)


def concept(given: Given, name: str) -> list[tuple[str, str]]:
    """System and code of each Coding of the one CodeableConcept."""
    values = given.get(name)
    if not values:
        return []
    codings = values[0].get("coding") if len(values) == 1 and isinstance(values[0], Mapping) else None
    if not isinstance(codings, list) or not codings:
        raise ValidationError({name: "A CodeableConcept with codings is needed."})
    if len(codings) > MOST_CODINGS:
        raise ValidationError({name: f"At most {MOST_CODINGS} codings are looked at; there are {len(codings)}."})
    return [_both(one, name) for one in codings]


def _both(one: Any, name: str) -> tuple[str, str]:
    system, code = (one.get("system"), one.get("code")) if isinstance(one, Mapping) else (None, None)
    if not (isinstance(system, str) and isinstance(code, str) and system and code and is_text(system + code)):
        _refuse(name)
    return str(system), str(code)


def is_text(text: str) -> bool:
    """Without NUL and lone surrogates, which no database holds."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse(name: str) -> Any:
    raise ValidationError({name: "A Coding with system and code is needed."})


def only(given: Given, known: frozenset[str]) -> None:
    """Refuse names that the operation doesn't know: a misspelt one must not be taken for one left out."""
    if unknown := sorted(set(given) - known):
        raise ValidationError({name[:80]: f"Unknown. Known are: {', '.join(sorted(known))}." for name in unknown})


def resource(*parts: Part) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(parts)}


def part(name: str, kind: str, value: Any) -> Part:
    """``part("result", "Boolean", True)``."""
    return {"name": name, f"value{kind}": value}
