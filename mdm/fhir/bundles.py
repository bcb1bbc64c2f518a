"""Bundles of searches and histories: a page, with the links to itself and to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.http import urlencode

Json = dict[str, Any]


def searchset(resources: Sequence[Json], *, included: Sequence[Json] = (), **page: Any) -> Json:
    """The page of a search, and what comes along. ``page`` as ``_bundle`` has it."""
    entries = [
        {"fullUrl": _address(page["base"], resource), "resource": resource, "search": {"mode": mode}}
        for mode, some in (("match", resources), ("include", included))
        for resource in some
    ]
    return _bundle("searchset", entries, **page)


def history(versions: Sequence[Json], **page: Any) -> Json:
    """The page of a history: the resource as it was, the newest version first."""
    return _bundle("history", [_version(page["base"], resource) for resource in versions], **page)


def _version(base: str, resource: Json) -> Json:
    meta = resource["meta"]
    return {
        "fullUrl": _address(base, resource),
        "resource": resource,
        "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
        "response": {"status": "200", "lastModified": meta["lastUpdated"], "etag": f'W/"{meta["versionId"]}"'},
    }


def _bundle(
    kind: str,
    entries: Sequence[Json],
    *,
    base: str,
    path: str,
    filters: Sequence[tuple[str, str]],
    count: int,
    cursor: str | None = None,
    total: int | None = None,
) -> Json:
    """``base`` as the client sees it, ending in a slash; ``filters`` those that were used, as FHIR wants to be told."""
    links = [_link("self", base, path, [*filters, ("_count", str(count))])]
    if cursor:
        links.append(_link("next", base, path, [*filters, ("_count", str(count)), ("_cursor", cursor)]))
    bundle: Json = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    if entries:
        bundle["entry"] = list(entries)
    return bundle


def _link(relation: str, base: str, path: str, query: list[tuple[str, str]]) -> dict[str, str]:
    return {"relation": relation, "url": f"{base}{path}?{urlencode(query)}"}


def _address(base: str, resource: Json) -> str:
    return f"{base}{resource['resourceType']}/{resource['id']}"
