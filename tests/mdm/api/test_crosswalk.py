"""The lookup over HTTP: one code, and batches."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from mdm import permissions
from mdm.api import crosswalk
from tests.mdm.api import world

BATCH = "/api/v1/crosswalk/batch"


@pytest.fixture
def catheter(db):
    record = world.golden("CATHETER FOLEY 16FR")
    world.coded(record, world.code_system("erp-item"), "4711", uom="BX")
    world.coded(record, world.code_system("ehr-item"), "E-1", uom="EA")
    world.packed(record, EA=1, BX=12)
    return record


def post(client: Client, body, **options):
    return client.post(BATCH, body, content_type="application/json", **options)


def test_a_code_is_translated(api, catheter):
    answer = api.get("/api/v1/crosswalk/erp-item/4711", {"to": "ehr-item"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["id"] == catheter.public_id
    assert body["codes"] == [{"code": "E-1", "uom": "EA", "preferred": True, "factor": "12", "no_factor": None}]
    assert set(body) == {
        "code_system", "code", "uom", "valid_from", "valid_to", "id", "domain", "status", "name",
        "redirected_from", "to", "codes", "substitutes", "replaces",
    }  # fmt: skip


@pytest.fixture
def substitutes_known(monkeypatch):
    """As outside a test's transaction: the process remembers which items have substitutes."""
    monkeypatch.setattr("mdm.substitutes.involved", frozenset)


@pytest.mark.usefixtures("substitutes_known")
def test_a_lookup_with_a_known_key_takes_one_query_and_two_more_to_convert(api, catheter, django_assert_num_queries):
    world.coded(catheter, world.code_system("scm-item"), "S-1", uom="Each")
    api.get("/api/v1/crosswalk/erp-item/4711")
    with django_assert_num_queries(1):
        assert api.get("/api/v1/crosswalk/scm-item/S-1", {"to": "ehr-item"}).json()["codes"][0]["factor"] == "1"
    with django_assert_num_queries(3):
        assert api.get("/api/v1/crosswalk/erp-item/4711", {"to": "ehr-item"}).status_code == 200


def test_a_code_may_hold_slashes_and_spaces(api, catheter):
    world.coded(catheter, world.code_system("vendor"), "A/B 12")
    assert api.get("/api/v1/crosswalk/vendor/A/B%2012").json()["id"] == catheter.public_id


def test_an_unknown_code_is_a_problem_that_names_the_system_that_has_it(api, catheter):
    answer = api.get("/api/v1/crosswalk/ehr-item/4711")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:concord:problem:unknown-code"
    assert problem["known_in"] == ["erp-item"]
    assert problem["request_id"] == answer["X-Request-ID"]


def test_a_shared_code_of_several_records_is_409_with_the_candidates(api):
    npi = world.code_system("npi", "location", unique=False)
    sites = [world.golden(name, "location") for name in ("NORTH", "SOUTH")]
    for site in sites:
        world.coded(site, npi, "1234567893")
    answer = api.get("/api/v1/crosswalk/npi/1234567893")
    assert answer.status_code == 409
    assert answer.json()["candidates"] == sorted(site.public_id for site in sites)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("to=nowhere", 404),
        ("as_of=03.05.2026", 400),
        ("as_of=20260230", 400),
        ("known_at=2026-05-03T12:00:00", 400),
        ("known_at=yesterday", 400),
        ("known_at=0001-01-01T00:00:00%2B14:00", 400),
        ("asof=2026-05-03", 400),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api, catheter, query, status):
    answer = api.get(f"/api/v1/crosswalk/erp-item/4711?{query}")
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("code", ["%00", "x" * 121, "%20", "%ED%A0%80"])
def test_what_can_be_no_code_is_refused(api, catheter, code):
    assert api.get(f"/api/v1/crosswalk/erp-item/{code}").status_code in {404, 422}


def test_a_batch_answers_each_code_in_order(api, catheter):
    answer = post(api, {"code_system": "erp-item", "to": "ehr-item", "codes": ["nobody", "4711", "4711", 5]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["found"] == 2
    assert [(o["code"], o["found"]) for o in body["outcomes"]] == [
        ("nobody", False), ("4711", True), ("4711", True), (5, False),
    ]  # fmt: skip
    assert body["outcomes"][0]["problem"]["status"] == 404
    assert body["outcomes"][1]["result"]["codes"][0]["code"] == "E-1"


@pytest.mark.usefixtures("substitutes_known")
def test_ten_thousand_codes_take_one_query_and_one_more_are_refused(api, catheter, django_assert_num_queries):
    post(api, {"code_system": "erp-item", "codes": []})
    with django_assert_num_queries(1):
        assert post(api, {"code_system": "erp-item", "codes": ["4711"] * 10_000}).json()["found"] == 10_000
    refused = post(api, {"code_system": "erp-item", "codes": ["4711"] * 10_001})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"pointer": "#/codes", "detail": "At most 10,000 codes at once; these are 10,001."}
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"null", b"NaN", b'{"codes": ["1"]}', b'{"code_system": "erp-item"}',
        b'{"code_system": 5, "codes": []}', b'{"code_system": "erp-item", "codes": "1"}',
        b'{"code_system": "erp-item", "codes": ["\\ud800"]}', b'{"code_system": "erp-item", "codes": [], "x": 1}',
        b"[" * 10_000,
    ],
)  # fmt: skip
def test_a_body_that_makes_no_sense_is_refused(api, catheter, body):
    answer = post(api, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_only_json_is_read(api, catheter):
    assert api.post(BATCH, {"codes": "1"}).status_code == 415


def test_another_method_is_refused(api, catheter):
    assert api.delete("/api/v1/crosswalk/erp-item/4711").status_code == 405
    assert api.get("/api/v1/crosswalk/erp-item/").status_code == 404


def test_a_key_without_the_scope_is_refused(viewer, catheter):
    answer = world.machine(viewer, permissions.VIEW).get("/api/v1/crosswalk/erp-item/4711")
    assert answer.status_code == 403
    assert answer.json()["permission"] == permissions.LOOKUP


@pytest.mark.parametrize(
    "path",
    ["erp-item/4711", "erp/a/b//c", "erp/", "erp", "/4711", "batch", "periods", "batch/1", "a b/%2F", "x/a\nb"],
)
def test_the_short_way_to_a_lookup_ends_where_the_resolver_would(path):
    address = f"/api/v1/crosswalk/{path}"
    short = crosswalk.route(address)
    try:
        long = resolve(address)
    except Resolver404:
        long = None
    if short is None:
        assert long is None or long.view_name != "api:v1:crosswalk-lookup"
    else:
        assert long is not None
        assert (short.func, short.kwargs, short.view_name) == (long.func, long.kwargs, long.view_name)
