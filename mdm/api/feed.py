"""``/api/v1/changes``: the change feed by asking, by waiting, and as a stream of server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import feed, permissions
from mdm.api import examples
from mdm.api.base import DirectView, Strict, View, once
from mdm.api.json import dumps
from mdm.models import ChangeEvent, DomainName

LAST = 2**63 - 1
LONGEST = 25  # seconds that a request may wait: proxies give up after 30
STREAM_SECONDS = 300  # then the client connects again and goes on from its Last-Event-ID


class FeedQuery(Strict):
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=0, help_text="The position you have read."
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200, help_text="Changes in an answer.")
    domain = serializers.ChoiceField(choices=DomainName.choices, required=False, help_text="Left out: all.")
    wait = serializers.IntegerField(
        min_value=0, max_value=LONGEST, default=0, help_text="Seconds to wait for changes where there are none."
    )


class ChangeShape(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    id = serializers.CharField(help_text="Public id of the golden record.")
    ids = serializers.ListField(
        child=serializers.CharField(),
        help_text="All records that it is about: of a merge, both sides and whatever led there.",
    )
    domain = serializers.ChoiceField(choices=DomainName.choices)
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ChangeEvent.Kind.choices)
    changed = serializers.ListField(child=serializers.CharField())
    merged_into = serializers.CharField(allow_null=True, help_text="The survivor, as of now.")
    change_id = serializers.UUIDField(help_text="Shared by everything that one action changed.")
    recorded_at = serializers.DateTimeField()


class Feed(serializers.Serializer[Any]):
    changes = ChangeShape(many=True)
    position = serializers.IntegerField(help_text="Send it as `after` next time.")
    more = serializers.BooleanField(help_text="There is more to read already.")


class ChangeFeed(View):
    """Changes of published records in the order of their commits, without gaps. Store `position`, and ask again; with
    `wait` the answer comes as soon as there is one.
    """

    permission = permissions.VIEW
    tag, operation = "Changes", "changes_feed"
    query, answer, answer_example = FeedQuery, Feed, examples.FEED

    def get(self, request: Request) -> Response:
        query = FeedQuery.of_query(request)
        changes, position, more = feed.wait(
            query["after"], seconds=query["wait"], limit=query["limit"], domain=query.get("domain")
        )
        return Response({"changes": changes, "position": position, "more": more})


class StreamQuery(Strict):
    after = serializers.IntegerField(
        min_value=0,
        max_value=2**63 - 1,
        default=0,
        help_text="The position you have read; `Last-Event-ID` goes before.",
    )
    domain = serializers.ChoiceField(choices=DomainName.choices, required=False, help_text="Left out: all.")


class ChangeStream(DirectView):
    """The change feed as server-sent events: `id` is the position, `data` a change. It ends after some minutes; clients
    connect again with `Last-Event-ID`, as browsers do by themselves.
    """

    http_method_names = ["get"]
    permission = permissions.VIEW
    tag, operation, media = "Changes", "changes_stream", "text/event-stream"
    query = StreamQuery

    def get(self, request: HttpRequest) -> HttpResponseBase:
        given = once(request.GET)
        if (last := request.META.get("HTTP_LAST_EVENT_ID")) is not None:
            given["after"] = last
        query = StreamQuery.checked(given)
        feed.check(query["after"])
        place = ExitStack()
        place.enter_context(feed.waiting())
        response = StreamingHttpResponse(
            _Held(place, _events(query["after"], query.get("domain"))), content_type="text/event-stream"
        )
        response["X-Accel-Buffering"] = "no"
        return response


class _Held:
    """Events that give back their place when they are over or the response is closed, though none was ever asked for:
    a generator that hasn't begun runs no ``finally``.
    """

    def __init__(self, place: ExitStack, events: Iterator[bytes]) -> None:
        self._place, self._events = place, events

    def __iter__(self) -> Iterator[bytes]:
        with self._place:
            yield from self._events

    def close(self) -> None:
        self._place.close()


def _events(after: int, domain: str | None) -> Iterator[bytes]:
    yield b"retry: 2000\n\n"
    for change in feed.follow(after, seconds=STREAM_SECONDS, domain=domain):
        if change is None:
            yield b": still here\n\n"
        else:
            kind = f"{change['domain']}.{change['kind']}".encode()
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (change["position"], kind, dumps(change))


ROUTES = [
    path("changes", ChangeFeed.as_view(), name="changes"),
    path("changes/stream", ChangeStream.as_view(), name="changes-stream"),
]
