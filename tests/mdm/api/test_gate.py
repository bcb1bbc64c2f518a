"""What every request of the API meets: rate limits, ETags, headers, versions on their way out."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client, RequestFactory
from rest_framework.response import Response

from mdm import permissions, rates
from mdm.api.base import Deprecated, View
from mdm.models import ApiKey
from tests.mdm.api import world

LOOKUP = "/api/v1/crosswalk/erp-item/1"


@pytest.fixture
def glove(db):
    record = world.golden("GLOVE")
    world.coded(record, world.code_system("erp-item"), "1")
    return record


def test_a_key_is_told_its_allowance_and_refused_when_it_is_used_up(api, glove, settings, monkeypatch):
    settings.API_RATE = 2
    rates._buckets.clear()
    now = [100.0]
    monkeypatch.setattr("mdm.rates.time.monotonic", lambda: now[0])
    first = api.get(LOOKUP)
    assert first["RateLimit-Policy"] == '"key";q=2;w=60'
    assert first["RateLimit"].startswith('"key";r=1;t=')
    assert api.get(LOOKUP).status_code == 200
    refused = api.get(LOOKUP)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 31
    assert refused["RateLimit"].startswith('"key";r=0;')
    assert refused.json()["type"] == "urn:concord:problem:throttled"
    now[0] += 31
    assert api.get(LOOKUP).status_code == 200


def test_each_process_keeps_its_share_of_the_limit(api, glove, settings):
    settings.API_RATE, settings.API_RATE_SHARES = 100, 4
    rates._buckets.clear()
    assert api.get(LOOKUP)["RateLimit-Policy"] == '"key";q=25;w=60'


@pytest.mark.parametrize("address", [LOOKUP, "/api/v1/items", "/api/v1/changes"])
def test_an_answer_that_the_client_has_already_is_not_sent_again(api, glove, address):
    first = api.get(address)
    again = api.get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    weak = api.get(address, headers={"If-None-Match": f'"x", W/{first["ETag"]}'})
    assert weak.status_code == 304
    assert api.get(address, headers={"If-None-Match": '"x"'}).status_code == 200
    assert api.head(address)["ETag"] == first["ETag"]
    assert api.head(address, headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_a_request_with_a_key_needs_no_session_and_gets_no_cookie(api, glove, django_assert_num_queries):
    api.get(LOOKUP)
    with django_assert_num_queries(2):  # the lookup, and whether there are substitutes
        answer = api.get(LOOKUP)
    assert not answer.cookies
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Request-ID"]
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_request_with_a_key_over_plain_http_is_sent_to_https(viewer, settings):
    settings.SECURE_SSL_REDIRECT = True
    _, token = ApiKey.objects.issue(user=viewer, name="test", scopes=[permissions.LOOKUP])
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(LOOKUP)
    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{LOOKUP}")


def test_a_browser_s_session_still_needs_its_csrf_token(steward):
    client = Client(enforce_csrf_checks=True)
    client.force_login(steward)
    assert client.post("/api/v1/work-items/1/accept", {}, content_type="application/json").status_code == 403


def test_an_operation_that_will_go_says_so():
    class Old(View):
        authentication_classes = ()
        permission_classes = ()
        deprecated = Deprecated(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC))

        def get(self, request):
            return Response({})

    answer = Old.as_view()(RequestFactory().get("/"))
    assert answer["Deprecation"] == "@1767225600"
    assert answer["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert 'rel="deprecation"' in answer["Link"]
