"""Keys and requests that cross: pressed before the answer, pressed twice, typed on meanwhile, asked for by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from mdm.models import WorkItem
from tests.e2e.test_review import LOOK, deliver, erp, press, sandbox, sign_in  # noqa: F401
from tests.e2e.test_triage import at_review, doubts, expect_item
from tests.mdm import kit

pytestmark = pytest.mark.django_db(transaction=True)

POLL = """() => htmx.ajax("GET", "/sync/live/", { source: "#live", target: "#live" })"""


def is_ahead(response) -> bool:
    return response.request.headers.get("purpose") == "prefetch"


def at_console(page: Page, server, sandbox, failing: int) -> None:  # noqa: F811
    kit.feed("erp", {f"E{n}": kit.CATHETER | {"catalogue_number": f"K{n}"} for n in range(failing)})
    sandbox.fault("erp", "reject", count=failing)
    deliver()
    sign_in(page, server, "steward", "integration")
    page.goto(f"{server.url}/sync/")
    page.wait_for_load_state("load")


def at_pair(page: Page, server, item: WorkItem) -> None:
    """At a review, with what comes after it fetched beforehand."""
    sign_in(page, server, "steward")
    with page.expect_response(is_ahead) as ahead:
        page.goto(f"{server.url}/review/{item.pk}/")
    ahead.value.finished()
    page.wait_for_timeout(LOOK)


def test_back_after_a_decision_shows_what_became_of_the_pair(page, live_server):
    first, second = doubts(2)
    at_pair(page, live_server, first)
    press(page, "n")
    expect_item(page, second)
    expect(page.locator("#queue")).to_contain_text("1 decided by you today")
    page.go_back()
    expect(page.locator("#main")).to_contain_text("This is decided")
    expect(page.get_by_role("heading", level=1)).to_have_text(first.title)


def test_undo_pressed_at_once_takes_back_the_decision_just_made(page, live_server):
    """The decision is still on its way when Z is pressed: what is taken back isn't the one before it."""
    first, second = doubts(2)
    at_pair(page, live_server, first)
    held = []
    page.route("**/decide/", lambda route: held.append(route))
    press(page, "n")
    expect_item(page, second)
    press(page, "z")
    held[0].continue_()
    expect(page.locator("#messages")).to_contain_text("Taken back")
    expect_item(page, first)
    assert set(WorkItem.objects.values_list("state", flat=True)) == {WorkItem.State.OPEN}


def test_enter_after_the_reason_does_what_asked_for_it_and_else_nothing(page, live_server):
    item = kit.doubtful()
    at_review(page, live_server)
    page.wait_for_timeout(LOOK)
    page.get_by_label("Reason").fill("Looks alike")
    page.keyboard.press("Enter")
    page.get_by_label("Reason").fill("")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    press(page, "r")
    page.get_by_role("button", name="Relate", exact=True).press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("The 18 Fr of it")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("not the same")
    item.refresh_from_db()
    assert item.resolution != "accepted"


def test_letters_typed_while_the_list_answers_are_kept_and_asked_for(page, live_server):
    kit.feed("erp", {"E1": kit.CATHETER, "E9": kit.STAPLER})
    sign_in(page, live_server, "viewer")
    page.goto(f"{live_server.url}/items/")
    page.wait_for_load_state("load")
    held = []
    page.route(re.compile(r"/items/\?q=cath&"), lambda route: held.append(route))
    find = page.get_by_label("Name, code or id")
    with page.expect_request(re.compile(r"/items/\?q=cath&")):
        find.press_sequentially("cath")
    page.keyboard.type("eter")
    held[0].continue_()
    expect(page).to_have_url(re.compile("q=catheter&"))
    expect(find).to_have_value("catheter")
    expect(find).to_be_focused()
    expect(page.locator("#said")).to_contain_text("match “catheter”")
    assert page.locator("#export input[name=q]").input_value() == "catheter"


def test_what_asks_by_itself_takes_neither_the_focus_nor_the_page(page, live_server, sandbox, erp):  # noqa: F811
    at_console(page, live_server, sandbox, 1)
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.evaluate(POLL)
    expect(pause).to_be_focused()
    reason = page.get_by_role("textbox", name="Reason")
    reason.fill("The payload is wrong")
    page.context.clear_cookies(name="sessionid")
    page.evaluate(POLL)
    expect(page.locator("#messages")).to_contain_text("You have been signed out")
    expect(reason).to_have_value("The payload is wrong")


def test_a_form_is_sent_once_however_often_its_key_is_pressed(page, live_server, sandbox, erp):  # noqa: F811
    at_console(page, live_server, sandbox, 2)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/decide/") else None)
    page.evaluate("""() => { const key = document.querySelector("[data-key=p]"); key.click(); key.click(); }""")
    expect(page.locator("#messages")).to_contain_text("1 delivery sent again")
    assert len(sent) == 1
