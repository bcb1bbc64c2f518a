"""What the page of a target shows, and what its form would do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mdm.canonical import DOMAINS
from mdm.ui import words
from sync import configuring, objectives
from sync.adapters.registry import ADAPTERS
from sync.configuring import Effect
from sync.models import Alert, Reconciliation, Target, TargetVersion
from sync.objectives import Level
from sync.ui.target_form import Settings, blackout_text, filter_text

SHOWN = 20  # versions


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the settings, with the names of those that it changed."""

    row: TargetVersion
    changed: Sequence[str]


class TargetPage:
    def __init__(self, target: Target) -> None:
        self.target = target

    @property
    def adapter(self) -> str:
        return ADAPTERS.get(self.target.adapter, (self.target.adapter, ""))[0]

    @property
    def config(self) -> list[tuple[str, str]]:
        return [
            (name, value if isinstance(value, str) else json.dumps(value)) for name, value in self.target.config.items()
        ]

    @property
    def secrets(self) -> list[str]:
        return configuring.secret_names(self.target)

    @property
    def blackout(self) -> list[str]:
        return blackout_text(self.target.schedule.get("blackout", ())).splitlines()

    @cached_property
    def domains(self) -> list[tuple[str, list[str], Effect]]:
        """Plural, filter, and what the target holds and lacks of it; those that it subscribes to."""
        return [
            (DOMAINS[one.domain].plural, filter_text(self.target.subscriptions[one.domain]).splitlines(), one)
            for one in configuring.effects(self.target)
            if one.domain in self.target.subscriptions
        ]

    @cached_property
    def versions(self) -> list[Version]:
        rows = list(TargetVersion.objects.filter(target=self.target).select_related("actor")[: SHOWN + 1])
        pairs = zip(rows, [*rows, None][1:], strict=True)
        return [Version(row, _changed(before, row)) for row, before in pairs][:SHOWN]

    @cached_property
    def levels(self) -> list[tuple[str, str, str, bool]]:
        """What is measured, its value, the objective, and whether that is missed."""
        return [_told(level) for level in objectives.levels(self.target)]

    @cached_property
    def alerts(self) -> list[Alert]:
        return list(Alert.objects.filter(target=self.target)[:SHOWN])

    @property
    def compared(self) -> Reconciliation | None:
        return Reconciliation.objects.filter(target=self.target).first()


def _told(level: Level) -> tuple[str, str, str, bool]:
    kind = Alert.Kind(level.kind)
    if kind == Alert.Kind.SUCCESS:
        return "Taken in the last hour", words.percent(level.measured), words.percent(level.objective), level.missed
    label = "Lag" if kind == Alert.Kind.LAG else "Silent for"
    return (
        label,
        "∅" if level.measured is None else words.span(level.measured),
        words.span(level.objective),
        level.missed,
    )


def _changed(before: TargetVersion | None, after: TargetVersion) -> list[str]:
    old: dict[str, Any] = before.content if before else {}
    return [name.replace("_", " ") for name, value in after.content.items() if value != old.get(name)] if before else []


@dataclass(frozen=True, slots=True)
class Checked:
    """What the settings in a form would do."""

    reached: str  # what the adapter says
    effects: Sequence[tuple[str, Effect]]


def check(form: Settings, *, anyway: bool) -> Checked:
    """Try the form's settings and secrets, and count what its filters mean. Raises ConcordError with what is wrong."""
    target = configuring.draft(code=form.target.code, settings=form.settings, secrets=form.secrets)
    reached = "Not tried." if anyway else configuring.reach(target)
    return Checked(reached, [(DOMAINS[one.domain].plural, one) for one in configuring.effects(target)])
