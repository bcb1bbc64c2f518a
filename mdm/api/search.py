"""``/api/v1/search``: as you type, before you create."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import examples
from mdm.api.base import Strict, View
from mdm.models import DomainName, GoldenRecord
from mdm.search import LENGTH, STATUSES, Hit, search

MAX_LIMIT = 50


class SearchQuery(Strict):
    q = serializers.CharField(
        max_length=LENGTH,
        trim_whitespace=False,
        help_text="What was typed so far. The last word may be unfinished, unless a blank follows it.",
    )
    domain = serializers.ChoiceField(
        choices=DomainName.choices, required=False, default=None, allow_null=True, help_text="Left out: all."
    )
    status = serializers.ChoiceField(
        choices=GoldenRecord.Status.choices,
        required=False,
        default=None,
        allow_null=True,
        help_text="Left out: not merged.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=20, help_text="Results at most.")


class HitShape(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Public id. A merged record answers as its survivor.")
    domain = serializers.ChoiceField(choices=DomainName.choices)
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=GoldenRecord.Status.choices)
    score = serializers.FloatField(help_text="How much of the text it covers, 0 to 1.")
    why = serializers.CharField(help_text="What of the text was found.")


class SearchAnswer(serializers.Serializer[Any]):
    results = HitShape(many=True, help_text="Best first.")


class Search(View):
    """Records that a text may mean: words in any order, abbreviated, misspelt or unfinished, sizes in any unit, codes
    of any system, ids. Best first; drafts and retired records come after live ones that are as good.
    """

    permission = permissions.VIEW
    tag, operation = "Search", "search"
    query, answer = SearchQuery, SearchAnswer
    answer_example: ClassVar = {"results": [examples.HIT]}

    def get(self, request: Request) -> Response:
        query = SearchQuery.of_query(request)
        status = [query["status"]] if query["status"] else STATUSES
        hits = search(query["domain"], query["q"], limit=query["limit"], status=status)
        return Response({"results": [_show(hit) for hit in hits]})


def _show(hit: Hit) -> dict[str, Any]:
    shown = asdict(hit)
    return {"id": shown.pop("public_id"), **shown}


ROUTES = [path("search", Search.as_view(), name="search")]
