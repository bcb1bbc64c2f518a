"""The bad input that interfaces send: each a problem that says what to do, never a 500."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from mdm import permissions
from mdm.models import ApiKey
from tests.mdm.api import world

LOOKUP, BATCH = "/api/v1/crosswalk/erp-item", "/api/v1/crosswalk/batch"


@pytest.fixture
def gauze(db):
    record = world.golden("GAUZE")
    world.packed(record, EA=1, BX=12)
    world.coded(record, world.code_system("erp-item", normaliser="upper", kind="primary"), "AB 1", uom="BX")
    world.coded(record, world.code_system("ehr-item"), "E-1", uom="EA")
    return record


def batch(client, body):
    return client.post(BATCH, body, content_type="application/json")


def problem(answer) -> dict:
    assert 400 <= answer.status_code < 500, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["detail"]
    return told


def test_an_unknown_system_lists_the_known_ones(api, gauze):
    assert problem(api.get("/api/v1/crosswalk/sap/1"))["known"] == ["ehr-item", "erp-item"]


def test_an_unknown_code_names_its_system(api, gauze):
    assert "erp-item has no code" in problem(api.get(f"{LOOKUP}/nobody"))["detail"]


@pytest.mark.parametrize("code", ["ab%201", "%20AB%20%201%20", "aB%091"])
def test_case_and_spaces_count_as_the_system_says(api, gauze, code):
    assert api.get(f"{LOOKUP}/{code}").json()["id"] == gauze.public_id


def test_duplicate_codes_in_a_batch_each_have_their_outcome(api, gauze):
    outcomes = batch(api, {"code_system": "erp-item", "codes": ["AB 1", "ab 1", "AB 1"]}).json()["outcomes"]
    assert [one["found"] for one in outcomes] == [True] * 3


def test_nul_and_lone_surrogates_are_no_codes(api, gauze):
    told = batch(api, {"code_system": "erp-item", "codes": ["a\0b"]}).json()["outcomes"][0]["problem"]
    assert told["status"] == 422
    assert problem(
        api.post(BATCH, b'{"code_system": "erp-item", "codes": ["\\udfff"]}', content_type="application/json")
    )


@pytest.mark.parametrize("query", ["as_of=10000-01-01", "as_of=0000-01-01", "known_at=9999-12-31T23:59:59-14:00"])
def test_dates_out_of_range_are_refused(api, gauze, query):
    assert problem(api.get(f"{LOOKUP}/AB%201?{query}"))["errors"]


def test_dates_at_the_edge_of_the_calendar_are_answered(api, gauze):
    for day in ("0001-01-01", "9999-12-31"):
        assert api.get(f"{LOOKUP}/AB%201?as_of={day}").status_code == 200


def test_a_unit_that_nobody_knows_gives_a_reason_instead_of_a_factor(api, gauze):
    (code,) = api.get(f"{LOOKUP}/AB%201", {"to": "ehr-item", "uom": "BXX"}).json()["codes"]
    assert (code["factor"], "knows no unit BXX" in code["no_factor"], "BX (Box)" in code["no_factor"]) == (
        None,
        True,
        True,
    )
    assert problem(api.get(f"{LOOKUP}/AB%201", {"to": "ehr-item", "uom": "x" * 21}))["errors"]


def test_a_code_of_a_megabyte_is_refused(api, gauze):
    assert problem(api.get(f"{LOOKUP}/{'x' * 1_000_000}"))
    told = batch(api, {"code_system": "erp-item", "codes": ["x" * 1_000_000]}).json()["outcomes"][0]["problem"]
    assert told["status"] == 422


@pytest.mark.parametrize("path", [BATCH, "/api/v1/sources/erp-item/records"])
@pytest.mark.parametrize("body", [b"[" * 10_000, b'{"a":' * 10_000, b"[" * 10_000 + b"]" * 10_000])
def test_json_ten_thousand_levels_deep_is_refused(gauze, path, body):
    client = world.machine(world.user("both", "integration"), permissions.LOOKUP, permissions.SUBMIT)
    assert problem(client.post(path, body, content_type="application/json"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (BATCH, b'{"code_system": "erp-item", "codes": ["AB 1"], "codes": []}'),
        (BATCH, b'{"code_system": "erp-item", "codes": [{"a": 1, "a": 2}]}'),
        ("/api/v1/sources/erp-item/records", b'{"records": [], "records": []}'),
    ],
)
def test_json_that_says_one_name_twice_is_refused(gauze, path, body):
    client = world.machine(world.user("both", "integration"), permissions.LOOKUP, permissions.SUBMIT)
    assert "twice" in problem(client.post(path, body, content_type="application/json"))["detail"]


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_refused(api, gauze, media):
    told = problem(api.generic("POST", BATCH, b"{}", content_type=media))
    assert told["status"] == 415


def test_a_body_of_six_megabytes_is_refused(api, gauze):
    answer = batch(api, b'{"code_system": "erp-item", "codes": ["' + b"x" * 6_000_000 + b'"]}')
    assert problem(answer)["status"] == 413


def test_an_expired_token_is_refused_with_the_way_to_a_new_one(viewer, gauze):
    _, token = ApiKey.objects.issue(
        user=viewer, name="old", scopes=[permissions.LOOKUP], expires_at=timezone.now() - dt.timedelta(days=1)
    )
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(f"{LOOKUP}/AB%201")
    assert (problem(answer)["status"], answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("tamper", [lambda c: c[:-1], lambda c: "x" + c, lambda c: c.swapcase(), lambda c: "é"])
def test_a_cursor_that_was_tampered_with_is_refused(api, gauze, tamper):
    world.golden("GLOVE")
    cursor = api.get("/api/v1/items", {"limit": 1}).json()["next"]
    told = problem(api.get("/api/v1/items", {"limit": 1, "cursor": tamper(cursor)}))
    assert "Start again" in told["errors"][0]["detail"]


@pytest.mark.parametrize(
    "address", ["/api/v1/nothing", "/api/v1/items/%0Ax", "/api/v1/crosswalk/erp-item%0A/1", "/api/%00"]
)
def test_what_is_not_there_is_a_problem_too(api, gauze, address):
    assert problem(api.get(address))["status"] == 404


@pytest.mark.parametrize("address", [LOOKUP, "/api/v1/items", "/api/v1/search?q=x", "/api/v1/changes"])
def test_a_query_with_nul_in_it_is_answered_or_refused(api, gauze, address):
    joint = "&" if "?" in address else "?"
    for name in ("to", "name", "domain", "uom", "site", "cursor"):
        assert api.get(f"{address}{joint}{name}=%00").status_code in {400, 404, 422}
