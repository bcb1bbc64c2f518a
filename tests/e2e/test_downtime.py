"""The page of a downtime pack, opened from the disk in a browser that has no network."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from mdm.downtime import page as pages
from mdm.services import downtime
from tests.e2e.conftest import Complaints, watched
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.downtime.kit import substituted

pytestmark = pytest.mark.django_db
SPELT = [
    ("trim", "\x1f 47-11 \u00a0"), ("upper", " a \t b "), ("alnum", "ß-é 1_٣"), ("digits", "12-34 ٣"),
    ("gtin", "1234567-0"), ("gtin", "123"),
]  # fmt: skip


@pytest.fixture
def opened(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    yield watched(context, complaints)
    context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def file(settings, tmp_path, monkeypatch) -> Path:
    """A pack with records of every sort, spread over many small blocks."""
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(pages, "RECORDS", 3)
    monkeypatch.setattr(pages, "ENTRIES", 4)
    erp, ehr = world.code_system("erp-item"), world.code_system("ehr-item", normaliser="alnum")
    gln = world.code_system("erp-location", "location", normaliser="gtin", unique=False)
    glove, gown = world.golden("GLOVE <b>nitrile</b> 💉"), world.golden("GOWN, sterile")
    old = world.golden("GLOVE OLD")
    world.packed(glove, BX=100, CA=None)
    world.coded(glove, erp, "4711", uom="BX")
    world.coded(glove, erp, "4712", uom="CA", preferred=False)
    world.coded(glove, ehr, "itm-1", uom="EA")
    world.coded(gown, ehr, "ITM-2", uom="EA", valid_from=timezone.localdate() + dt.timedelta(days=2))
    world.coded(gown, erp, "4713", uom="EA")
    world.coded(gown, erp, "\U0001f489", uom="EA", preferred=False)
    world.coded(gown, erp, "\ufffd", uom="EA", preferred=False)
    world.merged(old, glove)
    substituted(glove, gown, None, "Recall of lot 7")
    for n in (1, 2):
        world.coded(world.golden(f"Room {n}", "location"), gln, "12345678")
    for n in range(20):
        world.coded(world.golden(f"SUTURE {n}"), erp, f"S{n}", uom="EA")
    boss = kit.person("boss", "administrator")
    site = world.golden("North Hospital", "location")
    pack = downtime.ask(plan=downtime.plan(site=site, every_hours=6, valid_hours=72, actor=boss), actor=boss)
    downtime.make(pack.pk)
    pack.refresh_from_db()
    assert pack.state == "done", pack.error
    with zipfile.ZipFile(downtime.place(pack)) as archive:
        return Path(archive.extract("lookup.html", tmp_path))


def ask(page: Page, text: str) -> None:
    """By keyboard alone."""
    page.get_by_label("Code, Concord id").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator("#found")).not_to_have_text("Looking …")


def row(page: Page, code: str) -> list[str]:
    return page.locator("li tbody tr", has_text=code).first.locator("td").all_inner_texts()


def test_codes_units_names_and_ids_are_found_by_keyboard_from_a_file(file, opened):
    page = opened
    page.goto(file.as_uri())
    expect(page.get_by_label("Code, Concord id")).to_be_focused()
    expect(page.locator("h1")).to_contain_text("North Hospital")
    expect(page.locator("#age")).to_contain_text("Expires in 2 days")
    ask(page, " 4711 ")
    assert row(page, "ITM1") == ["ehr-item", "ITM1", "EA", "1 BX = 100 EA", "preferred"]
    expect(page.locator("h2")).to_have_text("GLOVE <b>nitrile</b> 💉")
    expect(page.locator("li")).to_contain_text("GOWN, sterile")
    ask(page, "itm-1")
    assert row(page, "4711")[3] == "1 EA = 1/100 BX"
    assert "is not stated" in row(page, "4712")[3]
    ask(page, "4713")
    assert page.get_by_text("ITM2").count() == 0  # begins in two days
    expect(page.locator("li")).to_contain_text("May be used in place of")
    for code in ("\U0001f489", "\ufffd"):
        ask(page, code)
        expect(page.locator("h2")).to_have_text("GOWN, sterile")
    ask(page, "1234-5678")
    expect(page.locator("#found")).to_have_text("2 records share this code: choose by what they are.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("li").nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Code, Concord id")).to_be_focused()
    ask(page, "19 suture")
    expect(page.locator("h2")).to_have_text("SUTURE 19")
    ask(page, "nothing of the sort")
    expect(page.locator("#found")).to_have_text("Nothing is known by “nothing of the sort”.")


def test_the_page_goes_by_concord_s_clock_wherever_it_is_read(settings, request, opened):
    settings.TIME_ZONE = kit.elsewhere()
    opened.goto(request.getfixturevalue("file").as_uri())
    assert opened.evaluate("today()") == timezone.localdate().isoformat()
    assert opened.evaluate("calendar('Mars/Olympus').resolvedOptions().timeZone"), "a zone that no browser knows"


def test_a_merged_id_leads_to_the_survivor_and_systems_narrow_the_answer(file, opened):
    page = opened
    page.goto(file.as_uri())
    merged = kit.GoldenRecord.objects.get(name="GLOVE OLD").public_id
    ask(page, merged.lower())
    expect(page.locator("h2")).to_contain_text("GLOVE <b>")
    page.get_by_label("Show codes of").select_option(label="ehr-item (ehr-item)")
    ask(page, "S7")
    expect(page.locator("li")).to_contain_text("ehr-item has no code for it.")
    page.get_by_label("Code of", exact=True).select_option(label="ehr-item (ehr-item)")
    expect(page.locator("#found")).to_have_text("Nothing is known by “S7” in ehr-item.")


def test_every_code_of_every_block_is_found(file, opened):
    page = opened
    page.goto(file.as_uri())
    found = page.evaluate(
        "async () => { let n = 0; for (let i = 0; i < 20; i++) n += (await byCode(`S${i}`, 0)).length; return n }"
    )
    assert found == 20


def test_the_page_normalises_as_concord_does(file, opened):
    opened.goto(file.as_uri())
    for how, text in SPELT:
        expected = kit.CodeSystem(normaliser=how).normalise(text)
        assert opened.evaluate("([how, text]) => normalise(how, text)", [how, text]) == expected


@pytest.mark.parametrize(
    ("hours", "words"), [(73, "EXPIRED 1 hour ago"), (24 * 9, "EXPIRED 6 days ago"), (-1, "clock is wrong")]
)
def test_out_of_date_it_refuses_loudly(file, opened, hours, words):
    page = opened
    page.clock.install(time=dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours))
    page.goto(file.as_uri())
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_label("Code, Concord id")).to_be_hidden()


def test_a_page_that_stays_open_tells_that_it_is_late_and_then_stops(file, opened):
    page = opened
    page.clock.install()
    page.goto(file.as_uri())
    ask(page, "4711")
    expect(page.locator("li")).to_have_count(1)
    page.clock.fast_forward(13 * 3600 * 1000)
    expect(page.locator("#age")).to_contain_text("There should be a newer pack.")
    page.clock.fast_forward(60 * 3600 * 1000)
    expect(page.get_by_role("alert")).to_contain_text("EXPIRED")
    expect(page.locator("li")).to_have_count(0)


def test_a_page_that_was_cut_off_says_so(file, opened):
    file.write_bytes(file.read_bytes()[:-4000])
    opened.goto(file.as_uri())
    expect(opened.get_by_role("alert")).to_contain_text("copy it again")
    expect(opened.get_by_label("Code, Concord id")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_read_it_in_light_and_dark(file, opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.goto(file.as_uri())
    ask(opened, "4711")
    found = Axe().run(opened)
    assert not found.response["violations"], found.generate_report()
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(243, 245, 246)" if scheme == "light" else "rgb(13, 19, 23)"
    )
