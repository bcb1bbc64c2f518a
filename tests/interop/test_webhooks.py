"""Webhooks to and from the official library of Standard Webhooks, in processes of their own."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from mdm.models import User
from mdm.services import change, events, merge
from sync import webhooks
from sync.inbound import taking, tasks
from sync.models import InboundMessage, Webhook
from tests.interop import kit
from tests.mdm import kit as hospital
from tests.mdm.api import world
from tests.sync.inbound.messages import source

pytestmark = pytest.mark.django_db(transaction=True)
HERE = Path(__file__).parent
LIBRARY = "standardwebhooks==1.1.0"


class Receiver:
    """The counterpart, seen by its administrator and by somebody on the wire."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def state(self, **orders: Any) -> dict[str, Any]:
        """``secret``; ``answer``: to what comes next; ``effects``, ``got``."""
        found: dict[str, Any] = httpx.post(f"{self.url}/state", json=orders, trust_env=False).raise_for_status().json()
        return found

    def effects(self) -> list[list[str]]:
        """What each message did, however often it came: the last part of its type, and its subject."""
        return [[kind.rpartition(".")[2], subject] for (kind, subject), *_ in self.state()["effects"].values()]

    def replay(self, headers: dict[str, str], body: bytes) -> int:
        named = {name: value for name, value in headers.items() if name.startswith("webhook-")}
        return httpx.post(f"{self.url}/concord", content=body, headers=named, trust_env=False).status_code


@pytest.fixture(scope="module")
def python() -> Path:
    return kit.python_of("webhooks", LIBRARY)


@pytest.fixture(scope="module")
def serving(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    port, folder = kit.free_port(), tmp_path_factory.mktemp("receiver")
    with kit.serving([python, HERE / "webhook_receiver.py", str(port)], port=port, cwd=folder):
        yield Receiver(port)


@pytest.fixture
def receiver(serving: Receiver, settings: Any) -> Receiver:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1")]
    serving.state(secret="", answer=[], effects={}, got=[])
    return serving


@pytest.fixture
def interface() -> User:
    return world.user("erp-interface", "integration")


def subscribed(interface: User, receiver: Receiver) -> Webhook:
    hook, secret = webhooks.subscribe(url=f"{receiver.url}/concord", actor=interface, topics={"item": {}}, after=0)
    receiver.state(secret=secret)
    return hook


def deliver() -> int:
    """As if nothing had to wait any more."""
    events.sequence()
    Webhook.objects.update(due_at=None)
    return webhooks.deliver_due()


# ----------------------------------------------------------------------------------------------------- we send to them
def test_creations_updates_merges_and_retirements_are_verified_and_take_effect_in_order(interface, receiver):
    one, two = hospital.twins()
    subscribed(interface, receiver)
    deliver()
    change.override(golden=one, path="brand", value="Größe ✓", actor=hospital.steward(), reason="x")
    deliver()
    merge.merge(survivor=hospital.fresh(one), loser=two, actor=hospital.steward(), reason="One thing")
    deliver()
    change.retire(golden=hospital.fresh(one), actor=hospital.steward(), reason="No longer bought")
    deliver()
    told = receiver.effects()
    assert told[:3] == [["created", one.public_id], ["created", two.public_id], ["updated", one.public_id]]
    assert ([kind for kind, _ in told[3:]], told[-1][1]) == (["merged", "retired"], one.public_id)


def test_nothing_of_a_message_can_be_changed_on_its_way(interface, receiver):
    hospital.twins()
    subscribed(interface, receiver)
    deliver()
    first = receiver.state()["got"][0]
    headers, body = first["headers"], base64.b64decode(first["body"])
    changed = [
        (headers, body.replace(b"created", b"retired")),
        (headers | {"webhook-id": "another"}, body),
        (headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}, body),
        (headers | {"webhook-timestamp": str(int(time.time()) + 1)}, body),
        (headers | {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()}, body),
    ]
    assert [receiver.replay(*one) for one in changed] == [401] * len(changed)
    assert receiver.replay(headers, body) == 204, "what nobody changed is believed"
    assert len(receiver.effects()) == 2, "and known by its id"


