"""Searchset Bundles: a page, with the links to itself and to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.http import urlencode

Link = dict[str, str]


def searchset(
    request: HttpRequest,
    resources: Sequence[dict[str, Any]],
    *,
    base: str,
    path: str,
    filters: Sequence[tuple[str, str]],
    count: int,
    cursor: str | None = None,
    total: int | None = None,
) -> dict[str, Any]:
    """``base`` as the client sees it, ending in a slash; ``filters`` those that were used, as FHIR wants to be told."""
    links = [_link("self", base, path, [*filters, ("_count", str(count))])]
    if cursor:
        links.append(_link("next", base, path, [*filters, ("_count", str(count)), ("_cursor", cursor)]))
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    if resources:
        bundle["entry"] = [_entry(base, resource) for resource in resources]
    return bundle


def _link(relation: str, base: str, path: str, query: list[tuple[str, str]]) -> Link:
    return {"relation": relation, "url": f"{base}{path}?{urlencode(query)}"}


def _entry(base: str, resource: dict[str, Any]) -> dict[str, Any]:
    where = f"{base}{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": where, "resource": resource, "search": {"mode": "match"}}
