"""One review: the item, its candidates, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matching
from mdm.known import Known
from mdm.models import Comment, GoldenRecord, Policy, User, WorkItem
from mdm.policies import is_critical
from mdm.ui import words
from mdm.ui.readers import work
from mdm.ui.readers.compare import Comparison


def screen_sides(item: WorkItem, text: str) -> str:
    """The engine's A is the record that was looked up; on the screen A is the golden record and B the incoming one."""
    if item.kind == WorkItem.Kind.POSSIBLE_DUPLICATE:
        return text
    return text.replace("only A", "only \0").replace("only B", "only A").replace("only \0", "only B")


@dataclass(frozen=True)
class Candidate:
    item: WorkItem
    golden: GoldenRecord
    stored: Mapping[str, Any]

    @property
    def score(self) -> float:
        return float(self.stored["score"])

    @property
    def probability(self) -> float:
        return float(self.stored["probability"])

    @cached_property
    def vetoes(self) -> list[str]:
        return [screen_sides(self.item, veto) for veto in self.stored.get("vetoes", [])]

    @cached_property
    def evidence(self) -> list[dict[str, Any]]:
        return [e | {"note": screen_sides(self.item, e["note"])} for e in self.stored.get("evidence", [])]


class Review:
    """One item to decide. ``chosen``: the public id of the candidate to compare with, else the best one."""

    def __init__(self, item: WorkItem, chosen: str = "", known: Known | None = None) -> None:
        self.item, self.chosen, self.known = item, chosen, known or Known()
        if item.source:
            self.known.attach([item.source])

    @property
    def comments(self) -> list[Comment]:
        return list(self.item.comments.select_related("author"))

    @cached_property
    def candidates(self) -> list[Candidate]:
        """As stored when they were scored, best first; merged ones are shown as their survivor."""
        stored = [c for c in self.item.candidates if c.get("golden")]
        rows = GoldenRecord.objects.select_related("merged_into").in_bulk([c["golden"] for c in stored])
        return [Candidate(self.item, rows[c["golden"]].survivor, c) for c in stored if c["golden"] in rows]

    @cached_property
    def candidate(self) -> Candidate | None:
        named = [c for c in self.candidates if c.golden.public_id == self.chosen]
        return next(iter(named or self.candidates), None)

    @cached_property
    def golden(self) -> GoldenRecord | None:
        """Side A. Of two golden records the one that is the item's subject stays, unless it was chosen as B."""
        if self.item.kind == WorkItem.Kind.POSSIBLE_DUPLICATE:
            return self.item.golden
        return self.candidate.golden if self.candidate else None

    @cached_property
    def comparison(self) -> Comparison | None:
        return Comparison(self.item, self.golden, self.evidence, self.known) if self.golden else None

    @property
    def evidence(self) -> list[dict[str, Any]]:
        return self.candidate.evidence if self.candidate else []

    @cached_property
    def runner_up(self) -> Candidate | None:
        others = [c for c in self.candidates if c is not self.candidate]
        return max(others, key=lambda c: c.score, default=None)

    @cached_property
    def margin(self) -> float | None:
        """Bits between this candidate and the next best."""
        if self.candidate is None or self.runner_up is None:
            return None
        return self.candidate.score - self.runner_up.score

    @property
    def why_not(self) -> list[tuple[str, float]]:
        """What speaks more for this candidate than for the next best: (label, bits), the most telling first."""
        if self.candidate is None or self.runner_up is None:
            return []
        other = {e["field"]: e["bits"] for e in self.runner_up.evidence}
        leads = [(e["label"], e["bits"] - other.get(e["field"], 0.0)) for e in self.evidence]
        return sorted((lead for lead in leads if abs(lead[1]) >= 0.5), key=lambda lead: -abs(lead[1]))[:3]

    @cached_property
    def thresholds(self) -> tuple[float, float]:
        """Probabilities above which the policy in force asks a person, and links by itself."""
        row = self.known.policy(Policy.Kind.MATCH, self.item.domain)
        policy = matching.Policy.from_json(row.body) if row else matching.Policy.default(self.item.domain)
        source = self.item.source
        critical = self.golden is not None and self.golden.criticality == GoldenRecord.Criticality.HIGH
        costs = policy.costs_of(critical or (source is not None and is_critical(source.domain, source.values)))
        return costs.review, costs.auto


def find(pk: int) -> WorkItem | None:
    """A review with what it is about. People, whom most reviews don't name, are read when they are asked for."""
    rows = WorkItem.objects.filter(pk=pk, kind__in=work.REVIEWS).select_related("source", "golden", "other")
    return rows.defer("source__raw", "source__standardised").first()


# how an item ends that was decided this way
ENDINGS = {
    "accept": ("accepted", "merged", "proposed", "kept"),
    "reject": ("rejected", "split"),
    "new": ("new",),
    "relate": ("new", "rejected"),
}


def was_made(item: WorkItem, user: User, said: Mapping[str, Any]) -> bool:
    """Whether this user has made this very decision already: its answer got lost, and it is sent again."""
    if str(item.version - 1) != said.get("version"):
        return False
    decision = str(said.get("decision"))
    if item.state == WorkItem.State.DONE:
        return item.resolved_by_id == user.pk and item.resolution in ENDINGS.get(decision, ())
    if item.state == WorkItem.State.SNOOZED:
        return decision == "snooze"
    last = next(reversed(item.details.get("set_aside", [])), None)
    if decision != "reject" or last is None:
        return False
    return GoldenRecord.objects.filter(pk=last["golden"], public_id=said.get("candidate", "")).exists()


def what_changed(item: WorkItem, said: Mapping[str, Any]) -> str:
    """What is not as it was when the steward looked at it, in a sentence; empty when it is."""
    if not item.is_live:
        who = item.resolved_by.display_name if item.resolved_by else "Concord"
        when = f" at {words.show_time(item.resolved_at)}" if item.resolved_at else ""
        why = f" ({item.resolution_reason})" if item.resolution_reason else ""
        return f"{who} decided{when}: {words.resolution_words(item.resolution).lower()}{why}."
    best = Review(item).candidate
    if str(item.version) == said.get("version") or best is None:
        return ""
    seen = f", not {said['candidate']}" if said.get("candidate") not in ("", None, best.golden.public_id) else ""
    return f"Now the best candidate is {best.golden.public_id}{seen}, with {words.percent(best.probability)}."
