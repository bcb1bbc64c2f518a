"""A value changed by hand at the sandbox's ERP is found, and each of the three answers works in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from mdm.models import ChangeRequest
from mdm.services import requests
from sync import reconcile
from sync.models import Target
from sync.sandbox.launch import Sandbox
from tests.e2e.test_integration import tab_to
from tests.e2e.test_review import deliver, erp, sandbox, sign_in
from tests.mdm import kit

__all__ = ["erp", "sandbox"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def held(sandbox: Sandbox) -> dict[str, Any]:
    return next(iter(sandbox.state("erp", "item")))["fields"]


def adrift(target: Target) -> int:
    return reconcile.compare(target, actor=kit.steward()).drifted


def test_each_of_the_three_answers_to_drift_works_by_keyboard(page: Page, live_server, sandbox, erp):
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "Haldena", "category": "Urology"}})
    golden = kit.golden("erp", "E1")
    deliver()
    mine = {"brandName": "Halden Gold", "itemCategory": "Continence", "sizeText": "sixteen"}
    sandbox.edit("erp", "item", golden.public_id, **mine)
    assert adrift(erp) == 1
    sign_in(page, live_server, "steward")

    answer(page, live_server, "Brand", "Let it keep theirs", "They print it so")
    expect(page.locator("#exceptions")).to_contain_text("They print it so")
    answer(page, live_server, "Category", "Take theirs", "They know better")
    expect(page.locator("main")).to_contain_text("Proposed")
    answer(page, live_server, "Size", "Send ours", "Somebody slipped")
    expect(page.locator("main")).to_contain_text("Pushed")
    deliver()
    assert not held(sandbox)["sizeText"]

    requests.approve(request=ChangeRequest.objects.get(), actor=kit.approver())
    deliver()
    assert kit.fresh(golden).attributes.category == "Continence"
    assert (held(sandbox)["itemCategory"], held(sandbox)["brandName"]) == ("Continence", "Halden Gold")
    assert kit.fresh(golden).attributes.brand == "Haldena"
    assert adrift(erp) == 0


def answer(page: Page, live_server, field: str, name: str, reason: str) -> None:
    """Tick a field, ask for an answer, look at what it does, say why and give it."""
    page.goto(f"{live_server.url}/sync/")
    page.get_by_role("link", name="Ledger").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Drift at Ledger")
    tab_to(page, field)
    page.keyboard.press("Space")
    tab_to(page, name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    tab_to(page, "Reason")
    page.keyboard.type(reason)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Drift at Ledger")
