"""Messages over HTTP: with an API key, or signed."""

from __future__ import annotations

import base64
import json
import time

import pytest
from django.test import Client

from mdm import permissions
from mdm.exceptions import InvalidValue
from sync.inbound import signatures, taking, tasks
from sync.models import InboundMessage
from sync.webhooks import sign
from tests.mdm import kit
from tests.mdm.api import world
from tests.sync.inbound.messages import M16, hl7, source

pytestmark = pytest.mark.django_db

PLACE = "/api/v1/inbound/ehr/hl7v2"
HOOK = "/api/v1/inbound/erp/webhook"
OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2))
BODY = (
    b'{"id": "evt-1", "type": "item.changed", "data": {"sku": "A-1", "title": "Needle, spinal, 22 G", "state": "live"}}'
)
MAPPED = {
    "domain": "item",
    "records": "data",
    "fields": {"$code": "sku", "description": "title"},
    "retired": {"state": ["gone"]},
}


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(tasks.take_messages, "delay", calls.append)
    return calls


@pytest.fixture
def client() -> Client:
    return world.machine(world.user("ehr-if", "integration"), permissions.SUBMIT)


def post(client: Client, body: bytes, place: str = PLACE, **headers: str):
    return client.post(place, body, content_type="application/hl7-v2", headers=headers)


def test_a_message_is_kept_then_taken_and_told_record_by_record(client):
    ehr = source()
    answer = post(client, hl7(M16))
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["id"]) == ("received", "01J0X1")
    taking.take(ehr)
    told = client.get(answer["Location"]).json()
    assert (told["state"], told["landed"]) == ("done", 2)
    assert [r["outcome"] for r in told["records"]] == ["new", "new"]
    assert told["records"][0]["golden"] == kit.golden("ehr", "ITM-1").public_id


def test_repeating_is_harmless_with_and_without_an_idempotency_key(client):
    source()
    first = post(client, hl7(M16), **{"Idempotency-Key": "k1"})
    again = post(client, hl7(M16), **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (202, first.json())
    assert post(client, hl7(M16)).json()["repeated"]
    assert InboundMessage.objects.count() == 1


def test_only_sources_of_this_way_and_format_are_there(client):
    source()
    source("lab", way="mllp")
    assert post(client, b"x", "/api/v1/inbound/ehr/json").status_code == 404
    assert "takes hl7v2" in post(client, b"x", "/api/v1/inbound/ehr/json").json()["detail"]
    assert post(client, b"x", "/api/v1/inbound/lab/hl7v2").status_code == 404
    assert post(client, b"x", "/api/v1/inbound/none/hl7v2").status_code == 404


def test_what_is_empty_or_too_large_is_not_kept(client):
    source(config={"largest": 100})
    assert post(client, b"").status_code == 422
    assert post(client, hl7(M16)).status_code == 413
    assert not InboundMessage.objects.exists()


def test_a_batch_is_not_taken_for_one_message(client):
    source()
    answer = post(client, hl7(M16) + hl7(M16))
    assert (answer.status_code, "by MLLP or SFTP" in answer.content.decode()) == (422, True)
    assert not InboundMessage.objects.exists()


def test_messages_of_others_are_not_shown(client):
    source()
    place = post(client, hl7(M16))["Location"]
    other = world.machine(world.user("other", "integration"), permissions.SUBMIT)
    assert other.get(place).status_code == 404


def test_a_fhir_bundle_becomes_golden_records(client):
    ehr = source(format="fhir")
    place = {"resourceType": "Location", "id": "4E", "name": "4 East", "status": "active"}
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "id": "b1", "entry": [{"resource": place}]})
    assert post(client, body.encode(), "/api/v1/inbound/ehr/fhir").json()["id"] == "b1"
    taking.take(ehr)
    assert kit.golden("ehr", "4E", "location").name == "4 East"


def test_a_key_that_may_not_submit_is_refused():
    source()
    client = world.machine(world.user("reader", "integration"), permissions.LOOKUP)
    assert post(client, hl7(M16)).status_code == 403


# ------------------------------------------------------------------------------------------------------------- signed
def hook(**options):
    return source("erp", way="webhook", format="json", profile=MAPPED, secrets=options.pop("secrets", {"now": NEW}))


def signed(body: bytes = BODY, *, secret: str = NEW, name: str = "msg_1", at: float = 0, **changed: str):
    stamp = int(time.time() + at)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(signatures.key_of(secret), name, stamp, body),
    }
    return post(Client(), body, HOOK, **{**headers, **changed})


def test_the_test_vector_of_standard_webhooks_is_accepted(monkeypatch):
    monkeypatch.setattr("sync.inbound.signatures.time.time", lambda: 1614265330)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    name = signatures.verify(headers, b'{"test": 2432232314}', secrets=secrets, tolerance=300)
    assert name == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_a_signed_webhook_becomes_a_golden_record():
    erp = hook()
    answer = signed()
    assert (answer.status_code, answer.json()["id"]) == (202, "msg_1")
    taking.take(erp)
    assert kit.golden("erp", "A-1").name == "Needle, spinal, 22 G"
    assert signed().json()["repeated"]
    signed(BODY.replace(b"live", b"gone"), name="msg_2")
    taking.take(erp)
    assert kit.source("erp", "A-1").state == "retired"


def test_a_secret_can_be_replaced_without_a_message_lost():
    hook(secrets={"now": NEW, "before": OLD})
    assert [signed(secret=one, name=one[-6:]).status_code for one in (OLD, NEW)] == [202, 202]
    stamp = str(int(time.time()))
    both = " ".join(sign(signatures.key_of(one), "m3", int(stamp), BODY) for one in (OLD, NEW))
    answer = signed(name="m3", **{"webhook-timestamp": stamp, "webhook-signature": f"v1a,x {both}"})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": OLD},
        {"at": -301},
        {"at": 301},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "x"},
    ],
)
def test_what_is_not_signed_or_old_is_refused_and_not_kept(wrong):
    hook()
    answer = signed(**wrong)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:concord:problem:bad-signature"
    assert not InboundMessage.objects.exists()


def test_a_secret_may_come_without_its_padding():
    secret = "whsec_" + base64.b64encode(bytes(25)).decode()
    assert signatures.key_of(secret) == signatures.key_of(secret.rstrip("=")) == bytes(25)


def test_a_source_that_there_is_not_looks_like_a_bad_signature():
    assert signed().status_code == 401


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_secret_that_protects_nothing_is_refused(secret):
    with pytest.raises(InvalidValue):
        hook(secrets={"now": secret})
