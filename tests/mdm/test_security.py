"""What every answer carries, what a guesser meets, and what the production defaults are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import structlog
from django.conf import settings
from django.contrib.auth import authenticate, login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory

from mdm import context, middleware
from mdm.api import problems
from mdm.models import AuditEntry
from tests.mdm.api import world

PATHS = ["/healthz", "/api/v1/nothing-here", "/api/docs/", "/api/schema/", "/no/such/page"]


@pytest.fixture
def visitor(db) -> Client:
    return world.browser(world.user("vera", "viewer"))


# --------------------------------------------------------------------------------------------------------- headers
@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_strict_policies(visitor, path):
    answer = visitor.get(path)
    policy = dict(part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_the_documentation_loads_only_our_own_files_and_no_inline_script(visitor):
    page = visitor.get("/api/docs/")
    html = page.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert any("swagger-ui" in source for source in sources)
    assert all(source.startswith("/") for source in sources)
    assert not re.findall(r"<script>|<script[^>]*>[^<]|<style|style=", html)
    script = next(source for source in sources if "script=" in source).replace("&amp;", "&")
    answer = visitor.get(script)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/javascript")


def test_answers_about_masters_are_not_kept_by_caches(visitor):
    assert "no-store" in visitor.get("/api/v1/items")["Cache-Control"]


# ------------------------------------------------------------------------------------------------------ request ids
def test_a_well_formed_request_id_is_kept_and_any_other_replaced(visitor):
    assert visitor.get("/healthz", headers={"X-Request-ID": "trace-12345678"})["X-Request-ID"] == "trace-12345678"
    for bad in ("short", "x" * 65, "a b c d e f g", "<script>alert", "line\u2028break1"):
        assert re.fullmatch(r"[0-9a-f]{32}", visitor.get("/healthz", headers={"X-Request-ID": bad})["X-Request-ID"])


def test_the_request_id_is_in_audit_rows_and_logs_and_gone_afterwards(db):
    seen = {}

    def view(request: HttpRequest) -> object:
        seen.update(structlog.contextvars.get_contextvars(), id=context.request_id())
        return problems.respond(request, problems.Http404())

    request = RequestFactory().get("/", headers={"X-Request-ID": "trace-12345678"})
    middleware.RequestContext(view)(request)
    assert seen == {"request_id": "trace-12345678", "id": "trace-12345678"}
    assert context.request_id() == ""
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_an_audit_row_names_the_request_that_wrote_it(db):
    from mdm.changes import Change

    actor = world.user("maria")
    with context.working_as("trace-12345678"):
        Change.begin(actor, "test").audit()
    assert AuditEntry.objects.get().request_id == "trace-12345678"


# ---------------------------------------------------------------------------------------------------------- errors
def test_an_unexpected_error_is_a_problem_that_tells_nothing_of_the_inside(visitor, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("mdm.lookup.resolve_many", fail)
    monkeypatch.setattr("mdm.services.publish.payloads", fail)
    visitor.raise_request_exception = False
    for path in ("/api/v1/crosswalk/erp-item/1", "/api/v1/items"):
        answer = visitor.get(path)
        assert answer.status_code == 500
        assert answer["Content-Type"] == "application/problem+json"
        assert b"hunter2" not in answer.content
        assert answer.json()["request_id"] == answer["X-Request-ID"]


def test_a_database_that_is_away_is_a_problem_to_retry(visitor, monkeypatch):
    def away(*_, **__):
        raise problems.OperationalError("connection refused")

    monkeypatch.setattr("mdm.lookup.resolve_many", away)
    answer = visitor.get("/api/v1/crosswalk/erp-item/1")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_a_database_that_is_away_while_the_key_is_checked_is_the_same_problem(db, monkeypatch):
    def away(*_):
        raise problems.OperationalError("connection refused")

    monkeypatch.setattr("mdm.auth.authenticate", away)
    answer = Client().get("/api/v1/items", headers={"Authorization": "Bearer ck_a_b"})
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")


def test_nested_validation_errors_point_to_their_place():
    nested = problems.ValidationError({"records": [{}, {"code": ["Too long."]}]})
    assert problems.of(nested)["errors"] == [{"pointer": "#/records/1/code", "detail": "Too long."}]


# --------------------------------------------------------------------------------------------------------- lockout
def sign_in(password: str, address: str = "10.0.0.1") -> bool:
    request = RequestFactory().post("/login/", REMOTE_ADDR=address)
    request.session = SessionStore()
    user = authenticate(request, username="maria", password=password)
    if user is not None:
        login(request, user, "django.contrib.auth.backends.ModelBackend")
    return user is not None


GOOD = "a long enough password"


def test_five_wrong_passwords_lock_the_name_at_that_address_and_only_there(db):
    world.user("maria")
    assert not any(sign_in("wrong") for _ in range(settings.AXES_FAILURE_LIMIT))
    assert not sign_in(GOOD)
    assert sign_in(GOOD, "10.0.0.2")


def test_a_good_password_forgets_the_wrong_ones_before_it(db):
    world.user("maria")
    for _ in range(2):
        assert not any(sign_in("wrong") for _ in range(settings.AXES_FAILURE_LIMIT - 1))
        assert sign_in(GOOD)


# ------------------------------------------------------------------------------------------------------ production
def test_the_production_defaults_are_secure():
    """`check --deploy` under the defaults, and the settings that it doesn't look at."""
    script = (
        "import django, json; from django.conf import settings as s; django.setup();"
        "from django.core.checks import run_checks;"
        "bad = [str(m) for m in run_checks(tags=['security'], include_deployment_checks=True)];"
        "names = ['DEBUG', 'SESSION_COOKIE_SECURE', 'CSRF_COOKIE_SECURE', 'SESSION_COOKIE_HTTPONLY'];"
        "print(json.dumps([bad, {n: getattr(s, n) for n in names}, s.PASSWORD_HASHERS, s.ALLOWED_HOSTS]))"
    )
    environment = {k: v for k, v in os.environ.items() if k not in {"CONCORD_HTTPS", "DEBUG"}}
    environment["DJANGO_SETTINGS_MODULE"] = "mdm.settings"
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    bad, values, hashers, hosts = json.loads(ran.stdout.splitlines()[-1])
    assert bad == []
    assert values.pop("DEBUG") is False
    assert all(values.values())
    assert hashers[0].endswith("Argon2PasswordHasher")
    assert "*" not in hosts


def test_the_secrets_are_generated_and_for_the_owners_eyes_only():
    for name in ("secret_key", "api_key_pepper"):
        path = settings.VAR_DIR / name
        if path.exists():
            assert path.stat().st_mode & 0o077 == 0
    assert len(settings.API_KEY_PEPPER) >= 32
    assert settings.API_KEY_PEPPER != settings.SECRET_KEY
