"""Who may open what: every route, every kind of visitor, API keys and roles."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from mdm import access, auth, permissions, roles
from mdm.exceptions import Forbidden, Refused
from mdm.models import ApiKey, AuditEntry, User
from tests.mdm.api import world

pytestmark = pytest.mark.django_db

LOOKUP = "/api/v1/crosswalk/erp-item/1"
# Pages for everybody. A new one is a decision, so it is written down here.
OPEN = {
    "healthz", "readyz", "login", "account_login", "mfa_authenticate", "openid_connect_login",
    "openid_connect_callback", "logout", "sync-api:inbound-webhook", "fhir:r4-metadata", "fhir:r5-metadata",
}  # fmt: skip
SAMPLES = ("1", "x", "items", "item", "2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11", "2026-05-03")


class Route(NamedTuple):
    name: str
    path: str
    view: Any

    @property
    def permission(self) -> str | None:
        return access.declared(self.view)


def routes(patterns: Any = None, prefix: str = "/", space: str = "") -> Iterator[Route]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + sample(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, path, f"{space}{entry.namespace}:" if entry.namespace else space)
        elif isinstance(entry, URLPattern):
            yield Route(f"{space}{entry.name or path}", path, entry.callback)


def sample(pattern: Any) -> str:
    """A path that the pattern matches: each converter gets the first sample that it takes."""
    text = str(pattern)
    for name, converter in pattern.converters.items():
        fitting = (s for s in SAMPLES if re.fullmatch(converter.regex, s) and takes(converter, s))
        text = re.sub(rf"<(\w+:)?{name}>", next(fitting), text)
    return re.sub(r"^\^|\[\\s\\S\]\*|\$$", "", text)


def takes(converter: Any, text: str) -> bool:
    try:
        converter.to_python(text)
    except ValueError:
        return False
    return True


ROUTES = list(routes())
CLOSED = [route for route in ROUTES if route.name not in OPEN]
every_closed_route = pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.path)


def test_the_walk_finds_every_route_by_a_path_that_leads_to_it():
    assert {"healthz", "login", "api:v1:crosswalk-lookup", "api:v1:items-list"} <= {route.name for route in ROUTES}
    assert all(resolve(route.path).func is route.view for route in ROUTES)


def test_every_route_declares_its_permission():
    silent = [route.path for route in ROUTES if route.permission is None]
    assert not silent, "declare it: mdm.access.requires(…), signed_in or public"


def test_every_declared_permission_exists():
    known = {access.PUBLIC, access.SIGNED_IN, *permissions.DESCRIPTIONS}
    assert {route.permission for route in ROUTES} <= known


def test_only_the_pages_named_here_are_open_to_everybody():
    assert {route.name for route in ROUTES if route.permission == access.PUBLIC} == OPEN


@every_closed_route
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_sent_to_log_in(route, method):
    answer = getattr(Client(), method)(route.path)
    if route.path.startswith("/api/") and not route.path.startswith("/api/docs"):
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
        assert answer["Content-Type"] == "application/problem+json"
    elif route.path.startswith("/fhir/"):
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["issue"][0]["code"] == "login"
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")


@every_closed_route
def test_a_user_without_permissions_is_refused(route):
    visitor = world.browser(world.user("nobody"))
    for method in ("get", "post"):
        status = getattr(visitor, method)(route.path).status_code
        if route.permission == access.SIGNED_IN:
            assert status not in {401, 403}
        else:
            assert status == 403


def test_a_view_that_declares_nothing_needs_more_than_a_login():
    assert access.declared(lambda request: None) is None
    assert access.DEFAULT in permissions.DESCRIPTIONS


def test_a_fragment_request_of_a_stranger_moves_the_whole_page_to_the_login():
    answer = Client().get("/work/", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"].startswith("/login/")


# ------------------------------------------------------------------------------------------------------- API keys
@pytest.fixture(autouse=True)
def no_keys_remembered():
    auth.forget()


@pytest.fixture
def interface() -> User:
    return world.user("erp-interface", "integration")


@pytest.fixture
def administrator() -> User:
    return world.user("ada", "administrator")


def status(client: Client) -> int:
    """404 when the lookup was allowed: there is nothing to find."""
    return client.get(LOOKUP).status_code


def test_a_key_opens_what_its_scopes_name(interface):
    assert status(world.machine(interface, permissions.LOOKUP)) == 404
    assert status(world.machine(interface, permissions.SUBMIT)) == 403


def test_a_scope_that_the_user_lacks_opens_nothing():
    visitor = world.user("visitor")
    assert status(world.machine(visitor, permissions.LOOKUP)) == 403


def test_services_see_the_scopes_of_the_key_not_the_roles_of_the_user(interface):
    _, token = ApiKey.objects.issue(user=interface, name="lookups only", scopes=[permissions.LOOKUP])
    actor = auth.authenticate(token)
    permissions.require(actor, permissions.LOOKUP)
    with pytest.raises(Forbidden):
        permissions.require(actor, permissions.SUBMIT)


@pytest.mark.parametrize("token", ["", "ck_", "ck_x_y", "nonsense", "ck_00000000_" + "x" * 43, "ck_ä_ö", "x" * 9000])
def test_a_made_up_token_is_refused(token):
    answer = Client().get(LOOKUP, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:concord:problem:invalid-token"


def test_a_bad_token_is_refused_even_beside_a_good_session(interface):
    client = world.browser(interface)
    assert client.get(LOOKUP, headers={"Authorization": "Bearer ck_x_y"}).status_code == 401


def test_an_expired_key_is_refused(interface):
    assert status(world.machine(interface, permissions.LOOKUP, expires_at=timezone.now())) == 401


def test_a_key_expires_while_it_is_remembered(interface, monkeypatch):
    soon = timezone.now() + dt.timedelta(seconds=60)
    client = world.machine(interface, permissions.LOOKUP, expires_at=soon)
    assert status(client) == 404
    monkeypatch.setattr("mdm.auth.timezone.now", lambda: soon)
    assert status(client) == 401


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(interface, administrator):
    client = world.machine(interface, permissions.LOOKUP)
    assert status(client) == 404
    auth.revoke(key=interface.api_keys.get(), actor=administrator, reason="lost")
    assert status(client) == 401
    assert AuditEntry.objects.get(action="api_key.revoke").reason == "lost"


def test_a_key_revoked_by_another_process_is_refused_after_thirty_seconds(interface, monkeypatch):
    client = world.machine(interface, permissions.LOOKUP)
    assert status(client) == 404
    ApiKey.objects.update(revoked_at=timezone.now())  # sends no signal, as another process wouldn't
    assert status(client) == 404
    now = auth.time.monotonic()
    monkeypatch.setattr("mdm.auth.time.monotonic", lambda: now + auth.CACHE_SECONDS + 1)
    assert status(client) == 401


def test_a_key_dies_with_its_users_role_and_account(interface):
    client = world.machine(interface, permissions.LOOKUP)
    assert status(client) == 404
    interface.groups.clear()
    assert status(client) == 403
    interface.is_active = False
    interface.save()
    assert status(client) == 401


def test_using_a_key_is_remembered_without_a_write_per_request(interface, django_assert_num_queries):
    client = world.machine(interface, permissions.LOOKUP)
    client.get("/api/v1/nothing-here")
    assert interface.api_keys.get().last_used_at
    with django_assert_num_queries(0):
        assert client.get("/api/v1/nothing-here").status_code == 404


def test_only_a_peppered_hash_of_a_key_is_stored(interface, settings):
    key, token = ApiKey.objects.issue(user=interface, name="k", scopes=[])
    secret = token.rpartition("_")[2] if token.count("_") == 2 else token.split("_", 2)[2]
    stored = " ".join(str(value) for value in ApiKey.objects.values_list().get(pk=key.pk))
    assert secret not in stored
    settings.API_KEY_PEPPER = "another"
    auth.forget()
    with pytest.raises(auth.InvalidToken):
        auth.authenticate(token)


def test_an_issued_key_holds_no_more_than_its_user(interface, administrator):
    with pytest.raises(Refused, match=r"lacks mdm\.administer"):
        auth.issue(user=interface, name="k", scopes=[permissions.ADMINISTER], actor=administrator)
    with pytest.raises(Refused, match=r"no permission mdm\.fly"):
        auth.issue(user=interface, name="k", scopes=["mdm.fly"], actor=administrator)
    with pytest.raises(Forbidden):
        auth.issue(user=interface, name="k", scopes=[permissions.LOOKUP], actor=interface)
    _, token = auth.issue(user=interface, name="k", scopes=[permissions.LOOKUP], actor=administrator)
    assert auth.authenticate(token) == interface
    assert AuditEntry.objects.get(action="api_key.issue").actor == administrator


def test_a_session_must_show_a_csrf_token_where_a_key_needs_none(interface):
    path = "/api/v1/sources/erp-item/records"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(interface)
    answer = strict.post(path, {}, content_type="application/json")
    assert (answer.status_code, "CSRF" in answer.json()["detail"]) == (403, True)
    _, token = ApiKey.objects.issue(user=interface, name="k", scopes=[permissions.SUBMIT])
    keyed = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {token}"})
    assert keyed.post(path, {}, content_type="application/json").status_code == 404


# ----------------------------------------------------------------------------------------------------------- roles
def granted(role: str) -> set[str]:
    group = Group.objects.get(name=role)
    return {f"mdm.{codename}" for codename in group.permissions.values_list("codename", flat=True)}


@pytest.mark.parametrize("role", permissions.ROLES)
def test_each_role_is_a_group_with_exactly_its_permissions(role):
    assert granted(role) == set(permissions.ROLES[role])
    user = world.user("somebody", role)
    assert {p for p in permissions.DESCRIPTIONS if user.has_permission(p)} == set(permissions.ROLES[role])


def test_a_role_changed_by_hand_is_put_right():
    Group.objects.get(name="viewer").permissions.set(Group.objects.get(name="steward").permissions.all())
    call_command("setup_roles", stdout=StringIO())
    assert granted("viewer") == set(permissions.ROLES["viewer"])


def test_setting_up_roles_leaves_other_groups_alone():
    own = Group.objects.create(name="night shift")
    roles.set_up()
    assert not own.permissions.exists()


def test_nobody_both_decides_and_approves_by_one_role():
    together = {permissions.DECIDE, permissions.APPROVE}
    assert not [role for role, held in permissions.ROLES.items() if together <= set(held)]


def test_the_system_never_approves_and_never_logs_in():
    system = User.objects.system()
    assert not system.has_permission(permissions.APPROVE)
    assert not system.is_active
    assert not system.has_usable_password()


# -------------------------------------------------------------------------------------------------------- commands
def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_create_user_makes_somebody_who_can_log_in(monkeypatch):
    monkeypatch.setenv("CONCORD_PASSWORD", "correct horse battery")
    run("create_user", "maria", "--role", "steward", "--role", "approver")
    maria = User.objects.get(username="maria")
    assert maria.check_password("correct horse battery")
    assert set(maria.groups.values_list("name", flat=True)) == {"steward", "approver"}
    assert AuditEntry.objects.get(action="user.create").after == {"roles": ["steward", "approver"]}
    with pytest.raises(CommandError, match="already"):
        run("create_user", "maria")


def test_create_user_refuses_a_weak_password(monkeypatch):
    monkeypatch.setenv("CONCORD_PASSWORD", "password")
    with pytest.raises(CommandError, match="too short"):
        run("create_user", "maria")
    assert not User.objects.filter(username="maria").exists()


def test_issue_api_key_prints_a_key_that_works():
    run("create_user", "erp-interface", "--role", "integration", "--no-login")
    token = run("issue_api_key", "erp-interface", "--name", "ERP", "--scope", "lookup_codes").strip()
    assert status(Client(headers={"Authorization": f"Bearer {token}"})) == 404
    with pytest.raises(CommandError, match="lacks"):
        run("issue_api_key", "erp-interface", "--name", "ERP", "--scope", "administer")
    with pytest.raises(CommandError, match="no user"):
        run("issue_api_key", "someone", "--name", "ERP", "--scope", "lookup_codes")


def test_route_names_are_unique():
    """A second route of the same name would hide the first from reverse()."""
    by_name = itertools.groupby(sorted(ROUTES, key=lambda r: r.name), key=lambda r: r.name)
    assert not [name for name, same in by_name if len(list(same)) > 1]
