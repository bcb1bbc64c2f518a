"""A real browser: the system's Chromium, through Playwright. No browser: skipped, unless one is required."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect, sync_playwright

from tests.e2e import hospital as hospitals
from tests.e2e.hospital import Hospital

NAMES = ("chromium", "chromium-browser", "google-chrome")
expect.set_options(timeout=20_000)  # ms; a busy machine is no reason to fail
OPENING = 90_000  # ms for a page to open: the first of a process compiles its templates
LOCAL = re.compile(r"(https?://(localhost|127\.0\.0\.1)(:\d+)?/|data:|blob:|about:|file:)")
WATCH_POLICY = """
  document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`content security policy: ${event.violatedDirective} refused ${event.blockedURI}`));
"""


class Complaints(list[str]):
    """What the browser complains about: errors, refusals of the content security policy, requests that fail or would
    leave the machine. None is left at the end of a test; what a test means to provoke, it expects.
    """

    def expect(self, pattern: str) -> None:
        """Take out the complaints that match. Fails when there is none, so that no expectation outlives its cause."""
        left = [text for text in self if not re.search(pattern, text)]
        assert len(left) < len(self), f"Nobody complained of {pattern!r}: {list(self)}"
        self[:] = left


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
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    """A page of a desktop browser. Whatever it complained of and nobody expected fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield watched(context, complaints)
    context.close()
    assert not complaints, "\n".join(complaints)


def watched(context: BrowserContext, complaints: Complaints) -> Page:
    """A new page whose complaints are noted. Nothing it asks for leaves this machine."""
    context.set_default_navigation_timeout(OPENING)
    context.add_init_script(WATCH_POLICY)
    context.route(lambda url: not LOCAL.match(url), lambda route: _refuse(route, complaints))
    opened = context.new_page()
    opened.on("console", lambda m: complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    opened.on("requestfailed", lambda request: _note_failure(request, complaints))
    return opened


def _refuse(route: Route, complaints: Complaints) -> None:
    complaints.append(f"off host: {route.request.url}")
    route.abort()


def _note_failure(request: Request, complaints: Complaints) -> None:
    if request.failure != "net::ERR_ABORTED":  # left for another page, or replaced by a newer request
        complaints.append(f"failed: {request.url} {request.failure}")


@pytest.fixture(scope="module")
def hospital(
    django_db_setup: None, django_db_blocker: pytest.DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hospital]:
    """A small made-up hospital at work, kept for a whole module. Tests that ask for it look and change nothing."""
    with django_db_blocker.unblock(), hospitals.opened(tmp_path_factory.mktemp("hospital")) as found:
        yield found
