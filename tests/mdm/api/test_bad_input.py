"""The bad input that interfaces send: each a problem that says what to do, never a 500."""

from __future__ import annotations

import datetime as dt
import gzip
import threading

import pytest
from django.test import Client
from django.utils import timezone

from mdm import feed, permissions
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


def test_a_body_of_another_type_or_none_names_the_one_to_send(api, gauze):
    for path in (BATCH, "/api/v1/items/match"):
        told = problem(api.generic("POST", path, b"a=1", content_type="application/x-www-form-urlencoded"))
        assert told["detail"].endswith("Send application/json, and say so in Content-Type.")
    told = api.generic("POST", "/fhir/ConceptMap/$translate", b"{}", content_type="text/plain").json()["issue"][0]
    assert "Send application/fhir+json" in told["details"]["text"]


@pytest.mark.parametrize("path", [BATCH, "/api/v1/items/match", "/fhir/ConceptMap/$translate"])
def test_a_compressed_body_is_refused_as_such(api, gauze, path):
    body = gzip.compress(b'{"code_system": "erp-item", "codes": ["AB 1"]}')
    answer = api.generic("POST", path, body, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer["Accept-Encoding"]) == (415, "identity")
    assert b"without Content-Encoding" in answer.content


def test_a_body_that_is_not_utf_8_or_not_there_is_said_to_be_so(api, gauze):
    for body, why in [(b'{"codes": "\xff"}', "not UTF-8: byte 12"), (b"  ", "There is no body"), (b"{", "is not JSON")]:
        assert why in problem(api.generic("POST", BATCH, body, content_type="application/json"))["detail"]


def test_a_byte_order_mark_is_passed_over(api, gauze):
    body = b'\xef\xbb\xbf{"code_system": "erp-item", "codes": ["AB 1"]}'
    assert api.generic("POST", BATCH, body, content_type="application/json").json()["found"] == 1


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"{LOOKUP}/AB%201", "GET, HEAD"),
        (BATCH, "POST"),
        ("/api/v1/search", "GET, HEAD, OPTIONS"),
        ("/fhir/Organization", "GET, HEAD"),
    ],
)
def test_another_method_is_refused_and_the_possible_ones_are_named(api, gauze, path, allowed):
    answer = api.delete(path)
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert f"Possible are {allowed}." in answer.content.decode()
    told = api.options(path)
    assert (told.status_code, told["Allow"], told.content) == (204, allowed, b"")


@pytest.mark.parametrize(
    "address",
    [f"{LOOKUP}/AB%201?to=ehr-item&to=erp-item", "/api/v1/items?limit=1&limit=2", "/api/v1/changes?after=1&after=2"],
)
def test_an_option_that_is_said_twice_is_refused(api, gauze, address):
    assert problem(api.get(address))["errors"][0]["detail"] == "It is said more than once. Say it once."


def test_a_word_that_is_no_choice_is_answered_with_the_choices(api, gauze):
    told = problem(api.get("/api/v1/items?status=Live"))["errors"][0]
    assert told["detail"].startswith("There is no Live. Choose one of: live,")


def test_a_misspelt_member_of_a_batch_is_answered_with_all_that_there_are(api, gauze):
    told = problem(batch(api, {"code_system": "erp-item", "codes": [], "target": "ehr-item"}))["errors"][0]
    assert told == {
        "pointer": "#/target",
        "detail": "Unknown. Known are: code_system, codes, to, as_of, known_at, uom, site.",
    }


def test_another_form_than_json_is_not_to_be_had_and_the_answer_says_what_is(api, gauze):
    told = problem(api.get("/api/v1/items", headers={"Accept": "application/xml"}))
    assert (told["status"], "answers in application/json" in told["detail"]) == (406, True)


def test_a_code_in_the_wrong_case_is_told_that_case_counts(api, gauze):
    assert "by upper and lower case" in problem(api.get("/api/v1/crosswalk/ehr-item/e-1"))["detail"]
    assert "case" not in problem(api.get(f"{LOOKUP}/ab%202"))["detail"]


def test_what_falls_out_of_a_code_when_it_is_read_does_no_harm(api, gauze):
    world.code_system("gtin", normaliser="gtin")
    outcomes = batch(api, {"code_system": "gtin", "codes": ["1\0002", "AB"]}).json()["outcomes"]
    assert [one["problem"]["status"] for one in outcomes] == [404, 422]
    assert "AB holds nothing that counts in a code of gtin" in outcomes[1]["problem"]["detail"]


def test_a_position_that_the_feed_has_not_come_to_is_refused(api, gauze):
    for address in ("/api/v1/changes?after=7", "/api/v1/changes/stream?after=7"):
        told = problem(api.get(address))
        assert (told["status"], told["last"]) == (409, 0)
        assert "Begin anew with an export" in told["detail"]


def test_who_finds_too_many_waiting_is_told_when_to_come_again(api, gauze, monkeypatch):
    monkeypatch.setattr("mdm.feed._slots", threading.BoundedSemaphore(1))
    with feed.waiting():
        answer = api.get("/api/v1/changes/stream")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_a_body_of_six_megabytes_is_refused(api, gauze):
    answer = batch(api, b'{"code_system": "erp-item", "codes": ["' + b"x" * 6_000_000 + b'"]}')
    assert problem(answer)["status"] == 413


def test_an_expired_token_is_refused_with_the_way_to_a_new_one(viewer, gauze):
    _, token = ApiKey.objects.issue(
        user=viewer, name="old", scopes=[permissions.LOOKUP], expires_at=timezone.now() - dt.timedelta(days=1)
    )
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(f"{LOOKUP}/AB%201")
    assert problem(answer)["status"] == 401
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_the_word_bearer_may_be_written_in_any_case(viewer, gauze):
    _, token = ApiKey.objects.issue(user=viewer, name="new", scopes=[permissions.LOOKUP])
    assert Client(headers={"Authorization": f"bearer {token}"}).get(f"{LOOKUP}/AB%201").status_code == 200


def test_a_key_without_the_scope_is_told_which_it_needs(api, gauze):
    told = problem(api.post("/api/v1/sources/erp-item/records", {"records": []}, content_type="application/json"))
    assert told["status"] == 403
    assert "permission submit_records" in told["detail"]
    assert "with that scope" in told["detail"]


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
