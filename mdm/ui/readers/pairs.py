"""Pairs of which proposed match rules make something else: the first of them, and one compared under both rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import matching
from matching.explain import verdict
from mdm import candidates as pool
from mdm.engine import engine_for
from mdm.models import ChangedPair, ChangeRequest, SourceRecord, WorkItem
from mdm.policies import label
from mdm.services import changed_pairs, scoring
from mdm.ui.readers.proposal import Proposal

SHOWN = 20
MOVED = 0.05  # bits: scores differ in what is shown
Outcome = ChangedPair.Outcome
ICONS = {
    Outcome.ONE: "git-merge",
    Outcome.APART: "split",
    Outcome.MOVES: "arrow-right",
    Outcome.LINKED: "link",
    Outcome.ASKED: "inbox",
    Outcome.LEFT: "circle-slash",
}


@dataclass(frozen=True, slots=True)
class End:
    """One record of a pair."""

    source: SourceRecord

    @property
    def name(self) -> str:
        return label(self.source.domain, self.source.values) or self.source.code

    @property
    def code(self) -> str:
        return f"{self.source.code_system.slug}/{self.source.code}"


@dataclass(frozen=True, slots=True)
class Pair:
    row: ChangedPair

    @property
    def ends(self) -> tuple[End, End]:
        return End(self.row.one), End(self.row.two)

    @property
    def icon(self) -> str:
        return ICONS[Outcome(self.row.outcome)]


class First:
    """The first pairs of a proposal; of those with critical records alone, if that is asked for."""

    def __init__(self, request: ChangeRequest, asked: str = "") -> None:
        self.request, self.critical_only = request, asked == "critical"
        self.counts: dict[str, int] = request.diff.get("pairs", {})

    @cached_property
    def rows(self) -> list[Pair]:
        return [Pair(row) for row in changed_pairs.of_request(self.request, critical=self.critical_only)[:SHOWN]]

    @property
    def query(self) -> str:
        """Of the address of the file."""
        return "?pairs=critical" if self.critical_only else ""


@dataclass(frozen=True, slots=True)
class Said:
    """What one field says of the pair, and its bits under either rules."""

    label: str
    a: str
    b: str
    note: str
    before: float
    after: float


class Compared:
    """One pair as its records are now, under both rules."""

    def __init__(self, request: ChangeRequest, row: ChangedPair) -> None:
        self.proposal, self.pair, self.row = Proposal(request), Pair(row), row

    @cached_property
    def _sides(self) -> list[tuple[matching.Policy, matching.Comparison]]:
        engine, ids = engine_for(self.proposal.spec.name), (self.row.one_id, self.row.two_id)
        rows, policies = pool.rows(sorted(ids)), (self.proposal.before, self.proposal.after)
        return [(policy, scoring.explain_all(engine, rows, [ids], policy)[0]) for policy in policies]

    @property
    def evidence(self) -> list[Said]:
        before, after = (comparison.evidence for _, comparison in self._sides)
        said = zip(before, after, strict=True)
        return [Said(new.label, new.a, new.b, new.note, old.bits, new.bits) for old, new in said]

    @property
    def scores(self) -> tuple[float, float]:
        before, after = self._sides
        return before[1].score, after[1].score

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        """(rules, what they say), by what mistakes about these records cost."""
        names = (self.proposal.was, f"v{self.proposal.policy.version}")
        return [
            (name, verdict(comparison, replace(policy, costs=policy.costs_of(self.row.critical))))
            for name, (policy, comparison) in zip(names, self._sides, strict=True)
        ]

    @property
    def has_moved(self) -> bool:
        """The records, or what is known of words here, changed since the rules were proposed."""
        then = (self.row.before, self.row.after)
        return any(abs(a - b) >= MOVED for a, b in zip(then, self.scores, strict=True))

    @cached_property
    def reviews(self) -> list[WorkItem]:
        """Open reviews of either record."""
        ends = (self.row.one_id, self.row.two_id)
        items = WorkItem.objects.filter(kind=WorkItem.Kind.POSSIBLE_MATCH, state__in=WorkItem.LIVE)
        return list(items.filter(source__in=ends).order_by("pk"))

    @property
    def neighbours(self) -> dict[str, Any]:
        """Numbers of the pair before and the one after, 0 if there is none."""
        last = self.proposal.request.diff.get("pairs", {}).get("kept", 0)
        return {"before": self.row.number - 1, "after": self.row.number + 1 if self.row.number < last else 0}
