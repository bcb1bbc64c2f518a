"""The main job in a browser: log in, decide by keyboard, see the golden record change and the target confirm it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from mdm.models import GoldenRecord, SourceSystem, WorkItem
from sync.models import Lane, Target
from sync.sandbox.launch import Sandbox
from tests.mdm import kit

PASSWORD = "a long enough password"

LOOK = 750  # ms; twice what it takes to look at a pair (BLINK of review.js): keys pressed sooner are taken for a slip
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path) as running:
        yield running


@pytest.fixture
def erp(sandbox: Sandbox) -> Target:
    """The sandbox's ERP, subscribed to items."""
    found = sandbox.targets["erp"]
    kit.code_system("erp")
    target = Target(code="erp", name="Ledger", adapter=found["adapter"], config=found["config"], pace=0.02)
    target.system, target.subscriptions = SourceSystem.objects.get(code="erp"), {"item": {}}
    target.secrets = found["secrets"]
    target.save()
    return target


def sign_in(page: Page, server: LiveServer, *roles: str) -> None:
    user = kit.person("maria", *roles)
    user.set_password(PASSWORD)
    user.save()
    page.goto(server.url)
    page.get_by_label("User name").fill("maria")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Good")
    page.wait_for_load_state("load")  # keys are heard once the scripts have run


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def deliver() -> None:
    call_command("deliver", until_idle=True, seconds=30)


def test_a_review_decided_by_keyboard_reaches_the_target(page, live_server, sandbox, erp):
    item = kit.doubtful()
    golden = kit.golden("erp", "E1")
    deliver()
    sign_in(page, live_server, "steward")

    press(page, "g", "r")
    expect(page.get_by_role("heading", level=1)).to_have_text(item.title)
    page.wait_for_load_state("load")
    page.keyboard.press("d")  # differences only
    page.keyboard.press("a")  # the golden record's own description…
    expect(page.locator(".cmp-why--mine").first).to_be_visible()
    page.keyboard.press("b")  # …no, the incoming one, as the rule has it
    expect(page.locator(".cmp-why--mine")).to_have_count(0)
    page.wait_for_timeout(LOOK)
    page.keyboard.press("m")
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue is clear")
    expect(page.locator("#messages")).to_contain_text(f"Matched with {golden.public_id}")

    deliver()
    page.goto(f"{live_server.url}/items/{golden.public_id}/")
    golden = GoldenRecord.objects.get(pk=golden.pk)
    expect(page.locator("#sources")).to_contain_text("D1")
    expect(page.locator("#attributes")).to_contain_text("Foley catheter, 18 Fr, 5 mL, silicone-coated")
    expect(page.locator("#sync")).to_contain_text(f"v{golden.version}")
    assert Lane.objects.get(target=erp, record=golden).in_step
    held = next(row for row in sandbox.state("erp", "item") if row["id"] == golden.public_id)
    assert "18 Fr" in str(held)


def test_a_decision_is_taken_back_with_one_key(page, live_server):
    item = kit.doubtful()
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/review/{item.pk}/")
    page.wait_for_timeout(LOOK)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue is clear")
    page.keyboard.press("z")
    expect(page.get_by_role("heading", level=1)).to_have_text(item.title)
    item.refresh_from_db()
    assert item.state == WorkItem.State.OPEN


def test_keys_rest_while_one_types_and_when_turned_off(page, live_server):
    item = kit.doubtful()
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/review/{item.pk}/")
    page.get_by_label("Reason").fill("")
    page.get_by_label("Reason").press_sequentially("mnz")
    item.refresh_from_db()
    assert item.state == WorkItem.State.OPEN
    page.get_by_role("heading", level=1).focus()
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn single keys off").click()
    page.get_by_role("heading", level=1).focus()
    page.wait_for_timeout(LOOK)
    page.keyboard.press("m")
    page.wait_for_timeout(300)
    item.refresh_from_db()
    assert item.state == WorkItem.State.OPEN


def test_a_refused_delivery_is_sent_again_by_keyboard(page, live_server, sandbox, erp):
    kit.feed("erp", {"E1": kit.CATHETER, "E9": kit.STAPLER})
    sandbox.fault("erp", "reject", count=2)
    deliver()
    assert Lane.objects.filter(state="dead").count() == 2
    sign_in(page, live_server, "steward")
    press(page, "g", "s")
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    page.wait_for_load_state("load")  # keys are heard once the scripts have run
    page.keyboard.press("j")
    expect(page.locator("tr[data-lane]").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("p")
    expect(page.locator("#messages")).to_contain_text("1 delivery sent again")
    page.wait_for_load_state("load")
    page.keyboard.press("p")
    expect(page.locator("#dead")).to_contain_text("No dead letters")
    deliver()
    assert all(lane.in_step for lane in Lane.objects.all())


def test_the_theme_changes_at_once_and_is_remembered(page, live_server):
    sign_in(page, live_server, "viewer")
    for expected in ("light", "dark"):
        with page.expect_response("**/preferences/theme/"):
            page.get_by_role("button", name=re.compile("^Theme")).click()
        expect(page.locator("html")).to_have_attribute("data-theme", expected)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_essential_paths_work_without_javascript(browser, live_server):
    item = kit.doubtful()
    golden = kit.golden("erp", "E1")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/review/{item.pk}/")
    page.get_by_role("button", name=re.compile("^Match")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue is clear")
    page.goto(f"{live_server.url}/items/{golden.public_id}/edit/")
    page.get_by_label("Brand").fill("Flowline")
    page.get_by_label("Reason").fill("Printed on the pack")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#attributes")).to_contain_text("Flowline")
    context.close()
