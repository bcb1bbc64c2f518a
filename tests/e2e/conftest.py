"""A real browser: the system's Chromium, through Playwright. No browser: skipped, unless one is required."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each module: while it is open its event loop runs in this thread, and other tests want their own.

    The tests' own use of the database is not async for that, which Django has to be told.
    """
    path = executable()
    if path is None:
        why = f"No browser: none of {', '.join(NAMES)} is on the PATH and CHROMIUM is not set."
        if os.environ.get("CONCORD_REQUIRE_BROWSER") == "1":
            pytest.fail(why)
        pytest.skip(why)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains about: errors, refused by the content security policy, requests that fail."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda m: complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    opened.on("requestfailed", lambda r: complaints.append(f"failed: {r.url} {r.failure}"))
    yield opened
    context.close()
