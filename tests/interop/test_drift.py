"""Values changed by hand in Tryton are found, and each of the three answers to them works in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mdm.models import ChangeRequest, SourceSystem
from mdm.services import requests
from sync import reconcile
from sync.models import Target
from tests.e2e.conftest import browser, complaints, page
from tests.e2e.test_drift import answer
from tests.e2e.test_review import deliver, sign_in
from tests.interop.test_tryton import PASSWORD, Tryton, config_of, tryton
from tests.mdm import kit

__all__ = ["browser", "complaints", "page", "tryton"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def ledger(tryton: Tryton) -> Target:
    """Tryton, subscribed to items."""
    kit.code_system("erp")
    target = Target(code="erp", name="Ledger", adapter="tryton", config=config_of(tryton), pace=0.02)
    target.system, target.subscriptions = SourceSystem.objects.get(code="erp"), {"item": {}}
    target.secrets = {"TRYTON_PASSWORD": PASSWORD}
    target.save()
    return target


class Product:
    """One product, at Tryton's own screens."""

    def __init__(self, tryton: Tryton, code: str) -> None:
        self._tryton = tryton
        row = tryton.one("product.template", code, "products.id")
        (self._variant,) = [variant["id"] for variant in row["products."]]

    def texts(self) -> dict[str, str]:
        """The variant's description, and its identifiers by their type or first word."""
        names = ["description", "identifiers.id", "identifiers.type", "identifiers.code"]
        (found,) = self._tryton("product.product", "read", [self._variant], names)
        codes = {row["type"] or row["code"].partition(" ")[0]: row["code"] for row in found["identifiers."]}
        return {"description": found["description"], **codes}

    def describe(self, text: str) -> None:
        self._tryton("product.product", "write", [self._variant], {"description": text})

    def identify(self, old: str, new: str) -> None:
        where = [["product", "=", self._variant], ["code", "=", old]]
        (row,) = self._tryton("product.identifier", "search", where, 0, None, None)
        self._tryton("product.identifier", "write", [row], {"code": new})


def drifts(target: Target) -> dict[str, Any]:
    run = reconcile.compare(target, actor=kit.steward())
    assert run.error == ""
    return {drift.public_id: drift.fields for drift in run.drifts.all()}


def test_each_of_the_three_answers_to_drift_in_tryton_works_by_keyboard(
    page: Page, live_server: Any, tryton: Tryton, ledger: Target
) -> None:
    known = {"brand": "Haldena", "long_description": "Two-way, silicone.", "unspsc": "42142500"}
    kit.feed("erp", {"E1": kit.CATHETER | known})
    golden = kit.golden("erp", "E1")
    deliver()
    product = Product(tryton, "E1")
    product.identify("Haldena", "Halden Gold")
    product.describe("Two-way, latex.")
    product.identify("UNSPSC 42142500", "UNSPSC 42142599")
    assert drifts(ledger) == {
        golden.public_id: {
            "brand": ["Haldena", "Halden Gold"],
            "long_description": ["Two-way, silicone.", "Two-way, latex."],
            "unspsc": ["42142500", "42142599"],
        }
    }
    sign_in(page, live_server, "steward")

    answer(page, live_server, "Brand", "Let it keep theirs", "They print it so")
    expect(page.locator("#exceptions")).to_contain_text("They print it so")
    answer(page, live_server, "Long description", "Take theirs", "They know better")
    expect(page.locator("main")).to_contain_text("Proposed")
    answer(page, live_server, "UNSPSC", "Send ours", "Somebody slipped")
    expect(page.locator("main")).to_contain_text("Pushed")
    deliver()
    assert product.texts()["UNSPSC"] == "UNSPSC 42142500"

    requests.approve(request=ChangeRequest.objects.get(), actor=kit.approver())
    deliver()
    attributes = kit.fresh(golden).attributes
    assert (attributes.long_description, attributes.brand) == ("Two-way, latex.", "Haldena")
    assert (product.texts()["description"], product.texts()["brand"]) == ("Two-way, latex.", "Halden Gold")
    assert drifts(ledger) == {}
