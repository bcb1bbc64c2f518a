"""A request that is sent again is not carried out again."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.utils import timezone

from mdm import permissions
from mdm.api import idempotency
from mdm.models import SourceRecord, StoredAnswer
from tests.mdm import kit
from tests.mdm.api import world

PATH = "/api/v1/sources/erp-item/records"
BODY = {"records": [{"code": "1", "values": {"description": "GLOVE"}}]}


@pytest.fixture
def client(db):
    kit.code_system("erp")
    return world.machine(world.user("erp-interface", "integration"), permissions.SUBMIT)


def send(client, key="k-1", body=BODY, path=PATH):
    return client.post(path, body, content_type="application/json", headers={"Idempotency-Key": key})


def test_a_repeat_gets_the_first_answer_and_changes_nothing(client):
    first = send(client)
    again = send(client)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert first.json()["outcomes"][0]["outcome"] == "created"
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert SourceRecord.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(client):
    send(client)
    answer = send(client, body={"records": []})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:concord:problem:idempotency-key-reused")


def test_an_error_of_the_client_is_given_again_too(client):
    first, again = (send(client, path="/api/v1/sources/nowhere/records") for _ in range(2))
    assert (first.status_code, again.status_code) == (404, 404)
    assert again["Idempotency-Replayed"] == "true"


def test_an_error_of_ours_is_not_stored_so_that_sending_again_helps(client, monkeypatch):
    def broken(**_):
        raise RuntimeError

    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("mdm.api.sources.ingest.begin", broken)
        assert send(client).status_code == 500
    assert send(client).json()["outcomes"][0]["outcome"] == "created"


def test_answers_are_stored_sealed_and_are_lost_with_the_key(client, settings):
    first = send(client)
    assert b"outcomes" not in bytes(StoredAnswer.objects.get().body)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 8
    lost = send(client)
    assert (lost.status_code, lost.json()["type"]) == (409, "urn:concord:problem:answer-lost")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert send(client).json() == first.json()


def test_after_a_day_a_key_is_free_again_and_forgotten(client):
    send(client)
    StoredAnswer.objects.update(began_at=timezone.now() - dt.timedelta(hours=25))
    assert send(client).json()["outcomes"][0]["outcome"] == "unchanged"
    StoredAnswer.objects.update(began_at=timezone.now() - dt.timedelta(hours=25))
    assert idempotency.forget_old() == 1


def test_keys_of_two_users_have_nothing_to_do_with_each_other(client):
    other = world.machine(world.user("scm-interface", "integration"), permissions.SUBMIT)
    send(client)
    assert "Idempotency-Replayed" not in send(other)


@pytest.mark.parametrize("key", ["", "x" * 129, "with space", "ä"])
def test_what_can_be_no_key_is_refused(client, key):
    assert send(client, key=key).status_code == 422


def test_reading_ignores_the_key(client):
    assert client.get("/api/v1/items", headers={"Idempotency-Key": "k"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_while_the_first_still_runs_the_second_is_told_so(monkeypatch):
    kit.code_system("erp")
    client = world.machine(world.user("erp-interface", "integration"), permissions.SUBMIT)
    began, go = threading.Event(), threading.Event()
    real = idempotency._carried_out

    def slow(request, respond):
        began.set()
        go.wait(20)
        return real(request, respond)

    def second():
        began.wait(20)
        try:
            return send(client).json()["type"]
        finally:
            go.set()

    monkeypatch.setattr(idempotency, "_carried_out", slow)
    first, told = kit.in_threads(lambda: send(client).status_code, second)
    assert (first, told) == (200, "urn:concord:problem:still-running")
    assert SourceRecord.objects.count() == 1
