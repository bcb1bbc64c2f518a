"""Sign in and out, and what a user prefers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account import views as allauth_views
from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.account.views import ReauthenticateView
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.base import views as mfa
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView, OAuth2View
from django import forms
from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from requests import RequestException

from mdm import single_sign_on
from mdm.access import public, signed_in
from mdm.ui import preferences
from mdm.ui.pages import May, Request, is_fragment

THEMES = preferences.CHOICES["theme"]


class Drawn:
    """A form of allauth's, drawn like every other input."""

    names: dict[str, str] = {}  # field: label

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            field.widget.attrs |= {"class": "input input--lg", "aria-describedby": f"{name}-hint"}
            field.widget.attrs.pop("placeholder", None)
            field.label = self.names.get(name, field.label)


class SignIn(Drawn, LoginForm):
    """User name and password."""

    names = {"login": "User name"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autofocus"] = True


class Confirm(Drawn, ReauthenticateForm):
    """The password again, before something that matters."""


class Code(Drawn, AuthenticateForm):
    """A code of the authenticator app, or a recovery code."""


class CodeAgain(Drawn, mfa_forms.ReauthenticateForm):
    """A code again, before something that matters."""


class FirstCode(Drawn, ActivateTOTPForm):
    """The first code, as proof that the app has the secret."""


class Framed:
    """What every page of ours needs, for allauth's views."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user  # type: ignore[attr-defined]
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return context | {"may": May(user), "section": "settings"}


class Factor(Framed, mfa.IndexView):
    template_name = "auth/factor.html"


class Activate(Framed, totp.ActivateTOTPView):
    template_name = "auth/activate.html"


class Deactivate(Framed, totp.DeactivateTOTPView):
    template_name = "auth/deactivate.html"


class Recovery(Framed, recovery.ViewRecoveryCodesView):
    template_name = "auth/recovery.html"


class NewRecovery(Framed, recovery.GenerateRecoveryCodesView):
    template_name = "auth/new_recovery.html"


class ConfirmPassword(Framed, ReauthenticateView):
    template_name = "auth/confirm.html"


class ConfirmCode(Framed, mfa.ReauthenticateView):
    template_name = "auth/confirm.html"


class Login(allauth_views.LoginView):
    template_name = "auth/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"provider": settings.OIDC_NAME if settings.OIDC_ISSUER else ""}


def at_provider(view: type[OAuth2View]) -> Callable[[HttpRequest, str], HttpResponse]:
    """A step of signing in with an account of the hospital's own."""

    def step(request: HttpRequest, provider_id: str) -> HttpResponse:
        try:
            return view.adapter_view(single_sign_on.Provider(request, provider_id))(request)
        except SocialApp.DoesNotExist:
            raise Http404 from None
        except RequestException:
            return single_sign_on.refusal(request, "The sign-in service doesn’t answer. Try again later.", status=503)

    return public(step)


login = public(Login.as_view())
sso, sso_back = at_provider(OAuth2LoginView), at_provider(OAuth2CallbackView)
login_code = public(mfa.AuthenticateView.as_view(template_name="auth/code.html"))
logout = public(LogoutView.as_view())
factor, activate, deactivate = (signed_in(view.as_view()) for view in (Factor, Activate, Deactivate))
recovery_codes, new_recovery_codes = (signed_in(view.as_view()) for view in (Recovery, NewRecovery))
confirm_password, confirm_code = (signed_in(view.as_view()) for view in (ConfirmPassword, ConfirmCode))


class Preference(forms.Form):
    theme = forms.ChoiceField(choices=[(t, t) for t in (*THEMES, "next")], required=False)
    keys = forms.ChoiceField(choices=[(k, k) for k in preferences.CHOICES["keys"]], required=False)


@signed_in
@require_POST
def theme(request: Request) -> HttpResponse:
    """Switch light, dark and the system's choice; ``next`` goes round."""
    current = request.user.preferences.get("theme", "auto")
    form = Preference(request.POST)
    wanted = form.cleaned_data["theme"] if form.is_valid() else ""
    chosen = THEMES[(THEMES.index(current) + 1) % len(THEMES)] if wanted == "next" else wanted or current
    return _remember(request, "theme", chosen)


@signed_in
@require_POST
def keys(request: Request) -> HttpResponse:
    """Turn single-key shortcuts on or off (WCAG 2.1.4)."""
    form = Preference(request.POST)
    return _remember(request, "keys", (form.is_valid() and form.cleaned_data["keys"]) or "on")


def _remember(request: Request, name: str, value: str) -> HttpResponse:
    preferences.remember(request.user, name, value)
    if is_fragment(request):
        return HttpResponse(status=204)  # the page has changed itself already
    back = request.POST.get("next", "/")
    return redirect(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "/")
