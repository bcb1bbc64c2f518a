"""A proposed change of match rules, as whoever approves it reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matching
from matching.evaluate import Quality
from mdm.canonical import DOMAINS
from mdm.engine import engine_for
from mdm.models import ChangeRequest, Policy
from mdm.policies import knows_critical
from mdm.ui import charts
from mdm.ui.readers.rules import THRESHOLDS
from mdm.ui.readers.weights import Weight, by_field

LABELS = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


@dataclass(frozen=True, slots=True)
class Figure:
    """``before`` and ``drawn`` are None where there was nothing to measure."""

    label: str
    before: float | None
    drawn: charts.Gauge | None


class Labelled:
    """How good both rules are on labelled pairs, as ``services.labelled.Labelled`` stored it."""

    def __init__(self, stored: Mapping[str, Any], domain: str) -> None:
        self.enough, self.wanted, self._critical = stored["enough"], stored["wanted"], stored["critical"]
        self.same, self.different = stored["every"]["same"], stored["every"]["different"]
        self._every, self._domain = stored["every"], domain
        self._before, self._after = (_quality(stored["every"][side]) for side in ("before", "after"))

    @property
    def start(self) -> float:
        """The left edge of what is drawn."""
        marks = [getattr(self._before, name) for name in LABELS] + [low for low, _ in self._after.intervals.values()]
        return charts.gauge_start(min(marks))

    @property
    def figures(self) -> list[Figure]:
        return [self._figure(name, label) for name, label in LABELS.items()]

    def _figure(self, name: str, label: str) -> Figure:
        before, after = (_measured(side, name) for side in (self._before, self._after))
        drawn = None if after is None else charts.Gauge(after, *self._after.intervals[name], before, self.start)
        return Figure(label, before, drawn)

    @property
    def mistakes(self) -> list[tuple[str, int, int]]:
        """(what, before, after)."""
        found = [*_mistakes(self._every, ""), ("Not even asked about", *_sides(self._every, "silent"))]
        return [*found, *_mistakes(self._critical, ", critical records")] if self.has_critical else found

    @property
    def has_critical(self) -> bool:
        return bool(self._critical["same"] + self._critical["different"])

    @property
    def lacks_critical(self) -> bool:
        """There are critical records in this domain, and none is in a labelled pair."""
        return knows_critical(self._domain) and not self.has_critical


def _quality(stored: Mapping[str, Any]) -> Quality:
    return Quality(stored["true_positive"], stored["false_positive"], stored["false_negative"])


def _measured(quality: Quality, name: str) -> float | None:
    """None: of nothing. Without any link there is no precision."""
    linked = quality.true_positive + quality.false_positive
    return None if name == "precision" and not linked else float(getattr(quality, name))


def _mistakes(group: Mapping[str, Any], whose: str) -> list[tuple[str, int, int]]:
    wrong, missed = _sides(group, "false_positive"), _sides(group, "false_negative")
    return [(f"Wrong links{whose}", *wrong), (f"Missed links{whose}", *missed)]


def _sides(group: Mapping[str, Any], name: str) -> tuple[int, int]:
    return group["before"][name], group["after"][name]


class Proposal:
    """A proposed change of match rules: what differs, how good it is on labels, and what it would do."""

    def __init__(self, request: ChangeRequest) -> None:
        self.request = request
        self.policy: Policy = request.policy  # type: ignore[assignment]  # rules.propose gives it one
        self.spec = DOMAINS[self.policy.domain]
        self.population: dict[str, Any] = request.diff.get("population", {})
        self.training: dict[str, Any] = request.diff.get("training", {})
        self.labelled = Labelled(request.diff["labelled"], self.spec.name) if "labelled" in request.diff else None

    @property
    def was(self) -> str:
        """The rules that it was compared with."""
        return f"v{self.request.expected_version}" if self.request.expected_version else "built in"

    @cached_property
    def before(self) -> matching.Policy:
        """The rules that the proposal was compared with."""
        version = self.request.expected_version
        engine = engine_for(self.spec.name)
        if version == engine.policy_version:
            return engine.policy
        row = Policy.objects.filter(kind=self.policy.kind, domain=self.spec.name, version=version).first()
        return matching.Policy.from_json(row.body) if row else matching.Policy.default(self.spec.name)

    @cached_property
    def after(self) -> matching.Policy:
        return matching.Policy.from_json(self.policy.body)

    @property
    def weights(self) -> list[tuple[str, list[Weight]]]:
        """Of the fields in which a weight changes."""
        grouped = by_field(self.spec, self.before.weights, self.after.weights)
        return [(label, rows) for label, rows in grouped if any(row.changed for row in rows)]

    @property
    def thresholds(self) -> list[tuple[str, Any, Any]]:
        """(label, before, after) of what isn't a weight and differs."""
        labels = {**THRESHOLDS, "sure_score": "Bits from which a pair links by itself"}
        kept = ((path, part) for path, part in self.request.diff.items() if isinstance(part, dict) and "after" in part)
        return [
            (labels.get(path, path.replace(".", ": ").replace("_", " ").capitalize()), part["before"], part["after"])
            for path, part in kept
            if not path.startswith("weights.")
        ]

    @property
    def queue_change(self) -> int:
        reviews = self.population.get("reviews", {})
        return int(reviews.get("opened", 0)) - int(reviews.get("settled", 0))
