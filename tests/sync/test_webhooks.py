"""Webhooks: signed CloudEvents, in order, at least once, to a receiver on a real socket."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from mdm import permissions
from mdm.exceptions import Forbidden, InvalidValue
from mdm.models import AuditEntry, ChangeEvent, StoredAnswer, User
from mdm.services import change, events, merge
from sync import webhooks
from sync.inbound import signatures
from sync.models import Webhook
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db(transaction=True)


class Receiver:
    """Answers what it is told to, 204 after that, and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.pause = 0.0  # seconds before each answer
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                time.sleep(receiver.pause)
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/concord"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self) -> list[tuple[str, str]]:
        return [(message["type"], message["subject"]) for message in map(json.loads, (body for _, body in self.got))]


def running(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1")]
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


receiver, other = pytest.fixture(running, name="receiver"), pytest.fixture(running, name="other")


@pytest.fixture
def interface():
    return world.user("erp-interface", "integration")


def last_position() -> int:
    return ChangeEvent.objects.latest("position").position


def subscribed(interface, receiver, **options) -> tuple[Webhook, str]:
    return webhooks.subscribe(url=receiver.url, actor=interface, **{"topics": {"item": {}}, "after": 0} | options)


def test_a_message_is_a_cloud_event_signed_as_standard_webhooks_say(interface, receiver):
    one, _ = kit.twins()
    events.sequence()
    _, secret = subscribed(interface, receiver)
    assert webhooks.deliver_due() == 2
    headers, body = receiver.got[0]
    message = json.loads(body)
    assert headers["content-type"] == "application/cloudevents+json"
    assert (message["specversion"], message["type"], message["subject"]) == (
        "1.0",
        "org.concord.item.created",
        one.public_id,
    )
    assert (message["id"], message["data"]["id"]) == (headers["webhook-id"], one.public_id)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert webhooks.deliver_due() == 0


def is_signed_by(secret: str, message: tuple[dict[str, str], bytes]) -> bool:
    headers, body = message
    try:
        return signatures.verify(headers, body, secrets=[secret], tolerance=60) == headers["webhook-id"]
    except signatures.BadSignature:
        return False


def test_a_rotated_secret_signs_beside_the_new_one_until_its_time_is_over(interface, receiver):
    kit.twins()
    events.sequence()
    hook, first = subscribed(interface, receiver)
    _, second = webhooks.rotate(webhook=hook, actor=interface, hours=2)
    webhooks.deliver_due()
    assert [is_signed_by(secret, receiver.got[0]) for secret in (first, second)] == [True, True]
    hook.refresh_from_db()
    hook.give_secret(hook.secrets[0], now=timezone.now() - dt.timedelta(hours=2), hours=2)
    hook.position = 0
    hook.save()
    webhooks.deliver_due()
    assert [is_signed_by(secret, receiver.got[-1]) for secret in (first, second)] == [False, True]
    entry = AuditEntry.objects.get(action="webhook.rotated")
    assert (entry.actor, entry.object_id) == (interface, str(hook.pk))
    assert second not in str(entry.after)


def test_a_leaked_secret_signs_nothing_more_and_only_the_last_one_outlives_a_rotation(interface, receiver):
    kit.twins()
    events.sequence()
    hook, first = subscribed(interface, receiver)
    secrets = [first, *(webhooks.rotate(webhook=hook, actor=interface, hours=hours)[1] for hours in (5, 5, 0))]
    webhooks.deliver_due()
    assert [is_signed_by(secret, receiver.got[0]) for secret in secrets] == [False, False, False, True]
    with pytest.raises(InvalidValue):
        webhooks.rotate(webhook=hook, actor=interface, hours=1000)
    with pytest.raises(Forbidden):
        webhooks.rotate(webhook=hook, actor=kit.steward())


def test_an_interface_rotates_its_own_secret_by_the_api(interface, receiver):
    hook, first = subscribed(interface, receiver)
    client, path = world.machine(interface, permissions.SUBSCRIBE), f"/api/v1/webhooks/{hook.pk}/secret"
    answer = client.post(path, {"hours": 1}, content_type="application/json").json()
    assert answer["secret"] != first
    assert answer["old_secret_until"]
    assert client.post(path, {"hours": 169}, content_type="application/json").status_code == 400
    stranger = world.machine(world.user("other", "integration"), permissions.SUBSCRIBE)
    assert stranger.post(path, {}, content_type="application/json").status_code == 404


def test_what_was_refused_is_sent_again_with_the_same_id_and_nothing_overtakes_it(interface, receiver):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver)
    receiver.answers = [(500, {})]
    assert webhooks.deliver_due() == 0
    hook.refresh_from_db()
    assert (hook.position, hook.attempts, hook.last_error) == (0, 1, "HTTP 500")
    assert hook.due_at > timezone.now()
    assert webhooks.deliver_due() == 0
    Webhook.objects.update(due_at=None)
    assert webhooks.deliver_due() == 2
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert ids[0] == ids[1] != ids[2]


