"""An integration engineer's and a data owner's day at the keyboard: codes, files, versions, failed deliveries."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mdm.models import GoldenRecord, SourceRecord, SourceSystem
from sync.inbound import runner, services
from sync.models import FeedRun, Lane, Target
from sync.sandbox.launch import Sandbox
from tests.e2e.test_review import deliver, press, sign_in
from tests.mdm import kit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

BOXED = kit.CATHETER | {"packaging": [{"uom": "BX", "quantity": 10}]}
BROKEN = "Item Number,Item Description,Manufacturer Name,UOM\nA1,Foley catheter 16 Fr,Halden,EA\nA2,,,NOPE\n"


@pytest.fixture(autouse=True)
def store(settings, tmp_path: Path, monkeypatch):
    """Files of the test alone; an import waits for the test to run it."""
    settings.MEDIA_ROOT = tmp_path / "files"
    monkeypatch.setattr(services, "wake", lambda run_id: None)


def arrive(page: Page, address: str) -> None:
    """Wait until the page of this address has come and its scripts listen."""
    page.wait_for_url(address)
    page.wait_for_load_state("networkidle")


def tab_to(page: Page, label: str, most: int = 80) -> None:
    """Tab on until the control of this name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "[document.activeElement].map(e => e.ariaLabel || e.labels?.[0]?.innerText || e.innerText)[0]"
        )
        if label in (name or ""):
            return
    raise AssertionError(f"No way to {label!r} by keyboard")


def test_codes_are_resolved_by_keyboard_alone(page, live_server):
    kit.feed("erp", {"E1": BOXED})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    sign_in(page, live_server, "steward")
    press(page, "g", "x")
    arrive(page, "**/crosswalk/")
    tab_to(page, "One per line")
    page.keyboard.insert_text("E1 4 BX\nNOPE\nE1 2 WOZZLE")
    tab_to(page, "From")
    page.keyboard.type("ERP")
    tab_to(page, "To")
    page.keyboard.type("SCM")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+Enter")
    resolved = page.locator("#resolved")
    expect(resolved).to_contain_text("40 EA")
    expect(resolved).to_contain_text("1 exact")
    page.get_by_role("heading", level=1).click()  # out of the text field: single keys are heard again
    page.keyboard.press("n")
    expect(page.locator("[data-problem] > td:last-child").first).to_be_focused()
    expect(page.locator("#snippet")).to_contain_text('"code_system": "erp-item"')