@pytest.mark.parametrize("answer", [500, 429, "lost"])
def test_what_was_not_answered_is_sent_again_under_its_id_and_takes_effect_once(interface, receiver, answer):
    one, two = hospital.twins()
    hook = subscribed(interface, receiver)
    receiver.state(answer=[answer])
    assert deliver() == 0
    hook.refresh_from_db()
    assert hook.attempts == 1
    assert deliver() == 2
    ids = [got["headers"]["webhook-id"] for got in receiver.state()["got"]]
    assert ids[0] == ids[1] != ids[2]
    assert receiver.effects() == [["created", one.public_id], ["created", two.public_id]]


def test_a_receiver_that_is_gone_is_left_alone_and_misses_nothing_when_it_comes_back(interface, receiver):
    one, two = hospital.twins()
    hook = subscribed(interface, receiver)
    receiver.state(answer=[410])
    assert [deliver(), deliver()] == [0, 0]
    hook.refresh_from_db()
    assert (hook.active, len(receiver.state()["got"])) == (False, 1)
    webhooks.resume(webhook=hook, actor=interface)
    assert deliver() == 2
    assert receiver.effects() == [["created", one.public_id], ["created", two.public_id]]


def test_a_receiver_with_another_secret_believes_nothing_until_it_has_ours(interface, receiver):
    hospital.twins()
    hook = subscribed(interface, receiver)
    right = receiver.state()["secret"]
    receiver.state(secret="whsec_" + base64.b64encode(bytes(32)).decode())
    assert deliver() == 0
    hook.refresh_from_db()
    assert (hook.last_status, hook.active) == (401, True)
    receiver.state(secret=right)
    assert deliver() == 2


def test_a_receiver_that_was_away_is_served_from_where_it_was(interface, receiver, python, tmp_path):
    hospital.twins()
    hook = subscribed(interface, receiver)
    secret, port = receiver.state()["secret"], kit.free_port()
    Webhook.objects.update(url=f"http://127.0.0.1:{port}/concord")
    assert deliver() == 0
    hook.refresh_from_db()
    assert hook.last_error == "ConnectError"
    with kit.serving([python, HERE / "webhook_receiver.py", str(port)], port=port, cwd=tmp_path):
        there = Receiver(port)
        there.state(secret=secret)
        assert deliver() == 2
        assert len(there.effects()) == 2


# ----------------------------------------------------------------------------------------------------- they send to us
PLACE = "/api/v1/inbound/erp/webhook"
BODY = '{"id": "e", "type": "item.changed", "data": {"sku": "A-1", "title": "Needle, spinal, 22 G – größer"}}'
PROFILE = {"domain": "item", "records": "data", "fields": {"$code": "sku", "description": "title"}}
OURS, OLDER = ("whsec_" + base64.b64encode(bytes([n]) * 25).decode() for n in (1, 2))  # of a length that is padded


def signed(python: Path, *messages: tuple[str, str, str]) -> list[dict[str, str]]:
    """The headers that their library gives to (secret, id, body)."""
    given = json.dumps([dict(zip(("secret", "id", "body"), one, strict=True)) for one in messages])
    command = [python, HERE / "webhook_signer.py"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def posted(headers: dict[str, str], body: str = BODY) -> int:
    return Client().post(PLACE, body, content_type="application/json", headers=headers).status_code


@pytest.mark.parametrize("padded", [True, False])
def test_what_their_library_signs_becomes_a_golden_record_once(python, monkeypatch, padded):
    monkeypatch.setattr(tasks.take_messages, "delay", lambda pk: None)
    secrets = {"now": OURS if padded else OURS.rstrip("="), "before": OLDER}
    erp = source("erp", way="webhook", format="json", profile=PROFILE, secrets=secrets)
    first, older, stranger = signed(
        python, (OURS, "m1", BODY), (OLDER, "m2", BODY), ("whsec_" + "A" * 32, "m3", BODY)
    )  # fmt: skip
    assert [posted(first), posted(first), posted(older)] == [202, 202, 202]
    assert [posted(stranger), posted(first, BODY.replace("22", "25")), posted(first | {"webhook-id": "m4"})] == [
        401
    ] * 3
    taking.take(erp)
    assert InboundMessage.objects.count() == 2
    assert hospital.golden("erp", "A-1").name == "Needle, spinal, 22 G – größer"