def test_a_receiver_may_say_how_long_to_wait_and_that_it_is_gone(interface, receiver):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver)
    receiver.answers = [(429, {"Retry-After": "3600"}), (410, {})]
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert 3500 < (hook.due_at - timezone.now()).total_seconds() <= 3600
    webhooks.resume(webhook=hook, actor=interface)
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert (hook.active, hook.last_status) == (False, 410)
    assert webhooks.deliver_due() == 0
    webhooks.resume(webhook=hook, actor=interface)
    assert webhooks.deliver_due() == 2


def test_a_receiver_may_say_until_when_to_wait(interface, receiver):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver)
    receiver.answers = [(503, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"})]  # a day is the most
    webhooks.deliver_due()
    hook.refresh_from_db()
    assert dt.timedelta(hours=23) < hook.due_at - timezone.now() <= dt.timedelta(days=1)


def test_a_webhook_whose_secret_can_not_be_opened_keeps_none_waiting(interface, receiver, other):
    kit.twins()
    events.sequence()
    broken, _ = subscribed(interface, receiver)
    subscribed(interface, other)
    Webhook.objects.filter(pk=broken.pk).update(sealed_secret=b"of another SECRET_KEY")
    assert webhooks.deliver_due() == len(other.got) == 2
    broken.refresh_from_db()
    assert (receiver.got, broken.last_error, broken.position) == ([], "SealBroken", 0)


def test_a_receiver_that_can_not_be_reached_is_tried_again(interface, receiver):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver)
    Webhook.objects.update(url="http://127.0.0.1:1/nobody")
    assert webhooks.deliver_due() == 0
    hook.refresh_from_db()
    assert (hook.attempts, hook.last_error) == (1, "ConnectError")


def test_nothing_is_sent_to_where_a_name_may_not_lead(interface, receiver, settings):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver)
    settings.WEBHOOK_NETWORKS = []
    for host in ("localhost", "127.0.0.1"):
        Webhook.objects.update(url=receiver.url.replace("127.0.0.1", host), due_at=None)
        assert webhooks.deliver_due() == 0
        hook.refresh_from_db()
        assert hook.last_error == "AddressRefused"
    assert receiver.got == []


def test_a_redirect_is_not_followed(interface, receiver):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver)
    receiver.answers = [(307, {"Location": receiver.url})]
    assert webhooks.deliver_due() == 0
    hook.refresh_from_db()
    assert (len(receiver.got), hook.last_error) == (1, "HTTP 307")


