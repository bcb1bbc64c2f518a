"""The one way in which the core tells the world about a change."""

from __future__ import annotations

from dataclasses import dataclass

from django.dispatch import Signal

from mdm.models import ChangeEvent, GoldenRecord


@dataclass(frozen=True, slots=True)
class GoldenChange:
    golden: GoldenRecord
    version: int
    kind: str  # ChangeEvent.Kind
    published: bool
    changed: tuple[str, ...]
    event: ChangeEvent


# Sent with .send() inside the service's transaction, with `changes`: a list of GoldenChange. A receiver that raises
# rolls the change back.
golden_changed = Signal()
