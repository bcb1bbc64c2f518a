"""Every screen that people see: what is checked for accessibility, and what `make screenshots` draws.

A new page gets a line here; ``test_screens`` fails until it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.http import urlencode
from playwright.sync_api import Page

from mdm.models import Crosswalk, PendingReference, WorkItem
from sync.models import InboundMessage, Lane, Reconciliation
from tests.e2e.hospital import Hospital, open_change, rules_change

Args = Callable[[Hospital], list[Any]]


def nothing(hospital: Hospital) -> list[Any]:
    return []


@dataclass(frozen=True)
class Screen:
    name: str  # of its picture
    route: str
    args: Args = nothing
    query: dict[str, str] | None = None
    drawn: bool = True  # in docs/screens
    dark: bool = False  # drawn in dark, too
    narrow: bool = False  # drawn at 768 pixels, too
    signed_in: bool = True
    act: Callable[[Page], None] | None = None  # what to do before looking at it

    def url(self, hospital: Hospital) -> str:
        query = f"?{urlencode(self.query)}" if self.query else ""
        return hospital.url + reverse(self.route, args=self.args(hospital)) + query

    def __str__(self) -> str:
        return self.name


def show_keys(page: Page) -> None:
    page.keyboard.press("?")
    page.locator("#keys").wait_for()


def item(hospital: Hospital) -> list[Any]:
    return ["item", hospital.item.public_id]


def problem(hospital: Hospital) -> list[Any]:
    return [WorkItem.objects.filter(kind=WorkItem.Kind.FAILED_DELIVERY).latest("pk").pk]


def try_gate(page: Page) -> None:
    """What the publish gate would do if it asked for one attribute more."""
    page.get_by_label("GTIN, each", exact=True).check()
    page.get_by_role("button", name="What it would do").click()
    page.get_by_text("live records that lack some of it").wait_for()


def resolve_codes(page: Page) -> None:
    """Codes of the ERP, with units, and some that are none."""
    rows = Crosswalk.objects.filter(code_system__slug="erp-item", known_to=None).order_by("code")[:7]
    units = ("4 BX", "1 CA", "20 EA", "2 BX", "6 PK", "", "3 EA")
    lines = [f"{row.code}  {unit}" for row, unit in zip(rows, units, strict=False)]
    page.get_by_label("One per line").fill("\n".join([*lines, "EP-77131  1"]))
    page.get_by_label("From", exact=True).select_option("erp-item")
    page.get_by_label("To", exact=True).select_option("ehr-item")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Resolve").click()
    page.get_by_text("8 of 8 shown").wait_for()


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("cath")
    page.locator("#palette-list").get_by_text("CATH").first.wait_for()


def open_branch(page: Page) -> None:
    page.locator(".branch > summary").first.click()
    page.locator(".branch ul li").first.wait_for()


def keep_both(page: Page) -> None:
    """The first field in question keeps one value until a day, and takes the other from then on."""
    page.keyboard.press("e")
    page.locator(".other[open] input[value=both]").check()
    page.locator(".other[open] [data-until]").fill("2030-01-31")


def unmapped(hospital: Hospital) -> list[Any]:
    return [PendingReference.objects.order_by("pk").first().code_system.slug]  # type: ignore[union-attr]


def lane(hospital: Hospital) -> list[Any]:
    return [Lane.objects.filter(record=hospital.item).order_by("pk").first().pk]  # type: ignore[union-attr]


def drift(hospital: Hospital) -> list[Any]:
    return [Reconciliation.objects.latest("pk").pk]


def message(hospital: Hospital) -> list[Any]:
    return [InboundMessage.objects.latest("pk").pk]


SCREENS = [
    Screen("login", "login", signed_in=False),
    Screen("home", "home", dark=True),
    Screen("keys", "home", act=show_keys),
    Screen("search", "search", query={"q": "catheter"}),
    Screen("review", "review-item", lambda h: [h.review.pk], dark=True, narrow=True),
    Screen("review-both", "review-item", lambda h: [h.review.pk], act=keep_both, drawn=False),
    Screen("review-later", "review", query={"view": "later"}, drawn=False),
    Screen("review-bulk", "review-bulk", query={"view": "mine"}),
    Screen("review-blind", "review-blind"),
    Screen("work", "work"),
    Screen("work-item", "work-item", problem, drawn=False),
    Screen("approvals", "changes"),
    Screen("approval", "change", lambda h: [open_change().pk]),
    Screen("rules", "rules"),
    Screen("rules-match", "rules-detail", lambda h: ["match", "item"]),
    Screen("rules-survivorship", "rules-detail", lambda h: ["survivorship", "item"]),
    Screen("rules-words", "rules-words", drawn=False),
    Screen("rules-publish", "rules-detail", lambda h: ["publish", "item"], act=try_gate),
    Screen("rules-version", "rules-version", lambda h: ["match", "item", 1], drawn=False),
    Screen("rules-change", "change", lambda h: [rules_change().pk], dark=True),
    Screen("rules-pair", "change-pair", lambda h: [rules_change().pk, 1]),
    Screen("accuracy", "accuracy", query={"domain": "item"}),
    Screen("quality", "quality"),
    Screen("quality-all", "quality", query={"rules": "all", "period": "4w"}, drawn=False),
    Screen("quality-rule", "quality-rule", lambda h: ["item", "stated.gtin"]),
    Screen("governance", "governance"),
    Screen("governance-owner", "governance-owner", lambda h: ["item"], drawn=False),
    Screen("governance-attribute", "governance-attribute", lambda h: ["item", "latex"], drawn=False),
    Screen("audit", "audit"),
    Screen("items", "records", lambda h: ["item"]),
    Screen("suppliers", "records", lambda h: ["supplier"], drawn=False),
    Screen("locations", "records", lambda h: ["location"], drawn=False),
    Screen("cost-centers", "records", lambda h: ["cost_center"], drawn=False),
    Screen("golden", "golden", item, dark=True, narrow=True),
    Screen("golden-group", "golden-group", item),
    Screen("golden-versions", "golden-versions", item, drawn=False),
    Screen("golden-version", "golden-version", lambda h: [*item(h), h.item.version], drawn=False),
    Screen("golden-edit", "golden-edit", item),
    Screen("golden-as-of", "golden-as-of", item, query={"version": "1"}),
    Screen("golden-revert", "golden-revert", lambda h: [*item(h), 1]),
    Screen("golden-split", "golden-divide", item),
    Screen("golden-relate", "golden-relate", item, drawn=False),
    Screen("crosswalk", "crosswalk", act=resolve_codes, dark=True, narrow=True),
    Screen("unmapped", "unmapped"),
    Screen("unmapped-code", "unmapped-code", unmapped, query={"code": "1", "q": "medical"}, drawn=False),
    Screen("hierarchy", "tree", lambda h: ["location"], act=open_branch),
    Screen("hierarchy-moves", "tree-moves", lambda h: ["cost_center"], drawn=False),
    Screen("exports", "exports", drawn=False),
    Screen("downtime", "downtime"),
    Screen("palette", "home", act=open_palette),
    Screen("palette-page", "palette", query={"q": "cath"}, drawn=False),
    Screen("notifications", "notices"),
    Screen("settings", "settings"),
    Screen("second-factor", "mfa_index", drawn=False),
    Screen("imports", "sync:imports"),
    Screen("import-new", "sync:import-new"),
    Screen("import-map", "sync:import", lambda h: [h.run("draft").pk]),
    Screen("import-report", "sync:import", lambda h: [h.run("done").pk], drawn=False),
    Screen("messages", "sync:messages"),
    Screen("message", "sync:message", message),
    Screen("sync", "sync:console", dark=True),
    Screen("lanes", "sync:lanes", query={"state": "dead"}),
    Screen("lane", "sync:lane", lane, drawn=False),
    Screen("webhooks", "sync:webhooks"),
    Screen("target", "sync:target", lambda h: ["erp"]),
    Screen("target-edit", "sync:target-edit", lambda h: ["erp"]),
    Screen("target-mapping", "sync:target-mapping", lambda h: ["erp", "item"]),
    Screen("dry-run", "sync:target-dry-run", lambda h: ["erp"], drawn=False),
    Screen("target-new", "sync:target-new", drawn=False),
    Screen("drift", "sync:drift", drift),
    Screen("drift-answer", "sync:drift-answer", drift, query={"answer": "pin", "scope": "all"}, drawn=False),
    Screen("traces", "sync:traces", drawn=False),
    Screen("trace", "sync:trace", lambda h: [h.item.public_id], dark=True),
]

# Answers that are no pages: parts that a page asks for, and files.
NO_PAGES = {
    *("sync:live", "sync:dead", "sync:import-quarantine", "sync:import-template", "sync:import-template-xlsx"),
    *("notice-count", "export", "audit-export", "downtime-file", "change-pairs"),
}


def page_routes() -> set[str]:
    """The names of all routes that answer GET with a page of ours."""
    return {name for name, view in _routes(get_resolver()) if "GET" in getattr(view, "page_methods", ())}


def _routes(resolver: URLResolver, namespace: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            found.append((f"{namespace}{entry.name}", entry.callback))
        else:
            found += _routes(entry, f"{namespace}{entry.namespace}:" if entry.namespace else namespace)
    return found