def test_a_slow_receiver_has_its_time_and_goes_on_after_the_others(interface, receiver, other, monkeypatch):
    kit.twins()
    events.sequence()
    slow, _ = subscribed(interface, receiver)
    receiver.pause = other.pause = 0.2
    monkeypatch.setattr(webhooks, "SECONDS", 0.1)
    assert webhooks.deliver_due() == 1
    slow.refresh_from_db()
    assert (slow.position, slow.lease) == (last_position() - 1, None)
    subscribed(interface, other)
    monkeypatch.setattr(webhooks, "TOGETHER", 0.1)
    webhooks.deliver_due()
    assert (len(other.got), len(receiver.got)) == (1, 1)


def test_a_merge_is_one_message_that_names_both(interface, receiver):
    one, two = kit.twins()
    events.sequence()
    subscribed(interface, receiver, kinds=["merged", "unmerged"], after=None)
    merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
    change.override(golden=kit.golden("erp", "E1"), path="brand", value="X", actor=kit.steward(), reason="x")
    events.sequence()
    assert webhooks.deliver_due() == 1
    message = json.loads(receiver.got[0][1])
    assert message["type"] == "org.concord.item.merged"
    assert sorted(message["data"]["ids"]) == sorted([one.public_id, two.public_id])


def test_only_the_records_that_are_wanted_are_told_of(interface, receiver):
    one, _ = kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver, topics={"item": {"manufacturer": ["Halden Medical Inc"]}, "supplier": {}})
    webhooks.deliver_due()
    assert receiver.told() == [("org.concord.item.created", one.public_id)]
    hook.refresh_from_db()
    assert hook.position == last_position()


def test_who_asks_is_told_of_codes_without_a_counterpart(interface, receiver):
    one, _ = kit.twins()
    kit.code_system("ehr")
    events.sequence()
    subscribed(interface, receiver, kinds=["unmapped"], codes_of="erp-item", codes_in="ehr-item")
    webhooks.deliver_due()
    assert receiver.told() == [("org.concord.item.unmapped", one.public_id)]
    data = json.loads(receiver.got[0][1])["data"]
    assert (data["code_system"], data["codes"], data["to"]) == ("erp-item", ["E1"], "ehr-item")


def test_a_webhook_is_served_by_one_worker_at_a_time(interface, receiver):
    kit.twins()
    events.sequence()
    subscribed(interface, receiver)
    sent = kit.in_threads(webhooks.deliver_due, webhooks.deliver_due)
    assert sorted(sent) == [0, 2]
    assert len(receiver.got) == 2


def test_it_begins_with_what_comes_now_unless_it_says_after_what(interface, receiver):
    kit.twins()
    events.sequence()
    hook, _ = subscribed(interface, receiver, after=None)
    assert hook.position == last_position()
    assert webhooks.deliver_due() == 0


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://example.org"},
        {"url": "https://user@example.org/"},
        {"url": "http://169.254.169.254/latest/"},
        {"url": "http://[::ffff:127.0.0.2]/"},
        {"kinds": ["nonsense"]},
        {"kinds": ["unmapped"]},
        {"codes_of": "erp-item"},
    ],
)
def test_what_makes_no_sense_is_refused(interface, receiver, options):
    with pytest.raises(InvalidValue):
        webhooks.subscribe(**{"url": receiver.url, "topics": {"item": {}}, "actor": interface} | options)


def test_plain_http_is_refused_where_concord_itself_is_on_https(interface, receiver, settings):
    settings.HTTPS = True
    with pytest.raises(InvalidValue):
        subscribed(interface, receiver)


def test_subscribing_needs_its_permission(receiver):
    with pytest.raises(Forbidden):
        subscribed(world.user("vera", "viewer"), receiver)


def lock_out(who):
    User.objects.filter(pk=who.pk).update(is_active=False)


def take_roles(who):
    who.groups.clear()


@pytest.mark.parametrize("lose", [lock_out, take_roles])
def test_nothing_is_sent_while_the_owner_has_lost_the_right_to_it(interface, receiver, lose):
    kit.twins()
    events.sequence()
    subscribed(interface, receiver)
    lose(interface)
    assert webhooks.deliver_due() == 0
    assert receiver.got == []
    User.objects.filter(pk=interface.pk).update(is_active=True)
    interface.groups.set(Group.objects.filter(name="integration"))
    assert webhooks.deliver_due() == 2


