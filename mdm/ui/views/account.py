"""Sign in and out, and what a user prefers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from mdm.access import public, signed_in
from mdm.ui import preferences
from mdm.ui.pages import Request, is_fragment

THEMES = preferences.CHOICES["theme"]


class SignIn(AuthenticationForm):
    """User name and password, drawn like every other input."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs |= {"class": "input input--lg", "aria-describedby": f"{name}-hint"}


login = public(LoginView.as_view(template_name="auth/login.html", form_class=SignIn, redirect_authenticated_user=True))
logout = public(LogoutView.as_view())


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
