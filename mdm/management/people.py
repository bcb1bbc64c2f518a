"""Who a command acts for."""

from __future__ import annotations

from django.core.management.base import CommandError

from mdm.models import User


def user_named(username: str | None, *, otherwise: User | None = None) -> User:
    """The user of this name; without a name ``otherwise``. Raises CommandError."""
    if not username and otherwise is not None:
        return otherwise
    if not username:
        raise CommandError("Say who does: --user NAME.")
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username}.")
    return user
