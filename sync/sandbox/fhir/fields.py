"""Where this server finds what the effect counter counts by: whose record a resource is, at which version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

INDEX = "urn:concord:id"  # the identifier system that records are matched by
_EXTENSION = "urn:concord:extension:"
_KINDS = {"Location": "location", "DeviceDefinition": "item"}


def rows(holder: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; an element that stands alone counts as one."""
    found = holder.get(name) or []
    yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Mapping))


def said(resource: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The extension of this name; empty if there is none."""
    return next((one for one in rows(resource, "extension") if one.get("url") == _EXTENSION + name), {})


def name_of(resource: Mapping[str, Any]) -> str:
    """The id that the sender gave; of others' resources their first identifier."""
    known = {one.get("system"): one.get("value") for one in reversed(list(rows(resource, "identifier")))}
    return str(known.get(INDEX) or next(reversed(known.values()), ""))


def version_of(resource: Mapping[str, Any]) -> tuple[int, int]:
    """(version, generation) that the sender wrote it at."""
    parts = {one.get("url"): one.get("valueInteger") for one in rows(said(resource, "delivery"), "extension")}
    return int(parts.get("version") or 0), int(parts.get("generation") or 0)


def is_active(resource: Mapping[str, Any]) -> bool:
    if resource.get("active") is False or resource.get("status") == "inactive":
        return False
    return said(resource, "active").get("valueBoolean") is not False


def replaced_by(resource: Mapping[str, Any]) -> str | None:
    reference = said(resource, "replaced-by").get("valueReference") or {}
    value = (reference.get("identifier") or {}).get("value")
    return str(value) if value else None


def types(resource: Mapping[str, Any]) -> set[str]:
    """Its types as search tokens, ``system|code``."""
    codings = (coding for concept in rows(resource, "type") for coding in rows(concept, "coding"))
    return {f"{one.get('system')}|{one.get('code')}" for one in codings}


def domain_of(resource: Mapping[str, Any]) -> str:
    kind = str(resource["resourceType"])
    is_department = "urn:concord:domain|cost-center" in types(resource)
    return _KINDS.get(kind) or ("cost_center" if is_department else "supplier")