# -------------------------------------------------------------------------------------------------------- over HTTP
def test_an_administrator_sees_and_ends_webhooks_of_others(interface, receiver):
    hook, _ = subscribed(interface, receiver)
    admin = world.machine(world.user("ada", "administrator"), permissions.SUBSCRIBE, permissions.ADMINISTER)
    (listed,) = admin.get("/api/v1/webhooks").json()["results"]
    assert (listed["id"], listed["owner"]) == (str(hook.pk), "erp-interface")
    assert admin.delete(f"/api/v1/webhooks/{hook.pk}").status_code == 204
    assert not Webhook.objects.exists()


def test_webhooks_are_made_listed_resumed_and_ended_by_their_owner(interface, receiver):
    client = world.machine(interface, permissions.SUBSCRIBE)
    body = {"url": receiver.url, "topics": {"item": {}}}
    made = client.post("/api/v1/webhooks", body, content_type="application/json")
    assert made.status_code == 201, made.json()
    assert made.json()["secret"].startswith("whsec_")
    where = f"/api/v1/webhooks/{made.json()['id']}"
    assert made["Location"] == where
    listed = client.get("/api/v1/webhooks").json()["results"]
    assert [row["id"] for row in listed] == [made.json()["id"]]
    assert "secret" not in listed[0]
    assert client.get(where).json() == listed[0]
    assert client.post(f"{where}/resume", {}, content_type="application/json").json()["active"] is True
    other = world.machine(world.user("scm-interface", "integration"), permissions.SUBSCRIBE)
    assert other.get(where).status_code == 404
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404


def test_a_request_that_is_sent_again_gets_the_same_secret_which_nowhere_lies_open(interface, receiver):
    client = world.machine(interface, permissions.SUBSCRIBE)
    body, key = {"url": receiver.url, "topics": {"item": {}}}, {"Idempotency-Key": "k-1"}
    first, again = (
        client.post("/api/v1/webhooks", body, content_type="application/json", headers=key).json() for _ in range(2)
    )
    assert first == again
    assert Webhook.objects.count() == 1
    assert first["secret"].encode() not in bytes(StoredAnswer.objects.get().body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"url": "x", "topics": {"item": {}}}, 422),
        ({"url": "http://bus:8080/", "topics": {"nonsense": {}}}, 422),
        ({"url": "http://bus:8080/", "topics": {"item": {"nonsense": ["x"]}}}, 422),
        ({"url": "http://bus:8080/", "topics": {"item": {"brand": "x"}}}, 422),
        ({"url": "http://bus:8080/", "topics": {"item": {}}, "kinds": ["x"]}, 400),
        ({"url": "http://bus:8080/", "topics": {"item": {}}, "codes_of": "nowhere", "codes_in": "nowhere"}, 404),
        ({"url": "http://bus:8080/"}, 400),
    ],
)
def test_a_subscription_that_makes_no_sense_says_why(interface, body, status):
    client = world.machine(interface, permissions.SUBSCRIBE)
    answer = client.post("/api/v1/webhooks", body, content_type="application/json")
    assert answer.status_code == status, answer.json()


def test_the_messages_are_described_and_fit_the_description(interface, receiver):
    from jsonschema import Draft202012Validator

    kit.twins()
    events.sequence()
    subscribed(interface, receiver)
    webhooks.deliver_due()
    document = world.machine(interface, permissions.SUBSCRIBE).get("/api/v1/events").json()
    schema = {"$ref": "#/components/schemas/CloudEvent", "components": document["components"]}
    assert document["asyncapi"] == "3.0.0"
    for example in (
        document["components"]["messages"]["change"]["examples"][0]["payload"],
        json.loads(receiver.got[0][1]),
    ):
        assert list(Draft202012Validator(schema).iter_errors(example)) == []
