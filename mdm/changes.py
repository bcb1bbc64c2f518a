"""A change: who does what, why and when. Everything one action writes carries its id."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils import timezone

from mdm.bulk import insert, maker
from mdm.context import request_id
from mdm.known import Known
from mdm.models import AuditEntry, GoldenRecord, User, new_change_id


@dataclass(frozen=True, slots=True)
class Change:
    actor: User
    action: str  # e.g. "resolve", "review.accept", "merge"
    reason: str
    id: uuid.UUID
    at: dt.datetime
    known: Known = field(default_factory=Known, compare=False)
    # public ids by golden id of what a merge joins, an unmerge or a split parts: one event tells of them all
    together: dict[int, str] = field(default_factory=dict, compare=False)

    @classmethod
    def begin(cls, actor: User, action: str, reason: str = "") -> Change:
        return cls(actor=actor, action=action, reason=reason[:500], id=new_change_id(), at=timezone.now())

    def entry(
        self,
        *,
        golden: GoldenRecord | None = None,
        version: int | None = None,
        about: models.Model | None = None,
        before: Any = None,
        after: Any = None,
        action: str = "",
        reason: str = "",
    ) -> AuditEntry:
        """One audit row, not yet saved."""
        return maker(AuditEntry)(
            at=self.at,
            actor_id=self.actor.pk,
            action=action or self.action,
            golden_id=golden.pk if golden is not None else None,
            version=version,
            object_type=about._meta.model_name or "" if about is not None else "",
            object_id=str(about.pk) if about is not None else "",
            before=before,
            after=after,
            reason=reason or self.reason,
            change_id=self.id,
            request_id=request_id(),
        )

    def audit(self, **details: Any) -> None:
        self.entry(**details).save(force_insert=True)


def audit_all(entries: Sequence[AuditEntry]) -> None:
    insert(entries)
