"""What sync shows on the core's screens: targets on the home page, lanes of a record, the impact of a match."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.template.context import RequestContext
from django.urls import reverse

from mdm.models import GoldenRecord, WorkItem
from mdm.ui.readers.compare import Comparison
from sync.models import FeedRun, Reconciliation
from sync.ui import delivered, impact, readers

register = template.Library()


@register.simple_tag(takes_context=True)
def sync_counts(context: RequestContext) -> dict[str, int]:
    """Counts beside the navigation: two queries on partial indexes."""
    return {"dead": readers.dead_letters(), "imports": FeedRun.objects.filter(state__in=FeedRun.ACTIVE).count()}


@register.simple_tag
def targets_in_step() -> list[readers.TargetState]:
    return readers.targets()


@register.simple_tag
def delivered_today() -> delivered.Delivered:
    return delivered.today()


@register.simple_tag
def record_lanes(record: GoldenRecord) -> list[readers.RecordLane]:
    return readers.lanes_of(record)


@register.simple_tag
def match_impact(comparison: Comparison) -> list[impact.Impact]:
    changing = [row.field.label for row in comparison.changing]
    return impact.impact(comparison.domain.name, comparison.incoming, changing)


@register.simple_tag
def work_links(item: WorkItem) -> list[tuple[str, str]]:
    """Where a work item's problem is dealt with."""
    found: list[tuple[str, str]] = []
    if item.kind == WorkItem.Kind.FAILED_DELIVERY:
        found.append(("Dead letters", reverse("sync:console") + "#dead"))
    if item.kind == WorkItem.Kind.LOCAL_EXCEPTION:
        compared = Reconciliation.objects.filter(target__code=item.details.get("target", "")).first()
        found += [("Drift", reverse("sync:drift", args=[compared.pk]))] if compared else []
    if item.subject.startswith("inbound:"):
        found.append(("Messages", f"{reverse('sync:messages')}?source={item.subject.removeprefix('inbound:')}"))
    run: Any = FeedRun.objects.filter(ingest=item.ingest_id).first() if item.ingest_id else None
    if run is not None:
        found.append(("Import", reverse("sync:import", args=[run.pk])))
    return found


@register.filter
def in_step(states: list[readers.TargetState]) -> int:
    return sum(not state.tone for state in states)


@register.filter
def worst(states: list[readers.TargetState]) -> readers.TargetState | None:
    """The target that most needs a look, if one does."""
    order = {"bad": 0, "warn": 1, "off": 2}
    troubled = [state for state in states if state.tone]
    return min(troubled, key=lambda state: order[state.tone], default=None)


@register.filter
def pip_x(position: int) -> int:
    return position * 11


@register.filter
def adapter_short(label: str) -> str:
    """The protocol alone: "X12 832 and CSV files over SFTP" is X12 832."""
    return re.split(r" (?:with|and|over|master|files)\b", label)[0]
