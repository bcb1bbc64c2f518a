"""What a match would mean for those who are told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mdm.models import Crosswalk, GoldenRecord, SourceRecord
from sync.models import Target


@dataclass(frozen=True, slots=True)
class Impact:
    """What a match would mean for one subscriber: codes of its system that come to mean the golden record, and the
    attributes that it would be sent anew.
    """

    target: Target
    codes: int
    fields: tuple[str, ...]


def impact(domain: str, incoming: SourceRecord | GoldenRecord | None, changing: Sequence[str]) -> list[Impact]:
    """Two queries. ``changing``: labels of attributes that get another value."""
    moving = _codes_of(incoming)
    subscribers = [t for t in Target.objects.filter(active=True) if domain in t.subscriptions]
    return [Impact(target, moving.get(target.system_id, 0), tuple(changing)) for target in subscribers]


def _codes_of(incoming: SourceRecord | GoldenRecord | None) -> dict[int, int]:
    """By source system, how many codes an incoming record brings."""
    if isinstance(incoming, SourceRecord):
        return {incoming.code_system.system_id: 1}
    held = Crosswalk.objects.filter(golden=incoming, known_to__isnull=True) if incoming else Crosswalk.objects.none()
    return dict(Counter(held.values_list("code_system__system", flat=True)))
