"""What waits for somebody, as the home page lists it. Apps above the core add what they know of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mdm.models import User

URGENT_FIRST = ("bad", "warn", "")


@dataclass(frozen=True, slots=True)
class Todo:
    icon: str
    tone: str  # "", "warn" or "bad"
    title: str
    text: str
    url: str
    act: str


# Asked with the user, and whether for the whole team. What they tell of, the user has the right to act on.
Reader = Callable[["User", bool], Iterable[Todo]]

_added: list[Reader] = []


def also(reader: Reader) -> None:
    """Have the home page list what another app knows of, too."""
    _added.append(reader)


def added(user: User, *, team: bool) -> Iterator[Todo]:
    for reader in _added:
        yield from reader(user, team)
