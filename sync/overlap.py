"""Secrets that messages are signed with. For some hours after one was replaced, the one before signs beside it, so that
a receiver takes the new one when it can.

Both lie in the sealed box of their owner, the one before with its end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.utils import timezone

from mdm.exceptions import InvalidValue

OVERLAP, MOST_OVERLAP = 24, 168  # hours
ALERTS = "alert_webhook"  # the name of the secret of a target that its alerts are signed with
_OLD, _UNTIL = "{}.old", "{}.until"


def check(hours: int) -> None:
    """Raises InvalidValue."""
    if not 0 <= hours <= MOST_OVERLAP:
        raise InvalidValue(f"The old secret may go on signing for 0 to {MOST_OVERLAP} hours.")


def turn(box: Mapping[str, str], name: str, value: str, *, hours: int, now: dt.datetime) -> dict[str, str]:
    """The box with a new secret of this name. ``hours``: 0, where the one before has leaked, not a moment longer."""
    check(hours)
    old = box.get(name)
    kept = {one: text for one, text in box.items() if one not in (_OLD.format(name), _UNTIL.format(name))}
    if old is not None and hours:
        kept |= {_OLD.format(name): old, _UNTIL.format(name): (now + dt.timedelta(hours=hours)).isoformat()}
    return kept | {name: value}


def standing(box: Mapping[str, str], name: str) -> list[str]:
    """The secrets of this name that sign now: the current one first."""
    old = [box[_OLD.format(name)]] if (until := ends(box, name)) and timezone.now() < until else []
    return [box[name], *old] if name in box else []


def ends(box: Mapping[str, str], name: str) -> dt.datetime | None:
    """Until when the secret before the current one signs, or did."""
    return dt.datetime.fromisoformat(until) if (until := box.get(_UNTIL.format(name))) else None


def names(box: Mapping[str, str]) -> list[str]:
    """Of the secrets themselves."""
    beside = {form.format(name) for name in box for form in (_OLD, _UNTIL)}
    return sorted(set(box) - beside)
