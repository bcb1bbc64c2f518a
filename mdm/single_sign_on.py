"""Signing in with the hospital's own accounts, by OpenID Connect (set by ``OIDC_…``; allauth speaks the protocol).

A user is known by the provider's subject. Whoever comes for the first time gets the account that has their e-mail
address, if the provider has verified it, else a new one. An account has no right by itself: roles are given by an
administrator, or by groups of the provider that ``OIDC_ROLES`` maps. Mapped roles are given and taken at each sign-in,
others are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import structlog
from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from mdm.changes import Change
from mdm.models import User

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialLogin

log = structlog.get_logger(__name__)

Claims = dict[str, Any]

NAME = "sso"  # of the provider, in addresses and in stored accounts


class Provider(OpenIDConnectOAuth2Adapter):
    def _decode_id_token(self, app: Any, id_token: str) -> Claims:
        """Check the signature, too: allauth spares itself that where it fetched the token, taking TLS for granted."""
        self.did_fetch_access_token = False
        claims: Claims = super()._decode_id_token(app, id_token)
        return claims


class People(DefaultSocialAccountAdapter):
    """Who it is that the provider vouches for."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find or make the account, so that none of allauth's ways to sign up is ever gone."""
        claims = _claims(request, sociallogin)
        with transaction.atomic():
            if not sociallogin.is_existing:
                sociallogin.connect(request, _by_email(request, claims) or _new(claims))
            user: Any = sociallogin.user
            if not user.is_active:
                refuse(request, "This account is switched off. An administrator can switch it on.")
            groups = claims.get(settings.OIDC_GROUPS_CLAIM)
            if _says_groups(claims, groups):
                take_roles(user, groups or ())

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, **_: Any) -> None:
        if error == AuthError.CANCELLED:
            raise ImmediateHttpResponse(redirect("login"))
        refuse(request, "The answer of the sign-in service could not be used. Try again.", status=401)


def refuse(request: HttpRequest, why: str, status: int = 403) -> NoReturn:
    raise ImmediateHttpResponse(refusal(request, why, status))


def refusal(request: HttpRequest, why: str, status: int) -> HttpResponse:
    return render(request, "auth/refused.html", {"why": why}, status=status)


def _claims(request: HttpRequest, sociallogin: SocialLogin) -> Claims:
    """What the signed token says, and what the provider tells besides about the same subject."""
    said = sociallogin.account.extra_data
    token, more = said.get("id_token") or {}, said.get("userinfo") or {}
    subjects = {claims.get("sub") for claims in (token, more) if claims} | {sociallogin.account.uid}
    if not token or len(subjects) != 1 or sociallogin.state.get("process") != AuthProcess.LOGIN:
        refuse(request, "The answer of the sign-in service could not be used. Try again.", status=401)
    # an address and whether it is verified come from one document: they may be of different times
    address = next((one for one in (token, more) if _verified_email(one)), token)
    return {**more, **token, **{name: address.get(name) for name in ("email", "email_verified")}}


def _says_groups(claims: Claims, groups: Any) -> bool:
    """Whether the groups are all told. For somebody in very many, a provider may refer elsewhere (OpenID Connect Core,
    5.6.2): that isn't followed, and takes no role away.
    """
    elsewhere = settings.OIDC_GROUPS_CLAIM in (claims.get("_claim_names") or {})
    told = groups is None or isinstance(groups, str | list)
    if elsewhere or not told:
        log.warning("groups not told in a way that can be read; roles stay", claim=settings.OIDC_GROUPS_CLAIM)
    return told and not elsewhere


def _verified_email(claims: Claims) -> str:
    return str(claims.get("email") or "") if claims.get("email_verified") in (True, "true") else ""


def _by_email(request: HttpRequest, claims: Claims) -> User | None:
    email = _verified_email(claims)
    found = list(User.objects.filter(email__iexact=email)[:2]) if email else []
    if len(found) > 1:
        refuse(request, "Several accounts have your e-mail address. An administrator can tell which is yours.")
    taken: Any = found[0] if found else None
    if taken is not None and taken.socialaccount_set.exists():  # the address was another's before
        refuse(
            request, "Your e-mail address is that of an account that somebody else signs in to. Ask an administrator."
        )
    return found[0] if found else None


def _new(claims: Claims) -> User:
    """An account without roles. An address that nobody has verified is not kept: it could be another's."""
    email = _verified_email(claims)
    names = [str(claims.get(name) or "") for name in ("preferred_username", "email", "sub")]
    user = User(
        username=get_adapter().generate_unique_username(names),
        first_name=str(claims.get("given_name") or "")[:150],
        last_name=str(claims.get("family_name") or "")[:150],
        email=email[:254],
    )
    user.set_unusable_password()
    user.save()
    Change.begin(User.objects.system(), "user.create", "Signed in for the first time").audit(
        about=user, after={"roles": []}
    )
    return user


def take_roles(user: User, groups: Any) -> None:
    """Give the roles that the provider's groups mean, and take those that they don't mean any more."""
    mapping: dict[str, str] = settings.OIDC_ROLES
    said = {groups} if isinstance(groups, str) else {str(group) for group in groups}
    due = {role for group, role in mapping.items() if group in said}
    held = set(user.groups.filter(name__in=mapping.values()).values_list("name", flat=True))
    if due == held:
        return
    user.groups.remove(*Group.objects.filter(name__in=held - due))
    user.groups.add(*Group.objects.filter(name__in=due - held))
    Change.begin(User.objects.system(), "user.roles", "Groups at the sign-in service").audit(
        about=user, before={"roles": sorted(held)}, after={"roles": sorted(due)}
    )
