"""``CodeSystem/$lookup``: what one code means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ValidationError

from mdm import lookup
from mdm.api.crosswalk import OPTIONS
from mdm.exceptions import Ambiguous, ConcordError, UnknownCode
from mdm.fhir import names, uris
from mdm.fhir.parameters import Given, Part, coding, only, part, resource, text
from mdm.lookup import Resolution

CLOCKS = ("as_of", "known_at")
KNOWN = frozenset(("system", "code", "coding", "property", "version", "date", "displayLanguage", *CLOCKS))
PROPERTIES = ("golden", "status", "domain", "uom", "redirected-from", "inactive")


def answer(given: Given) -> dict[str, Any]:
    """The operation's Parameters. Raises the errors of a lookup: a code that isn't known is 404."""
    only(given, KNOWN)
    if "version" in given or "date" in given:
        raise ValidationError({"version": "Not supported: codes of systems have no versions. Ask as_of a day instead."})
    system, code = _asked(given)
    options = {name: OPTIONS[name](name, text(given, name)) for name in CLOCKS if name in given}
    found = [(one, lookup.resolve_many(one.slug, [code], **options)[0]) for one in uris.systems(system)]
    known = [(one, fact) for one, fact in found if isinstance(fact, Resolution)]
    if len(ids := {fact.id for _, fact in known}) > 1:
        raise Ambiguous(candidates=sorted(ids))
    if not known:
        errors = [error for _, error in found if isinstance(error, ConcordError)]
        raise next((error for error in errors if not isinstance(error, UnknownCode)), errors[0])
    own, fact = known[0]
    wanted = [str(name) for name in given.get("property", [])] or list(PROPERTIES)
    named = part("name", "String", own.slug), part("display", "String", fact.name or fact.id)
    return resource(*named, *_properties(fact, wanted))


def _asked(given: Given) -> tuple[str, str]:
    system, code, both = text(given, "system"), text(given, "code"), coding(given, "coding")
    if both and not system and not code:
        return both
    if both or not system or not code:
        raise ValidationError("Either system and code are needed, or coding.")
    return system, code


def _properties(fact: Resolution, wanted: list[str]) -> Iterator[Part]:
    said: dict[str, tuple[str, Any]] = {
        "golden": ("Coding", {"system": names.GOLDEN, "code": fact.id, "display": fact.name}),
        "status": ("Code", fact.status),
        "domain": ("Code", fact.domain.replace("_", "-")),
        "uom": ("Code", fact.uom),
        "redirected-from": ("Code", fact.redirected_from),
        "inactive": ("Boolean", fact.status != "live"),
    }
    for name, (kind, value) in said.items():
        if name in wanted and value not in (None, ""):
            yield {"name": "property", "part": [part("code", "Code", name), part("value", kind, value)]}
