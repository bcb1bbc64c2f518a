"""Downtime packs on screen."""

from __future__ import annotations

import pytest

from mdm.models import DowntimeKey, DowntimePack, DowntimePlan
from mdm.services import downtime
from tests.mdm.api import world
from tests.mdm.ui.conftest import HX, browser

pytestmark = pytest.mark.django_db
PLAN = {"site": "", "every_hours": 6, "valid_hours": 24}


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def administrator():
    return browser("administrator")


def test_an_administrator_sets_a_site_up_and_the_first_pack_is_made(administrator):
    site = world.golden("North Hospital", "location")
    world.code_system("erp-item")
    said = PLAN | {"site": site.public_id, "code_systems": ["erp-item"]}
    assert administrator.post("/downtime/plan/", said).status_code == 302
    page = administrator.get("/downtime/")
    assert 'hx-trigger="every 2s"' in page.content.decode()
    downtime.make(DowntimePack.objects.get().pk)
    rows = administrator.get("/downtime/", headers=HX).content.decode()
    assert "North Hospital" in rows
    assert "Ready" in rows
    file = administrator.get(f"/downtime/packs/{DowntimePack.objects.get().pk}/")
    assert file["Content-Type"] == "application/zip"


@pytest.mark.parametrize(
    "wrong", [{"site": "nowhere"}, {"valid_hours": 5}, {"every_hours": 0}, {"code_systems": ["x"]}]
)
def test_a_plan_that_makes_no_sense_is_told_why(administrator, wrong):
    answer = administrator.post("/downtime/plan/", PLAN | wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not DowntimePlan.objects.exists()


def test_a_new_key_signs_and_what_a_lost_one_signed_is_gone(administrator):
    administrator.post("/downtime/plan/", PLAN)
    downtime.make(DowntimePack.objects.get().pk)
    assert administrator.post("/downtime/key/", {}).status_code == 422
    assert administrator.post("/downtime/key/", {"reason": "stolen", "distrust": "on"}).status_code == 302
    assert DowntimeKey.objects.count() == 2
    assert administrator.get(f"/downtime/packs/{DowntimePack.objects.get().pk}/").status_code == 404


def test_who_asks_at_once_again_is_told_which_pack_is_fresh(administrator, viewer):
    administrator.post("/downtime/plan/", PLAN)
    downtime.make(DowntimePack.objects.get().pk)
    page = viewer.post(f"/downtime/{DowntimePlan.objects.get().pk}/make/", follow=True)
    assert "UTC is fresh" in page.content.decode()
    assert DowntimePack.objects.count() == 1


def test_a_viewer_has_one_made_but_plans_nothing(administrator, viewer, settings):
    settings.DOWNTIME_PACK_MINUTES = 0
    administrator.post("/downtime/plan/", PLAN)
    plan = DowntimePlan.objects.get()
    downtime.make(DowntimePack.objects.get().pk)
    assert viewer.post(f"/downtime/{plan.pk}/make/").status_code == 302
    assert DowntimePack.objects.count() == 2
    assert "/stop/" not in viewer.get("/downtime/").content.decode()
    for address in ("plan/", "key/", f"{plan.pk}/stop/"):
        assert viewer.post(f"/downtime/{address}", PLAN).status_code == 403
    assert administrator.post(f"/downtime/{plan.pk}/stop/").status_code == 302
    assert not DowntimePlan.objects.get().active
