"""What every page offers beside its content: the command palette, notifications, settings."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from mdm.models import ChangeRequest, Export, User
from mdm.services import change, review
from mdm.ui import preferences
from mdm.ui.readers import notices, palette
from tests.mdm import kit
from tests.mdm.ui.conftest import HX, browser

pytestmark = pytest.mark.django_db


def texts(user: User, typed: str) -> list[str]:
    return [entry.text for entry in palette.entries(user, typed)]


def test_commands_are_found_by_the_beginnings_of_their_words():
    steward = kit.steward()
    assert "Crosswalk: resolve codes" in texts(steward, "res cod")
    assert "Import a file" in texts(steward, "imp fi")
    assert texts(steward, "zzz") == []


def test_nobody_is_offered_what_they_may_not_open():
    viewer = kit.person("viewer", "viewer")
    assert "Import a file" not in texts(viewer, "import")
    assert "Audit log" not in texts(viewer, "audit")
    assert "Blind review" not in texts(viewer, "blind")
    assert "Blind review" in texts(kit.steward(), "blind")


def test_every_place_is_offered_once():
    for typed in ("data", "rules", "accuracy", "owners", "traces", "exports", "settings"):
        addresses = [entry.url for entry in palette.entries(kit.steward(), typed)]
        assert addresses
        assert len(addresses) == len(set(addresses)), typed


def test_records_and_codes_are_found_besides():
    kit.feed("erp", {"E1": kit.CATHETER})
    steward, golden = kit.steward(), kit.golden("erp", "E1")
    by_name, by_code = (
        next(one for one in palette.entries(steward, typed) if one.text == golden.name) for typed in ("foley", "E1")
    )
    assert by_name.note == golden.public_id  # which of several of that name; what was typed is in the name
    assert "E1" in by_code.note


def test_saved_views_are_commands():
    steward = kit.steward()
    preferences.save_view(steward, "item", "Latex items", {"f.latex": "contains"})
    entry = next(one for one in palette.entries(steward, "latex") if one.text == "Latex items")
    assert entry.url == "/items/?f.latex=contains"


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", "x" * 10_000, "\x00", "'; DROP", "قسطرة 🩺"])
def test_odd_texts_find_nothing_and_break_nothing(viewer, typed):
    for headers in ({}, HX):
        answer = viewer.get("/palette/", {"q": typed}, headers=headers)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()


def test_a_user_is_told_of_what_they_asked_for_and_once():
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains"}})
    proposer = kit.person("maria", "steward")
    client = browser("steward")
    client.force_login(proposer, backend="django.contrib.auth.backends.ModelBackend")
    change.override(golden=kit.golden("erp", "E1"), path="latex", value="free", actor=proposer, reason="Label")
    request = ChangeRequest.objects.get(proposer=proposer)
    change.approve(request=request, actor=kit.approver(), reason="Seen it")
    Export.objects.create(user=proposer, domain="item", format="csv", state="failed", finished_at=timezone.now())
    item = kit.doubtful("scm", "D2")
    review.comment(item=item, actor=kit.approver(), text="@maria have a look <b>")
    assert [n.new for n in notices.notices(proposer)] == [True] * 3
    assert b"<b>3" in client.get("/notifications/count/", headers=HX).content
    page = client.get("/notifications/").content.decode()
    assert "Seen it" in page
    assert "have a look &lt;b&gt;" in page
    proposer.refresh_from_db()
    assert not any(n.new for n in notices.notices(proposer))
    assert client.get("/notifications/count/", headers=HX).content.strip() == b""


def test_notices_of_others_and_of_long_ago_are_not_shown():
    me, other = kit.person("me", "viewer"), kit.person("other", "viewer")
    long_ago = timezone.now() - dt.timedelta(days=20)
    Export.objects.create(user=other, domain="item", format="csv", state="failed", finished_at=timezone.now())
    Export.objects.create(user=me, domain="item", format="csv", state="failed", finished_at=long_ago)
    assert notices.notices(me) == []


def test_settings_are_kept_and_shown(viewer):
    viewer.post("/settings/", {"theme": "dark", "density": "compact", "keys": "off", "nonsense": "x"})
    page = viewer.get("/settings/").content.decode()
    assert 'data-theme="dark" data-density="compact"' in page
    assert 'data-keys="off"' in page
    viewer.post("/settings/", {"theme": "<script>", "density": ""})
    assert 'data-theme="dark"' in viewer.get("/settings/").content.decode()


def test_settings_say_who_one_is_and_what_one_may_do(viewer):
    page = viewer.get("/settings/").content.decode()
    assert "See golden records, sources and work items" in page
    assert ">viewer<" in page


def test_two_tabs_do_not_undo_each_others_preferences():
    one = kit.person("me", "viewer")
    two = User.objects.get(pk=one.pk)
    preferences.remember(one, "theme", "dark")
    preferences.choose_columns(two, "item", ["latex"])
    kept = User.objects.get(pk=one.pk).preferences
    assert (kept["theme"], kept["columns"]) == ("dark", {"item": ["latex"]})
