"""Fixtures for every test. PostgreSQL and Redis are real: the embedded ones unless the environment names others."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo
from pytest_django.live_server_helper import LiveServer

from mdm import embedded, env

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def servers() -> None:
    """PostgreSQL and Redis, running."""
    embedded.ensure()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """Asked for before the test database is made, so the first test that needs one starts the servers.

    The database is named after the migrations and kept: it is made anew when they change (or with --create-db).
    """
    migrations = sorted(Path(settings.BASE_DIR).glob("*/migrations/*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in migrations)).hexdigest()[:10]
    connections["default"].settings_dict["TEST"]["NAME"] = f"test_concord_{digest}"


@pytest.fixture
def environment(servers: None) -> dict[str, str]:
    """For processes that a test starts: the environment in which they use the test's database and Redis."""
    database = connections["default"].settings_dict
    parts = {"dbname": database["NAME"], "user": database["USER"], "password": database["PASSWORD"]}
    place = {"host": database["HOST"], "port": database["PORT"]}
    conninfo = make_conninfo(**{key: value for key, value in {**parts, **place}.items() if value})
    return {
        "CONCORD_HTTPS": "0",
        "DATABASE_URL": conninfo,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "API_KEY_PEPPER": settings.API_KEY_PEPPER,
    }


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Without one its tests are skipped, or fail where CONCORD_REQUIRE_BROWSER is set."""
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "No Chromium on the PATH; install it or set CHROMIUM."
    if env.flag("CONCORD_REQUIRE_BROWSER", default=False):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's own event loop makes Django believe in asyncio
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium's sandbox does not work for root
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A page of a fresh browser profile. Paths are relative to the live server: ``page.goto("/")``.

    What the console reports as an error, the strict content security policy's refusals among it, fails the test.
    """
    errors: list[str] = []
    with browser.new_context(base_url=live_server.url) as context:
        opened = context.new_page()
        opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
    assert errors == []
