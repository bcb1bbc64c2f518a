"""Keyset pages: a cursor holds the last row's sort key, so page 1,000 costs no more than page 1 and skips nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core import signing
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from mdm.api.base import Strict

Row = TypeVar("Row")
MAX_LIMIT = 200


class PageQuery(Strict):
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=50, help_text="Results in a page.")
    cursor = serializers.CharField(required=False, help_text="`next` of the page before; with the same filters.")


def after(query: dict[str, Any], scope: str) -> list[Any] | None:
    """The sort key that the page follows, or None for the first page. Refuses a cursor of another list or filter."""
    if not (cursor := query.get("cursor")):
        return None
    try:
        key: list[Any] = signing.loads(cursor, salt=_salt(query, scope))
    except signing.BadSignature:
        raise ValidationError(
            {"cursor": "Not a cursor of this list with these filters. Start again without one."}
        ) from None
    return key


def page(
    rows: Sequence[Row], query: dict[str, Any], scope: str, key: Callable[[Row], list[Any]]
) -> tuple[Sequence[Row], str | None]:
    """The page, and the cursor of the next. ``rows`` holds one more than ``limit`` when there is more."""
    limit = query["limit"]
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], signing.dumps(key(rows[limit - 1]), salt=_salt(query, scope))


def _salt(query: dict[str, Any], scope: str) -> str:
    filters = sorted((name, str(value)) for name, value in query.items() if name not in {"cursor", "limit"})
    return f"concord.page:{scope}:{filters}"


def page_of(child: type[serializers.Serializer[Any]], name: str) -> type[serializers.Serializer[Any]]:
    """The documented shape of a page of ``child``."""
    fields = {
        "results": child(many=True),
        "next": serializers.CharField(allow_null=True, help_text="Cursor of the next page; null on the last."),
    }
    return type(name, (serializers.Serializer,), fields)
