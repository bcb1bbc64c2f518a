"""Which permission each URL needs, and the one check that UI and API go through.

Every view declares what it needs, and ``mdm.middleware.AccessControl`` refuses before the view runs:

    @requires(permissions.VIEW)                 # a function, or a class-based view
    class Items(APIView): permission = VIEW     # the same, written as an attribute
    @signed_in                                  # anybody who is logged in
    @public                                     # everybody: login page, probes

A view that forgets needs ``VIEW``, never less; a test fails until it declares. Services check again with
``permissions.require``, which is what protects commands and feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mdm import permissions
from mdm.exceptions import ConcordError, Forbidden

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from mdm.models import User

PUBLIC = "public"
SIGNED_IN = "signed-in"
DEFAULT = permissions.VIEW

Declared = TypeVar("Declared", bound=Callable[..., Any])


class NotSignedIn(ConcordError):
    """Nobody is signed in. Send an API key as "Authorization: Bearer ck_…", or log in."""

    status = 401
    code = "not-signed-in"
    headers = {"WWW-Authenticate": "Bearer"}


def requires(permission: str) -> Callable[[Declared], Declared]:
    """Declare a view's permission. Works on functions and on class-based views."""

    def declare(view: Declared) -> Declared:
        view.permission = permission  # type: ignore[attr-defined]  # read back by `declared`
        return view

    return declare


public = requires(PUBLIC)
signed_in = requires(SIGNED_IN)


def declared(view: Callable[..., Any]) -> str | None:
    """The permission that a resolved view declares, or None. Django's own ``login_not_required`` counts as public."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    permission = getattr(view, "permission", None) or getattr(cls, "permission", None)
    if permission is None and not hasattr(view, "cls") and getattr(view, "login_required", True) is False:
        return PUBLIC  # REST framework sets login_required=False on every view, so there it says nothing
    return permission


def check(user: User | AnonymousUser, permission: str) -> None:
    """Raise ``NotSignedIn`` or ``Forbidden`` unless this user may open a view that needs this permission."""
    if permission == PUBLIC:
        return
    if not user.is_authenticated:
        raise NotSignedIn
    if permission != SIGNED_IN and not user.has_permission(permission):
        raise Forbidden(permission)