def test_an_earlier_version_is_brought_back_by_keyboard_alone(page, live_server):
    kit.feed("erp", {"E1": kit.CATHETER | {"category": "Urology"}})
    kit.feed("erp", {"E1": kit.CATHETER | {"category": "Surgery"}})
    golden = kit.golden("erp", "E1")
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/items/{golden.public_id}/")
    page.wait_for_load_state("networkidle")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(page, "y")
    expect(page.locator("#messages")).to_contain_text("1 code copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "ERP\tRecord code\tE1\t"
    press(page, "t")
    arrive(page, "**/as-of/")
    press(page, "[")
    arrive(page, "**/as-of/?version=1")
    expect(page.locator(".past")).to_contain_text("Urology")
    tab_to(page, "Revert to it")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("The feed was wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("1 attribute as in version")
    assert kit.fresh(golden).attributes.category == "Urology"


def test_columns_to_check_are_accepted_by_keyboard_alone(page, live_server, tmp_path):
    kit.code_system("erp", "item")
    path = tmp_path / "items.csv"
    path.write_text("Item Number,Descriptn,Manufact Name,Catalog Nr\nA1,Foley,Halden,HM-16\n")
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/imports/new/")
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_label("It brings").select_option("ERP: items")
    page.get_by_role("button", name="Continue").click()
    count = page.locator("[data-to-check]")
    expect(count).to_have_text("3 to check")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("y")  # nothing is accepted out of sight
    expect(page.get_by_label("Descriptn becomes")).to_be_focused()
    expect(count).to_have_text("3 to check")
    page.keyboard.press("y")
    expect(count).to_have_text("2 to check")
    expect(page.get_by_label("Manufact Name becomes")).to_be_focused()
    page.keyboard.press("n")
    page.get_by_label("Catalog Nr becomes").select_option("Brand")  # who chooses has looked
    expect(count).to_have_text("1 to check")
    page.keyboard.press("n")
    page.keyboard.press("y")
    expect(count).to_have_text("All checked")


def test_a_file_is_imported_and_its_bad_row_mended_and_sent_again(page, live_server, tmp_path):
    kit.code_system("erp", "item")
    path = tmp_path / "items.csv"
    path.write_text(BROKEN)
    sign_in(page, live_server, "steward")
    press(page, "g", "i")
    arrive(page, "**/imports/")
    tab_to(page, "Upload a file")
    page.keyboard.press("Enter")
    arrive(page, "**/imports/new/")
    page.get_by_label("File", exact=True).set_input_files(path)  # the system's own dialog can't be driven by keys
    page.get_by_label("It brings").focus()
    page.keyboard.type("ERP: items")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")
    expect(page.locator("#dryrun")).to_contain_text("Put aside1")
    expect(page.locator("#dryrun")).to_contain_text("1 would become new golden records")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("items.csv")
    runner.run(FeedRun.objects.latest("pk").pk)
    page.reload()
    expect(page.locator("#mend")).to_contain_text("NOPE")
    tab_to(page, "Row 3, UOM")
    page.keyboard.type("EA")
    tab_to(page, "Send again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("mended items.csv")
    again = runner.run(FeedRun.objects.latest("pk").pk)
    assert again.state == FeedRun.State.DONE, again.message
    assert set(SourceRecord.objects.values_list("code", flat=True)) == {"A1", "A2"}


@pytest.mark.parametrize("content", [b"%PDF-1.7 nothing", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 no zip"])
def test_a_file_of_the_wrong_kind_is_refused_in_words(page, live_server, tmp_path, content):
    kit.code_system("erp", "item")
    path = tmp_path / "items.csv"
    path.write_bytes(content)
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/imports/new/")
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_label("It brings").select_option(label="ERP: items")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("main").last).to_contain_text("This file can’t be read")


def test_a_dead_letter_is_retried_by_keyboard_alone(page, live_server, tmp_path):
    with Sandbox(tmp_path / "sandbox") as sandbox:
        found = sandbox.targets["erp"]
        kit.code_system("erp")
        target = Target(code="erp", name="Ledger", adapter=found["adapter"], config=found["config"], pace=0.02)
        target.system, target.subscriptions = SourceSystem.objects.get(code="erp"), {"item": {}}
        target.secrets = found["secrets"]
        target.save()
        sandbox.fault("erp", "reject", count=1)
        kit.feed("scm", {"S1": kit.STAPLER})
        deliver()
        lane = Lane.objects.get()
        assert lane.state == Lane.State.DEAD
        sign_in(page, live_server, "steward")
        press(page, "g", "s")
        expect(page.locator("#dead")).to_contain_text(lane.record.name)
        page.wait_for_load_state("networkidle")
        press(page, "p")
        expect(page.locator("#messages")).to_contain_text("1 delivery sent again")
        deliver()
        page.reload()
        expect(page.locator("#dead")).to_contain_text("No dead letters")
        assert Lane.objects.get().in_step


def test_the_palette_leads_to_records_and_commands_by_keyboard_alone(page, live_server):
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    sign_in(page, live_server, "steward")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    page.keyboard.type("foley")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(golden.name)
    page.keyboard.press("Enter")
    arrive(page, f"**/items/{golden.public_id}/")
    page.keyboard.press("Control+k")
    page.keyboard.type("set dens")
    expect(page.locator("#palette-list [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


def test_a_list_is_narrowed_and_kept_as_a_view(page, live_server):
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains"}, "E2": kit.STAPLER})
    sign_in(page, live_server, "steward")
    page.goto(f"{live_server.url}/items/")
    page.wait_for_load_state("networkidle")
    page.get_by_role("search", name="Filter items").get_by_label("Latex").focus()
    page.keyboard.type("Contains")
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    assert "f.latex=contains" in page.url
    assert GoldenRecord.objects.filter(status="live").count() == 2
