"""What every page does: who may see it, whole or as a fragment, no inline code, no dead links, nothing unescaped."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from mdm.models import User
from tests.mdm import kit
from tests.mdm.ui.conftest import HX

PAGES = ["home", "review", "work", "changes", "audit", "search", "sync:console", "sync:imports", "sync:import-new"]
LISTS = ["item", "supplier", "location", "cost_center"]
NASTY = '<script>alert("x")</script>'


def addresses() -> list[str]:
    return [reverse(name) for name in PAGES] + [reverse("records", args=[domain]) for domain in LISTS]


def test_who_is_not_signed_in_is_sent_to_the_login_page_and_back(db):
    answer = Client().get("/items/?q=foley")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/items/%3Fq%3Dfoley"


def test_whose_session_ended_before_a_form_was_sent_gets_back_to_its_page_and_is_told(db):
    """The form's own address can't be opened: it only takes what is sent."""
    user, client = kit.person("maria", "viewer"), Client()
    answer = client.post("/sync/dead/decide/", {}, headers={"Referer": "http://testserver/sync/?target=erp"})
    assert answer["Location"] == "/login/?next=/sync/%3Ftarget%3Derp"
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert "what you sent was not done" in client.get("/sync/").content.decode()
    assert client.get("/sync/").status_code == 200
    strange = Client().post("/sync/dead/decide/", {}, headers={"Referer": "https://elsewhere.example/items/"})
    assert strange["Location"] == "/login/?next=/"


def test_signing_in_leads_to_where_one_wanted_to_go(db):
    user = kit.person("maria", "viewer")
    user.set_password("a long enough password")
    user.save()
    said = {"login": "maria", "password": "a long enough password", "next": "/items/"}
    assert Client().post("/login/", said)["Location"] == "/items/"
    assert b"match an active account" in Client().post("/login/", said | {"password": "wrong"}).content


def test_five_wrong_tries_lock_the_account_out(db):
    kit.person("maria", "viewer")
    client = Client()
    for _ in range(5):
        answer = client.post("/login/", {"login": "maria", "password": "wrong"})
    assert answer.status_code == 429
    assert b"Too many wrong tries" in answer.content


def test_an_expired_session_sends_the_whole_page_to_the_login_not_the_fragment(db):
    answer = Client().get("/items/", headers=HX)
    assert answer["HX-Redirect"].startswith("/login/")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_on_an_empty_installation(everything, name):
    answer = everything.get(reverse(name))
    assert answer.status_code == 200
    assert b"<main" in answer.content or b'id="main"' in answer.content


def test_no_page_carries_inline_script_or_style(everything):
    kit.doubtful()
    golden = kit.golden("erp", "E1")
    for address in [*addresses(), reverse("golden", args=["item", golden.public_id])]:
        html = everything.get(address).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", html), address
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html), address


def test_every_icon_is_in_the_sprite_of_its_page(everything):
    kit.doubtful()
    for address in addresses():
        html = everything.get(address).content.decode()
        assert set(re.findall(r'href="#(i-[\w-]+)"', html)) == set(re.findall(r'<symbol id="(i-[\w-]+)"', html)), (
            address
        )


def test_ids_are_unique_on_every_page(everything):
    kit.doubtful()
    golden = kit.golden("erp", "E1")
    for address in [*addresses(), reverse("golden", args=["item", golden.public_id])]:
        ids = re.findall(r'\sid="([^"]+)"', everything.get(address).content.decode())
        assert len(ids) == len(set(ids)), (address, sorted(i for i in ids if ids.count(i) > 1))


def test_every_link_leads_somewhere(everything):
    """Walks all links from the home page, one of each shape."""
    kit.doubtful()
    kit.feed("erp", {"S1": {"name": "Halden Medical"}}, "supplier")
    seen: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        address = waiting.pop()
        shape = re.sub(r"\d+", "0", address)
        if shape in seen:
            continue
        seen[shape] = address
        answer = everything.get(address, follow=True)
        assert answer.status_code == 200, address
        if "html" not in answer["Content-Type"]:
            continue
        base = address.partition("?")[0]
        for href in re.findall(r'<a\b[^>]*\shref="([^"#]+)', answer.content.decode()):
            link = unescape(href)
            waiting.append(base + link if link.startswith("?") else link)
    assert len(seen) > 25


def test_one_address_serves_the_page_and_its_fragment(everything):
    for address in ("/items/", "/review/", "/"):
        page, fragment = everything.get(address), everything.get(address, headers=HX)
        assert b"<html" in page.content
        assert b"<html" not in fragment.content
        assert "HX-Request" in page["Vary"]
        assert "HX-Request" in fragment["Vary"]


def test_going_back_with_the_browser_brings_the_whole_page(everything):
    answer = everything.get("/items/", headers=HX | {"HX-History-Restore-Request": "true"})
    assert b"<html" in answer.content


@pytest.mark.parametrize("text", [NASTY, "مرحبا ‮ rtl", "😀 emoji", "x" * 2000])
def test_text_from_feeds_is_shown_as_text(everything, text):
    kit.feed("erp", {"E1": kit.CATHETER | {"description": text}})
    golden = kit.golden("erp", "E1")
    for address in ("/items/", f"/items/{golden.public_id}/", "/", "/audit/", f"/search/?q={text[:50]}"):
        html = everything.get(address, follow=True).content.decode()
        assert NASTY not in html, address
    assert golden.name in unescape(everything.get(f"/items/{golden.public_id}/").content.decode())


def test_a_viewer_is_offered_nothing_that_would_be_refused(viewer):
    item = kit.doubtful()
    golden = kit.golden("erp", "E1")
    page = viewer.get(f"/items/{golden.public_id}/").content.decode()
    assert "/edit/" not in page
    assert "Retire" not in page
    review = viewer.get(f"/review/{item.pk}/").content.decode()
    assert 'name="decision"' not in review
    assert "/audit/" not in page
    assert "/imports/" not in page


@pytest.mark.parametrize("path", ["/audit/", "/imports/", "/imports/new/"])
def test_a_viewer_who_types_the_address_is_refused_with_a_reason(viewer, path):
    answer = viewer.get(path)
    assert answer.status_code == 403
    assert "Your roles don’t let you do this" in answer.content.decode()


def test_an_unknown_record_is_not_found_with_a_remedy(everything):
    answer = everything.get("/items/MDM-IT-999999/")
    assert answer.status_code == 404
    assert b"search for it" in answer.content
    assert everything.get("/no/such/page").status_code == 404


def test_the_theme_goes_round_and_is_remembered(viewer):
    for expected in ("light", "dark", "auto"):
        assert viewer.post("/preferences/theme/", {"theme": "next", "next": "/items/"})["Location"] == "/items/"
        assert f'data-theme="{expected}"'.encode() in viewer.get("/").content


def test_single_keys_can_be_turned_off(viewer):
    viewer.post("/preferences/keys/", {"keys": "off", "next": "/"})
    assert b'data-keys="off"' in viewer.get("/").content
    assert User.objects.get(username="viewer").preferences == {"keys": "off"}


def test_what_nobody_chose_is_as_usual_whatever_else_was_chosen(viewer):
    viewer.post("/preferences/theme/", {"theme": "dark"})
    page = viewer.get("/settings/").content.decode()
    assert 'data-density="comfortable"' in page
    assert 'data-keys="on"' in page
    assert re.findall(r'value="(\w+)" checked', page) == ["dark", "comfortable", "on"]


def test_nobody_is_sent_off_the_site_by_a_preference(viewer):
    assert viewer.post("/preferences/theme/", {"theme": "dark", "next": "https://example.org/"})["Location"] == "/"
