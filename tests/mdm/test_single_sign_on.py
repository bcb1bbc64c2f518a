"""Signing in with an account of an OpenID provider: who it is, what they may, and what is not believed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.core.checks import run_checks
from django.test import Client, override_settings
from pytest_django.fixtures import Settings

from mdm.models import AuditEntry, User
from tests.mdm import kit, openid

pytestmark = pytest.mark.django_db
MARIA = {"sub": "4711", "email": "maria@hospital.example", "email_verified": True, "preferred_username": "maria",
         "given_name": "Maria", "family_name": "Santos"}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[openid.Provider]:
    with openid.running() as running:
        yield running


@pytest.fixture
def provider(server: openid.Provider, settings: Settings) -> openid.Provider:
    cache.clear()
    server.claims, server.token, server.userinfo, server.key = dict(MARIA), {}, {}, openid.KEY
    settings.OIDC_ISSUER, settings.OIDC_NAME, settings.OIDC_ROLES = server.issuer, "Mercy ID", {}
    settings.OIDC_CLIENT_ID = openid.CLIENT
    app = {"provider_id": "sso", "name": "Mercy ID", "client_id": openid.CLIENT, "secret": openid.SECRET}
    app["settings"] = {"server_url": server.issuer}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    return server


def come(provider: openid.Provider, client: Client | None = None, **query: str):
    """Press the button, sign in at the provider, come back."""
    client = client or Client()
    sent = client.get("/login/sso/start/", query)
    assert sent.status_code == 302
    assert sent["Location"].startswith(f"{provider.issuer}/authorization?")
    return client, client.get(provider.agrees(sent["Location"]))


def refused(answer, status: int, text: str) -> None:
    assert answer.status_code == status
    assert text in answer.content.decode()
    assert "_auth_user_id" not in answer.client.session


def test_the_button_is_there_when_a_provider_is_set(provider):
    page = Client().get("/login/?next=/items/").content.decode()
    assert "Sign in with Mercy ID" in page
    assert 'href="/login/sso/start/?next=%2Fitems%2F"' in page


def test_without_a_provider_there_is_no_button_and_no_way():
    assert "/login/sso/" not in Client().get("/login/").content.decode()
    assert Client().get("/login/sso/start/").status_code == 404
    assert Client().get("/login/sso/back/?code=x&state=y").status_code == 404


def test_whoever_is_new_gets_an_account_without_any_right(provider):
    client, answer = come(provider, next="/items/")
    assert answer["Location"] == "/items/"
    user = User.objects.get(username="maria")
    assert (user.display_name, user.email) == ("Maria Santos", "maria@hospital.example")
    assert not user.groups.exists()
    assert not user.has_usable_password()
    assert client.get("/items/").status_code == 403
    done = AuditEntry.objects.filter(object_id=str(user.pk)).order_by("pk").values_list("action", "after")
    assert list(done) == [("user.create", {"roles": []}), ("user.sign_in", {"by": "single sign-on"})]


def test_a_verified_address_leads_to_the_account_that_has_it(provider):
    user = kit.person("m.santos", "steward")
    User.objects.filter(pk=user.pk).update(email="Maria@hospital.example")
    client, _ = come(provider)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert client.get("/items/").status_code == 200
    assert User.objects.get(pk=user.pk).groups.get().name == "steward"


def test_from_then_on_the_subject_counts_whatever_the_address(provider):
    come(provider)
    first = User.objects.get(username="maria")
    other = kit.person("other")
    User.objects.filter(pk=other.pk).update(email="new@hospital.example")
    provider.claims["email"] = "new@hospital.example"
    client, _ = come(provider)
    assert client.session["_auth_user_id"] == str(first.pk)


def test_an_address_that_has_passed_to_somebody_else_opens_no_account(provider):
    come(provider)
    provider.claims["sub"] = "another-person"
    _, answer = come(provider)
    refused(answer, 403, "an account that somebody else signs in to")


def test_an_address_and_whether_it_is_verified_come_from_one_document(provider):
    kit.person("m.santos", "administrator")
    User.objects.filter(username="m.santos").update(email="old@hospital.example")
    provider.token = {"email": "old@hospital.example", "email_verified": False}
    provider.userinfo = {"email": "maria@hospital.example", "email_verified": True}
    client, _ = come(provider)
    assert User.objects.get(pk=client.session["_auth_user_id"]).username == "maria"


@pytest.mark.parametrize("said", [{"groups": 7}, {"groups": {"a": 1}}, {"_claim_names": {"groups": "src1"}}])
def test_groups_that_are_not_told_take_no_role_away(provider, settings, said):
    settings.OIDC_ROLES = {"mdm-stewards": "steward"}
    provider.claims["groups"] = ["mdm-stewards"]
    come(provider)
    del provider.claims["groups"]
    provider.claims |= said
    come(provider)
    assert User.objects.get(username="maria").groups.get().name == "steward"


@pytest.mark.parametrize("verified", [False, None, "false"])
def test_an_address_that_nobody_verified_leads_nowhere_and_is_not_kept(provider, verified):
    kit.person("m.santos", "administrator")
    User.objects.filter(username="m.santos").update(email=MARIA["email"])
    provider.claims["email_verified"] = verified
    client, _ = come(provider)
    user = User.objects.get(pk=client.session["_auth_user_id"])
    assert (user.username, user.email) == ("maria", "")
    assert not user.groups.exists()


def test_a_name_that_is_taken_is_not_taken_over(provider):
    kit.person("maria", "administrator")
    client, _ = come(provider)
    user = User.objects.get(pk=client.session["_auth_user_id"])
    assert user.username != "maria"
    assert not user.groups.exists()


def test_an_address_of_two_accounts_is_refused(provider):
    for name in ("one", "two"):
        kit.person(name)
        User.objects.filter(username=name).update(email=MARIA["email"])
    refused(come(provider)[1], 403, "Several accounts have your e-mail address.")


def test_an_account_that_is_switched_off_stays_out(provider):
    come(provider)
    User.objects.filter(username="maria").update(is_active=False)
    refused(come(provider)[1], 403, "This account is switched off.")


def test_groups_that_are_mapped_give_and_take_roles(provider, settings):
    settings.OIDC_ROLES = {"mdm-stewards": "steward", "mdm-approvers": "approver"}
    provider.claims["groups"] = ["mdm-stewards", "everybody"]
    client, _ = come(provider)
    user = User.objects.get(username="maria")
    assert [group.name for group in user.groups.all()] == ["steward"]
    assert client.get("/items/").status_code == 200
    user.groups.add(kit.person("v", "viewer").groups.get())  # by an administrator
    provider.claims["groups"] = "mdm-approvers"
    come(provider)
    assert {group.name for group in user.groups.all()} == {"approver", "viewer"}
    del provider.claims["groups"]
    come(provider)
    assert {group.name for group in user.groups.all()} == {"viewer"}
    told = AuditEntry.objects.filter(action="user.roles").order_by("pk").values_list("before__roles", "after__roles")
    assert list(told) == [([], ["steward"]), (["steward"], ["approver"]), (["approver"], [])]


@pytest.mark.parametrize(
    "token",
    [{"iss": "https://elsewhere.example"}, {"aud": "another"}, {"exp": int(time.time()) - 60}],
    ids=lambda token: next(iter(token)),
)
def test_a_token_for_others_or_of_yesterday_is_refused(provider, token):
    provider.token = token
    refused(come(provider)[1], 401, "could not be used")
    assert not User.objects.filter(username="maria").exists()


def test_a_token_that_somebody_else_signed_is_refused(provider):
    provider.key = openid.STRANGERS
    refused(come(provider)[1], 401, "could not be used")


def test_what_is_told_of_another_subject_is_refused(provider):
    provider.userinfo = {"sub": "1"}
    refused(come(provider)[1], 401, "could not be used")


def test_an_answer_that_nobody_asked_for_is_refused(provider):
    _, address = Client(), Client().get("/login/sso/start/")["Location"]
    refused(Client().get(provider.agrees(address)), 401, "could not be used")


def test_who_thinks_better_of_it_is_back_at_the_login_page(provider):
    client = Client()
    state = provider.agrees(client.get("/login/sso/start/")["Location"]).partition("state=")[2]
    answer = client.get(f"/login/sso/back/?error=access_denied&state={state}")
    assert answer["Location"] == "/login/"


def test_nobody_is_sent_on_to_another_site(provider):
    assert come(provider, next="https://elsewhere.example/")[1]["Location"] == "/"


def test_an_account_can_not_be_hung_onto_whoever_is_signed_in(provider):
    client = Client()
    client.force_login(kit.steward(), backend="django.contrib.auth.backends.ModelBackend")
    assert come(provider, client, process="connect")[1].status_code == 401
    assert not kit.steward().socialaccount_set.exists()


def test_a_provider_that_is_away_is_said_to_be(provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:1"
    refused(Client().get("/login/sso/start/"), 503, "doesn’t answer")


def test_who_has_a_second_factor_is_asked_for_it_here_too(provider):
    from allauth.mfa.models import Authenticator

    user = kit.person("m.santos", "steward")
    User.objects.filter(pk=user.pk).update(email=MARIA["email"])
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": ""})
    client, answer = come(provider)
    assert answer["Location"].startswith("/login/code/")
    assert "_auth_user_id" not in client.session


def test_settings_that_do_not_fit_are_named(provider):
    found = [check.msg for check in run_checks() if check.id == "concord.E002"]
    assert found == []
    with override_settings(HTTPS=True, OIDC_ROLES={"mdm": "boss"}):
        found = [check.msg for check in run_checks() if check.id == "concord.E002"]
    assert found == ["OIDC_ISSUER is not an https:// address.", "OIDC_ROLES names boss."]
