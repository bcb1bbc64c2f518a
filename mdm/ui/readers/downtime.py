"""Downtime packs on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from mdm.downtime import signing
from mdm.models import DowntimePack, DowntimePlan, Location
from mdm.services import downtime, downtime_keys

SITES = 200  # offered while typing


@dataclass(frozen=True, slots=True)
class Planned:
    plan: DowntimePlan
    usable: DowntimePack | None  # the newest that is in date
    newest: DowntimePack | None  # the newest that was asked for

    @property
    def making(self) -> bool:
        return self.newest is not None and self.newest.state in ("waiting", "running")

    @property
    def failed(self) -> str:
        return self.newest.error if self.newest is not None and self.newest.state == "failed" else ""

    @property
    def late(self) -> bool:
        """The next one should have been there long ago."""
        if self.usable is None or self.usable.made_at is None or not self.plan.active:
            return False
        return (timezone.now() - self.usable.made_at).total_seconds() > 2 * 3600 * self.plan.every_hours


def plans() -> list[Planned]:
    """Those that make packs, and those that were stopped but have one in date."""
    usable: dict[int, DowntimePack] = {}
    for pack in downtime.in_date():
        usable.setdefault(pack.plan_id, pack)
    newest = {one.plan_id: one for one in DowntimePack.objects.order_by("plan_id", "-id").distinct("plan_id")}
    rows = DowntimePlan.objects.select_related("site")
    found = [Planned(one, usable.get(one.pk), newest.get(one.pk)) for one in rows]
    return [one for one in found if one.plan.active or one.usable]


def keys() -> list[tuple[str, str]]:
    """(thumbprint, public key) of the key that signs, then of those whose packs are in date."""
    return [(signing.named(key), signing.text(key)) for key in downtime_keys.published()]


def sites() -> Sequence[tuple[str, str]]:
    """(public id, name) of the largest kinds of places."""
    rows = Location.objects.filter(location_type__in=("health_system", "facility"), golden__status="live")
    return list(rows.order_by("name").values_list("golden__public_id", "golden__name")[:SITES])
