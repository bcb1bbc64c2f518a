"""Signing in with a second factor: set up with proof, asked for after the password, never enough alone."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from mdm.models import AuditEntry, User
from tests.mdm import kit

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def fresh_counts():
    """Codes that were used and tries that failed are remembered in the cache."""
    cache.clear()


@pytest.fixture
def maria() -> User:
    user = kit.person("maria", "steward")
    user.set_password(PASSWORD)
    user.save()
    return user


def code_of(secret: str, ahead: int = 0) -> str:
    counter = list(auth.yield_hotp_counters_from_time())[1] + ahead
    return auth.format_hotp_value(auth.hotp_value(secret, counter))


def signed_in(**said: str) -> tuple[Client, str]:
    """A browser after the password, and where it was sent."""
    client = Client()
    answer = client.post("/login/", {"login": "maria", "password": PASSWORD, **said})
    return client, answer["Location"] if answer.status_code == 302 else ""


def confirmed(client: Client, address: str) -> None:
    """What matters asks for the password once more, and goes on."""
    asked = client.get(address)["Location"]
    assert asked.startswith("/confirm/")
    assert "Confirm that it is you" in client.get(asked).content.decode()
    assert client.post(asked, {"password": "wrong"}).status_code == 200
    assert client.post(asked, {"password": PASSWORD})["Location"] == address


def set_up(maria: User) -> str:
    """An app set up by the pages; returns its secret."""
    client, _ = signed_in()
    confirmed(client, "/settings/second-factor/activate/")
    page = client.get("/settings/second-factor/activate/").content.decode()
    secret = re.search(r'<span class="mono">([A-Z2-7]{32})</span>', page)[1]
    assert client.post("/settings/second-factor/activate/", {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()
    answer = client.post("/settings/second-factor/activate/", {"code": code_of(secret)})
    assert answer["Location"] == "/settings/second-factor/recovery/"
    return secret


def test_without_a_second_factor_the_password_is_enough(maria):
    client, sent = signed_in(next="/items/")
    assert sent == "/items/"
    assert client.get("/").status_code == 200


def test_with_one_the_password_alone_opens_nothing(maria):
    set_up(maria)
    client, sent = signed_in()
    assert sent.startswith("/login/code/")
    assert client.get("/")["Location"].startswith("/login/")
    assert client.get("/settings/second-factor/")["Location"].startswith("/login/")


def test_the_apps_code_signs_in_and_leads_where_one_wanted_to_go(maria):
    secret = set_up(maria)
    client, sent = signed_in(next="/items/")
    assert b"Incorrect code" in client.post(sent, {"code": "000000"}).content
    answer = client.post(sent, {"code": code_of(secret, ahead=1)})
    assert answer["Location"] == "/items/"
    assert client.get("/").status_code == 200


def test_a_code_is_of_no_use_twice(maria):
    secret = set_up(maria)
    code = code_of(secret, ahead=1)
    client, sent = signed_in()
    assert client.post(sent, {"code": code}).status_code == 302
    other, sent = signed_in()
    assert other.post(sent, {"code": code}).status_code == 200
    assert other.get("/").status_code == 302


def test_a_recovery_code_signs_in_once(maria):
    set_up(maria)
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    client, sent = signed_in()
    assert client.post(sent, {"code": codes[0]}).status_code == 302
    masked = client.get("/settings/second-factor/recovery/").content.decode()
    assert codes[1] not in masked
    other, sent = signed_in()
    assert other.post(sent, {"code": codes[0]}).status_code == 200


def test_guessing_codes_is_stopped(maria):
    secret = set_up(maria)
    client, sent = signed_in()
    for _ in range(12):
        client.post(sent, {"code": "000000"})
    assert client.post(sent, {"code": code_of(secret, ahead=1)}).status_code == 200
    assert client.get("/").status_code == 302


def test_the_secret_is_not_readable_in_the_database(maria):
    secret = set_up(maria)
    assert secret not in str(Authenticator.objects.get(type="totp").data)


def test_it_can_be_turned_off_by_its_owner(maria):
    secret = set_up(maria)
    client, sent = signed_in()
    client.post(sent, {"code": code_of(secret, ahead=1)})
    assert "Turn it off" in client.get("/settings/second-factor/").content.decode()
    confirmed(client, "/settings/second-factor/deactivate/")
    client.post("/settings/second-factor/deactivate/")
    assert not Authenticator.objects.exists()
    assert signed_in()[1] == "/"


def test_an_operator_resets_it_for_somebody_who_lost_phone_and_codes(maria):
    set_up(maria)
    call_command("reset_second_factor", "maria", stdout=StringIO())
    assert signed_in()[1] == "/"
    assert AuditEntry.objects.filter(action="user.second_factor_reset", object_id=str(maria.pk)).exists()
    for name in ("maria", "nobody"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", name)


def test_wrong_passwords_lock_the_account_as_before(maria):
    client = Client()
    for _ in range(5):
        answer = client.post("/login/", {"login": "maria", "password": "wrong"})
    assert b"Too many wrong tries" in answer.content
    assert signed_in()[1] == ""


def test_nobody_signs_up_by_themselves():
    assert Client().get("/signup/").status_code == 404
    assert Client().get("/accounts/signup/").status_code == 404
