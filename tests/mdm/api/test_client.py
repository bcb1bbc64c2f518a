"""The client in docs/ against the API: through the whole stack but the socket."""

from __future__ import annotations

import datetime as dt
import importlib.util
import sys
import time
from fractions import Fraction

import httpx
import pytest
from django.conf import settings

from mdm import permissions
from mdm.models import ApiKey
from sync.webhooks import sign
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.api.test_guide import place_events, through_django

spec = importlib.util.spec_from_file_location("concord_client", settings.BASE_DIR / "docs" / "concord_client.py")
concord_client = importlib.util.module_from_spec(spec)
sys.modules["concord_client"] = concord_client
spec.loader.exec_module(concord_client)


def client_of(user, *scopes, answer=through_django):
    _, token = ApiKey.objects.issue(user=user, name="client", scopes=list(scopes))
    return concord_client.Concord("http://localhost", token, transport=httpx.MockTransport(answer))


@pytest.fixture
def concord(db):
    user = world.user("erp-interface", "integration", "viewer")
    with client_of(user, permissions.LOOKUP, permissions.SUBMIT, permissions.VIEW) as client:
        yield client


@pytest.fixture
def catheter(db):
    record = world.golden("CATHETER FOLEY 16FR")
    world.packed(record, EA=1, BX=12)
    world.coded(record, world.code_system("erp-item"), "47/11 a", uom="BX")
    world.coded(record, world.code_system("ehr-item"), "E-1", uom="EA")
    return record


def test_a_code_is_looked_up_with_its_factor(concord, catheter):
    found = concord.lookup("erp-item", "47/11 a", to="ehr-item", as_of=dt.date(2026, 5, 3))
    assert found.id == catheter.public_id
    assert [(c.code, c.factor) for c in found.codes] == [("E-1", Fraction(12))]
    assert [c["code"] for c in concord.codes_of(found.id, to="erp-item")] == ["47/11 a"]


def test_many_codes_keep_their_order_and_their_problems(concord, catheter, monkeypatch):
    monkeypatch.setattr(concord_client, "BATCH", 2)
    found = concord.lookup_many("erp-item", ["nobody", "47/11 a", "47/11 a"], to="ehr-item")
    assert [getattr(one, "status", None) for one in found] == [404, "live", "live"]


def test_many_codes_and_records_are_asked_with_the_same_options_as_one(concord, catheter):
    options = {"to": "ehr-item", "uom": "EA", "as_of": dt.date(2026, 5, 3), "known_at": dt.datetime.now(dt.UTC)}
    one = concord.lookup("erp-item", "47/11 a", **options)
    assert concord.lookup_many("erp-item", ["47/11 a"], **options) == [one]
    assert [code["factor"] for code in concord.codes_of(one.id, **options)] == [str(one.codes[0].factor)] == ["1"]


def test_members_that_are_added_later_disturb_no_client():
    code = {"code": "1", "uom": "EA", "preferred": True, "factor": "1/12", "no_factor": None, "later": 1}
    lists = {"codes": [code], "substitutes": [], "replaces": []}
    plain = dict.fromkeys(("id", "name", "status", "domain", "uom", "redirected_from"), "x")
    found = concord_client.Found.of(plain | lists | {"later": 1})
    assert found.codes[0].factor == Fraction(1, 12)


def test_a_problem_is_raised_with_what_to_do(concord, catheter):
    with pytest.raises(concord_client.Problem, match="erp-item has no code") as raised:
        concord.lookup("erp-item", "nobody")
    assert raised.value.status == 404
    assert raised.value.request_id


def test_records_are_sent_and_changes_followed(concord):
    kit.code_system("erp")
    (outcome,) = concord.submit("erp-item", [{"code": "E1", "values": kit.CATHETER}])
    assert outcome["outcome"] == "created"
    place_events()
    (change,) = concord.changes(0, domain="item")
    assert (change.id, change.kind, change.ids) == (outcome["golden"], "created", (outcome["golden"],))


def test_what_was_turned_away_for_a_moment_is_sent_again_with_the_same_key(viewer, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    seen = []

    def answer(request):
        seen.append(request.headers.get("Idempotency-Key"))
        if len(seen) == 1:
            raise httpx.ConnectError("no")
        return httpx.Response(503 if len(seen) == 2 else 200, headers={"Retry-After": "1"}, json={"outcomes": []})

    with client_of(viewer, answer=answer) as client:
        assert client.submit("erp-item", []) == []
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_only_concord_s_own_fresh_messages_are_believed():
    secret, body, now = b"s" * 32, b"{}", int(time.time())
    told = "whsec_" + __import__("base64").b64encode(secret).decode()

    def headers(name="1", timestamp=now, signature=None):
        return {
            "webhook-id": name,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature or sign(secret, "1", timestamp, body),
        }

    assert concord_client.verified(told, headers(), body)
    assert concord_client.verified(told, headers(signature="v1,old " + sign(secret, "1", now, body)), body)
    assert not concord_client.verified(told, headers(name="2"), body)
    assert not concord_client.verified(told, headers(), b"{} ")
    assert not concord_client.verified(told, headers(timestamp=now - 3600), body)
