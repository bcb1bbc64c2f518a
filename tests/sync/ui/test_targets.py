"""Targets on screen: set up, changed, looked at beforehand, and brought back."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mdm.exceptions import InvalidValue
from sync import objectives
from sync.adapters import registry
from sync.models import Lane, Target, TargetVersion
from sync.ui import target_form
from tests.sync import kit
from tests.sync.peers import Peer
from tests.sync.ui.conftest import browser

SAID = {
    "name": "Ledger", "config.peer": '"erp"', "batch_size": 200, "lease_seconds": 120, "ack_seconds": 600,
    "domain.supplier": "on", "reason": "because", "act": "save",
}  # fmt: skip


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


@pytest.fixture
def admin(db: None) -> Client:
    return browser("admin", "administrator")


def save(admin: Client, target: Target, **said: Any) -> Any:
    return admin.post(f"/sync/targets/{target.code}/edit/", SAID | {"version": target.version} | said)


def test_what_the_form_shows_saved_as_it_is_changes_nothing_but_what_was_changed(
    admin: Client, target: Target, peer: Peer
) -> None:
    target.subscriptions = {"supplier": {"supplier_type": ["gpo", None]}}
    target.schedule = {"every": 15, "blackout": [{"from": "22:00", "to": "02:00", "days": ["sat", "sun"]}]}
    target.objectives = {"lag": 60.0, "success": 0.995, "emails": ["a@x.test"], "webhook": "https://pager.test/"}
    target.save()
    form = target_form.Settings(None, target)
    shown = {bound.html_name: bound.value() for bound in form if bound.value() not in (None, False, "")}
    assert admin.post("/sync/targets/erp/edit/", SAID | shown | {"version": 0, "per_minute": 60}).status_code == 302
    fresh = Target.objects.get()
    assert (fresh.subscriptions, fresh.schedule, fresh.config) == (target.subscriptions, target.schedule, target.config)
    assert (fresh.per_minute, fresh.objectives) == (60, target.objectives)


def test_an_alert_is_on_the_console_and_on_the_targets_page(viewer: Client, target: Target, peer: Peer) -> None:
    Target.objects.update(objectives={"lag": 1, "success": 0.9})
    kit.create()
    objectives.watch(timezone.now() + dt.timedelta(hours=1))
    assert "Changes take too long" in text_of(viewer.get("/sync/"))
    text = text_of(viewer.get("/sync/targets/erp/"))
    assert "Changes take too long" in text
    assert "Taken in the last hour ∅ of 90%" in text


def test_a_change_is_looked_at_before_it_is_made(admin: Client, target: Target, peer: Peer) -> None:
    kit.create(supplier_type="gpo")
    kit.create(name="maker", supplier_type="manufacturer")
    kit.deliver(target)
    said = {"filter.supplier": "supplier_type = gpo"}
    text = text_of(save(admin, target, **said, act="check"))
    assert "connected" in text
    assert "Suppliers 0 1 1" in text
    assert not TargetVersion.objects.exists()
    save(admin, target, **said)
    assert Target.objects.get().subscriptions == {"supplier": {"supplier_type": ["gpo"]}}
    assert Lane.objects.filter(due_at__isnull=False).count() == 2


def test_a_secret_is_written_and_never_shown(admin: Client, target: Target) -> None:
    save(admin, target, new_secret="token", new_value="s3cret")
    assert Target.objects.get().secrets == {"token": "s3cret"}
    for page in ("/sync/targets/erp/", "/sync/targets/erp/edit/"):
        answer = admin.get(page)
        assert b"token" in answer.content
        assert b"s3cret" not in answer.content
    target.refresh_from_db()
    save(admin, target, **{"secret.token": ""})
    assert Target.objects.get().secrets == {"token": "s3cret"}


def test_what_cannot_be_reached_is_not_saved_unless_somebody_insists(
    admin: Client, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.adapters.base import ErrorClass, PeerError
    from tests.sync.peers import PeerAdapter

    def check(self: PeerAdapter) -> str:
        raise PeerError("the password is wrong", ErrorClass.AUTH)

    monkeypatch.setattr(PeerAdapter, "check", check)
    answer = save(admin, target, new_secret="token", new_value="wrong")
    assert answer.status_code == 422
    assert "the password is wrong" in text_of(answer)
    assert Target.objects.get().secrets == {}
    save(admin, target, anyway="1", per_minute=9)
    assert Target.objects.get().per_minute == 9


def test_a_new_target_is_made_in_two_steps(admin: Client, target: Target) -> None:
    kit.create()
    asked = {"code": "two", "system": "erp", "adapter": "rest_json"}
    assert "Base url" in text_of(admin.get("/sync/targets/new/", asked))
    assert admin.get("/sync/targets/new/", asked | {"code": "erp"}).status_code == 422
    config = {"base_url": "https://erp.test", "token_url": "https://erp.test/t", "client_id": "us"}
    said = {f"config.{name}": value for name, value in config.items()} | {"config.client_secret": "key"}
    secret = {"new_secret": "key", "new_value": "s3cret", "anyway": "1"}
    said |= {name: value for name, value in SAID.items() if name != "config.peer"}
    assert "This field is required" in text_of(admin.post("/sync/targets/new/", asked | said | {"config.base_url": ""}))
    admin.post("/sync/targets/new/", asked | said | secret | {"config.verify": "false", "config.batch_size": "5"})
    two = Target.objects.get(code="two")
    assert two.config == config | {"client_secret": "key", "verify": False, "batch_size": 5}
    assert (two.version, Lane.objects.filter(target=two).count()) == (1, 1)


def test_every_adapter_has_a_form_of_its_own_settings(admin: Client, target: Target) -> None:
    for name in sorted(set(registry.ADAPTERS) - {"peer"}):
        asked = {"code": "new", "system": "erp", "adapter": name}
        answer = admin.get("/sync/targets/new/", asked)
        assert answer.status_code == 200, name
        assert b'name="config.' in answer.content, name


def test_two_administrators_do_not_overwrite_each_other(admin: Client, target: Target) -> None:
    save(admin, target, per_minute=9)
    answer = save(admin, target, per_minute=8)
    assert answer.status_code == 422
    assert "changed meanwhile" in text_of(answer)


def test_an_earlier_version_is_brought_back_from_the_page(admin: Client, target: Target) -> None:
    save(admin, target, per_minute=9)
    target.refresh_from_db()
    save(admin, target, per_minute=8)
    assert "Bring back" in text_of(admin.get("/sync/targets/erp/"))
    admin.post("/sync/targets/erp/versions/1/", {"reason": "too slow"})
    assert Target.objects.get().per_minute == 9


def test_stewards_look_and_only_administrators_change(steward: Client, viewer: Client, target: Target) -> None:
    assert viewer.get("/sync/targets/erp/").status_code == 200
    assert b"/edit/" not in steward.get("/sync/targets/erp/").content
    assert steward.get("/sync/targets/erp/edit/").status_code == 403
    assert save(steward, target).status_code == 403


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda text: target_form.filter_of("supplier", text), "supplier_type gpo"),
        (lambda text: target_form.filter_of("supplier", text), "colour = red"),
        (lambda text: target_form.filter_of("supplier", text), "supplier_type = wholesale"),
        (lambda text: target_form.filter_of("item", text), "packaging = BX"),
        (target_form.blackout_of, "at night"),
    ],
)
def test_a_line_that_means_nothing_is_refused(read: Any, text: str) -> None:
    with pytest.raises(InvalidValue):
        read(text)
