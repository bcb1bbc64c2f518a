"""How allauth fits Concord: nobody signs up, axes guards the password, secrets of second factors are encrypted, and
whoever signs in is noted."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse

from mdm import client, sealing
from mdm.changes import Change

PURPOSE = "second factors"


class Accounts(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Wrong passwords are counted by axes alone: two limits would contradict each other."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return client.address(request) or "unknown"

    def login(self, request: HttpRequest, user: Any) -> None:
        """Whoever comes without a password has no backend yet; the first would be axes', which knows no users."""
        if not hasattr(user, "backend"):
            user.backend = "django.contrib.auth.backends.ModelBackend"
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Any, **details: Any) -> HttpResponse:
        """The last step, after the second factor."""
        by = "single sign-on" if (details.get("signal_kwargs") or {}).get("sociallogin") else "password"
        Change.begin(user, "user.sign_in").audit(about=user, after={"by": by})
        response: HttpResponse = super().post_login(request, user, **details)
        return response

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The screens say themselves what was done."""


class Codes(DefaultMFAAdapter):
    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def encrypt(self, text: str) -> str:
        return sealing.cipher(PURPOSE).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.cipher(PURPOSE).decrypt(encrypted_text.encode()).decode()
