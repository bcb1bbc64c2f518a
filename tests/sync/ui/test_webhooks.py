"""Webhooks on screen: one's own, with a new secret that is shown once."""

from __future__ import annotations

import re

import pytest

from sync import webhooks
from sync.models import Webhook
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
PLACE = "/sync/webhooks/"


@pytest.fixture
def interface():
    return world.user("erp-interface", "integration")


@pytest.fixture
def hook(interface) -> Webhook:
    return webhooks.subscribe(url="https://bus.example.org/concord", topics={"item": {}}, actor=interface)[0]


def test_a_new_secret_is_shown_once_beside_how_long_the_old_one_signs(interface, hook):
    browser = world.browser(interface)
    assert hook.url in browser.get(PLACE).content.decode()
    answer = browser.post(f"{PLACE}{hook.pk}/secret/", {"hours": "24"})
    assert "no-store" in answer["Cache-Control"]
    [secret] = re.findall(r"whsec_[\w+/=]+", answer.content.decode())
    hook.refresh_from_db()
    assert webhooks._shown(hook.secrets[0]) == secret
    assert len(hook.secrets) == 2
    again = browser.get(PLACE).content.decode()
    assert "whsec_" not in again
    assert "the old one until" in again
    assert browser.post(f"{PLACE}{hook.pk}/secret/", {"hours": "x"}).status_code == 422


def test_one_that_was_gone_goes_on_and_another_ends(interface, hook):
    Webhook.objects.update(active=False, attempts=3, last_error="HTTP 410")
    browser = world.browser(interface)
    assert "gone" in browser.get(PLACE).content.decode()
    browser.post(f"{PLACE}{hook.pk}/resume/")
    hook.refresh_from_db()
    assert hook.active
    browser.post(f"{PLACE}{hook.pk}/end/")
    assert not Webhook.objects.exists()
    assert "No webhooks" in browser.get(PLACE).content.decode()


def test_webhooks_of_others_are_for_administrators_alone(hook):
    stranger = world.browser(world.user("other", "integration"))
    assert hook.url not in stranger.get(PLACE).content.decode()
    assert stranger.post(f"{PLACE}{hook.pk}/secret/", {"hours": "1"}).status_code == 404
    assert hook.url in world.browser(world.user("admin", "administrator")).get(PLACE).content.decode()
    assert world.browser(world.user("viewer", "viewer")).get(PLACE).status_code == 403
