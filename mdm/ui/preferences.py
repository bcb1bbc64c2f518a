"""What a user prefers, kept with the user: columns and saved views of lists, theme, density, keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from mdm.exceptions import Refused
from mdm.models import User

NAME_LENGTH, MOST_VIEWS = 40, 20
CHOICES = {"theme": ("auto", "light", "dark"), "density": ("comfortable", "compact"), "keys": ("on", "off")}


def columns(user: User, domain: str) -> Sequence[str]:
    return list(user.preferences.get("columns", {}).get(domain, []))


def choose_columns(user: User, domain: str, names: Sequence[str]) -> None:
    """None chosen: the usual ones."""
    _change(user, "columns", {domain: list(names)})


def views(user: User, domain: str) -> dict[str, dict[str, str]]:
    """Name to the parameters of the list's address."""
    return dict(user.preferences.get("views", {}).get(domain, {}))


def save_view(user: User, domain: str, name: str, parameters: Mapping[str, str]) -> None:
    name = " ".join(name.split())[:NAME_LENGTH]
    if not name:
        raise Refused("Give the view a name.")
    kept = views(user, domain)
    if len(kept) >= MOST_VIEWS and name not in kept:
        raise Refused(f"You keep {MOST_VIEWS} views of this list already. Forget one first.")
    _change(user, "views", {domain: kept | {name: dict(parameters)}})


def forget_view(user: User, domain: str, name: str) -> None:
    _change(user, "views", {domain: {one: said for one, said in views(user, domain).items() if one != name}})


def remember(user: User, name: str, value: str) -> None:
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        row.preferences[name] = value
        row.save(update_fields=["preferences"])
    user.preferences = row.preferences


def _change(user: User, name: str, part: Mapping[str, Any]) -> None:
    """Change one part, on the row as it is now: two tabs must not undo each other."""
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        row.preferences[name] = row.preferences.get(name, {}) | dict(part)
        row.save(update_fields=["preferences"])
    user.preferences = row.preferences
