"""Every screen in light and dark: no complaint of the browser, no barrier that axe finds, no sideways scrolling."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.bench.ui import SHIFTS, weighed
from tests.e2e.conftest import Complaints, watched
from tests.e2e.hospital import Hospital
from tests.e2e.screens import NO_PAGES, SCREENS, Screen, page_routes

LATER = 500  # ms; by then a page has asked for what it asks for after a while, as the count of notifications


@pytest.fixture(scope="module", params=["light", "dark"])
def look(request: pytest.FixtureRequest, browser: Browser, hospital: Hospital) -> Iterator[tuple[Page, Complaints]]:
    """One page of the steward's browser, in this theme."""
    complaints = Complaints()
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=request.param)
    context.clock.install()
    yield watched(context, complaints), complaints
    context.close()


def show(screen: Screen, page: Page, hospital: Hospital) -> None:
    """The screen, when all that it loads has arrived."""
    page.context.clear_cookies()
    if screen.signed_in:
        page.context.add_cookies([hospital.cookie])  # type: ignore[list-item]
    page.goto(screen.url(hospital))
    assert screen.signed_in != page.url.startswith(f"{hospital.url}/login/"), "the session has ended"
    page.clock.fast_forward(LATER)
    expect(page.locator(".htmx-request")).to_have_count(0)
    if screen.act:
        screen.act(page)


@pytest.mark.browser
@pytest.mark.django_db
@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_a_screen_has_no_barriers_and_breaks_no_rule(screen, look, hospital):
    page, complaints = look
    complaints.clear()
    show(screen, page, hospital)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert not complaints
    wide, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= window, "scrolls sideways"


@pytest.mark.browser
@pytest.mark.django_db
@pytest.mark.parametrize("screen", [screen for screen in SCREENS if screen.dark or screen.name == "login"], ids=str)
def test_a_first_visit_is_light_and_nothing_moves(screen, browser, hospital):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(SHIFTS)
    page = context.new_page()
    loaded = []
    page.on("response", lambda response: loaded.append(response))
    context.add_cookies([hospital.cookie] if screen.signed_in else [])
    page.goto(screen.url(hospital))
    page.wait_for_load_state("networkidle")
    assert sum(map(weighed, loaded)) < 150  # KB
    assert page.evaluate("window.shifted ?? 0") < 0.001
    context.close()


def test_every_page_is_among_the_screens():
    assert page_routes() - {screen.route for screen in SCREENS} == NO_PAGES
