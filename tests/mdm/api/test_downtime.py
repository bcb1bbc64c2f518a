"""Downtime packs over the API: asking for one, fetching the newest, and the keys."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from django.test import Client
from django.utils import timezone

from mdm import permissions
from mdm.downtime import signing
from mdm.models import DowntimePack, DowntimePlan
from mdm.services import downtime, downtime_keys
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
PACKS, FILE, KEYS = "/api/v1/downtime/packs", "/api/v1/downtime/file", "/api/v1/downtime/keys"


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.DOWNTIME_PACK_MINUTES = 0  # each is made anew


@pytest.fixture
def site():
    """A location that gets packs."""
    world.coded(world.golden("GLOVE"), world.code_system("erp-item"), "1")
    found = world.golden("North", "location")
    downtime.plan(site=found, every_hours=6, valid_hours=24, actor=kit.person("boss", "administrator"))
    return found.public_id


def asked(client: Client, site: str | None) -> dict:
    answer = client.post(PACKS, {"site": site}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    assert downtime.make(answer.json()["id"])
    return client.get(answer["Location"]).json()


def test_a_site_asks_for_a_pack_and_fetches_it_once(api, site):
    made = asked(api, site)
    assert (made["state"], made["serial"], made["codes"]) == ("done", 1, 1)
    file = api.get(made["file"])
    content = b"".join(file.streaming_content)
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (made["sha256"], made["size"])
    newest = api.get(FILE, {"site": site})
    assert newest["Content-Disposition"].endswith(f'concord-downtime-{site}-000001.zip"')
    again = api.get(FILE, {"site": site}, headers={"If-None-Match": newest["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert api.get(PACKS, {"site": site}).json()["results"] == [made]


def test_the_newest_is_the_one_that_is_sent_and_one_out_of_date_never(api, site):
    asked(api, site)
    assert asked(api, site)["serial"] == 2
    assert "000002" in api.get(FILE, {"site": site})["Content-Disposition"]
    DowntimePack.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert api.get(FILE, {"site": site}).status_code == 404
    assert {one["file"] for one in api.get(PACKS, {"site": site}).json()["results"]} == {None}


def test_of_two_packs_the_one_whose_file_is_there_is_sent(api, site):
    asked(api, site)
    asked(api, site)
    downtime.place(DowntimePack.objects.latest("pk")).unlink()
    assert "000001" in api.get(FILE, {"site": site})["Content-Disposition"]


def test_nobody_gets_packs_of_what_was_not_set_up(api, site):
    for body in ({"site": "MDM-LO-999999"}, {"site": None}, {}):
        assert api.post(PACKS, body, content_type="application/json").status_code == 404
    assert api.post(PACKS, {"sight": site}, content_type="application/json").status_code == 400
    assert api.get(FILE).status_code == 404
    assert api.get(f"{PACKS}/999").status_code == 404


def test_the_public_keys_are_a_key_set_that_the_verifier_reads(api):
    answer = api.get(KEYS)
    (key,) = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert [signing.named(one) for one in signing.read(answer.content.decode())] == [key["kid"]]
    assert b"sealed" not in answer.content
    downtime_keys.rotate(actor=kit.person("boss", "administrator"), reason="yearly")
    assert api.get(KEYS).json()["keys"][0]["kid"] != key["kid"]


def test_who_asks_again_is_given_the_pack_of_a_moment_ago(api, site, settings):
    settings.DOWNTIME_PACK_MINUTES = 5
    made = asked(api, site)
    again = api.post(PACKS, {"site": site}, content_type="application/json")
    assert again.status_code == 200
    assert again.json() == made
    assert made["fresh_until"] > made["made_at"]
    settings.DOWNTIME_PACK_MINUTES = 0
    assert asked(api, site)["serial"] == 2


@pytest.mark.parametrize("spoilt", ["file", "key"])
def test_a_pack_that_cannot_be_used_is_not_given_again(api, site, spoilt, settings):
    settings.DOWNTIME_PACK_MINUTES = 5
    made = asked(api, site)
    if spoilt == "file":
        downtime.place(DowntimePack.objects.get()).unlink()
    else:
        downtime_keys.rotate(actor=kit.person("eve", "administrator"), reason="yearly")
    assert asked(api, site)["serial"] == made["serial"] + 1


def test_a_changed_plan_gets_a_new_pack_at_once(site, settings):
    settings.DOWNTIME_PACK_MINUTES = 5
    boss = kit.person("eve", "administrator")
    plan = DowntimePlan.objects.get()
    downtime.make(downtime.ask(plan=plan, actor=boss).pk)
    assert downtime.ask(plan=plan, actor=boss).state == "done"
    assert downtime.ask(plan=plan, actor=boss, anew=True).state == "waiting"


def test_looking_codes_up_is_enough_to_fetch_but_not_to_ask(viewer, site):
    client = world.machine(viewer, permissions.LOOKUP)
    assert client.get(KEYS).status_code == 200
    assert client.get(PACKS).status_code == 200
    assert client.post(PACKS, {"site": site}, content_type="application/json").status_code == 403
