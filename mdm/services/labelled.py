"""How good rules are on labelled pairs: those that people called the same or not, against what they would link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matching import Policy
from matching.agreement import Bools
from matching.evaluate import Quality
from matching.train import ENOUGH
from mdm import candidates as pool
from mdm.engine import Engine
from mdm.known import Known
from mdm.models import GoldenRecord, SourceRecord
from mdm.partition import Outcome, Target
from mdm.policies import is_critical
from mdm.services.labels import Pair, labels
from mdm.services.population import batches_of, decided_alone, facts_without

HIGH = GoldenRecord.Criticality.HIGH
SPEAKING = (SourceRecord.State.LINKED, SourceRecord.State.REVIEW)


@dataclass(frozen=True, slots=True)
class Measure:
    """Links that rules would make by themselves, against the labels. ``silent``: pairs called the same that they would
    not even ask about.
    """

    quality: Quality
    silent: int

    def to_json(self) -> dict[str, Any]:
        return {**self.quality.to_json(), "silent": self.silent}


@dataclass(frozen=True, slots=True)
class Group:
    """Some labelled pairs, and how good the rules in force and the proposed ones are on them."""

    same: int
    different: int
    before: Measure
    after: Measure

    @property
    def enough(self) -> bool:
        """Whether there are labels of each kind enough to say anything."""
        return min(self.same, self.different) >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        sides = {"before": self.before.to_json(), "after": self.after.to_json()}
        return {"same": self.same, "different": self.different, **sides}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rules in force and proposed, on all labelled pairs and on those that have a critical record.

    The later record of a pair is decided as if it arrived today, after all others, with its candidates and their
    rivals: would it be linked to where the other one is? Nothing that people decided counts. They were mostly asked
    about what was in doubt, so these pairs are harder than most; what both rules make of the same pairs can be compared
    all the same.
    """

    every: Group
    critical: Group

    def to_json(self) -> dict[str, Any]:
        return {
            "wanted": ENOUGH,
            "enough": self.every.enough,
            "every": self.every.to_json(),
            "critical": self.critical.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """A labelled pair: ``source`` is decided, ``golden`` is where the other one is."""

    source: int
    golden: int
    same: bool


def labelled(engine: Engine, proposed: Policy) -> Labelled:
    """Measure the rules in force and proposed ones on the labels of the engine's domain. Reads only."""
    said = labels(engine.domain)
    asked = _questions(said)
    pairs, questions = list(asked), list(asked.values())
    critical = _critical(engine.domain, pairs)
    same = np.array([question.same for question in questions], dtype=np.bool_)
    outcomes = _outcomes(engine, proposed, {question.source for question in questions})
    sides = [
        (same, *_columns([(question.golden, outcomes[question.source][side]) for question in questions]))
        for side in (0, 1)
    ]
    return Labelled(_group(sides, np.ones_like(same)), _group(sides, critical))


def _critical(domain: str, pairs: Sequence[Pair]) -> Bools:
    """Of each pair, whether either record is critical, or belongs to one that is."""
    rows = SourceRecord.objects.filter(pk__in={pk for pair in pairs for pk in pair})
    told = rows.values_list("pk", "values", "golden__criticality")
    found = {pk for pk, values, golden in told if golden == HIGH or is_critical(domain, values)}
    return np.array([not found.isdisjoint(pair) for pair in pairs], dtype=np.bool_)


def _questions(said: Mapping[Pair, bool]) -> dict[Pair, Question]:
    """Of the labels whose records still speak, and of which one has a golden record that the other can be linked to."""
    rows = pool.rows(sorted({pk for pair in said for pk in pair}))
    found = {}
    for (first, second), same in said.items():
        if all(rows[pk].state in SPEAKING for pk in (first, second)):
            later, earlier = (second, first) if rows[first].golden else (first, second)
            if golden := rows[earlier].golden:
                found[first, second] = Question(later, golden, same)
    return found


def _outcomes(engine: Engine, proposed: Policy, sources: set[int]) -> dict[int, tuple[Outcome, Outcome]]:
    """What either policy makes of each record, had nobody decided anything."""
    known, policies = Known(), (engine.policy, proposed)
    found = {}
    for batch in batches_of(engine, policies, sources):
        for source in batch.sources:
            facts = replace(facts_without(known, batch, source), rejected=frozenset())
            found[source.pk] = decided_alone(batch, source, facts, policies)
    return found


def _columns(decided: Sequence[tuple[int, Outcome]]) -> tuple[Bools, Bools]:
    """Of each (golden record, outcome): whether it is linked to it, whether a steward would be asked about it."""
    linked = [outcome.kind == "link" and outcome.target == Target(golden) for golden, outcome in decided]
    asked = [
        outcome.kind == "review" and any(target.golden == golden for target, _ in outcome.candidates)
        for golden, outcome in decided
    ]
    return np.array(linked, dtype=np.bool_), np.array(asked, dtype=np.bool_)


def _group(sides: Sequence[tuple[Bools, Bools, Bools]], chosen: Bools) -> Group:
    same = sides[0][0][chosen]
    before, after = (_measure(*(column[chosen] for column in side)) for side in sides)
    return Group(int(same.sum()), int((~same).sum()), before, after)


def _measure(same: Bools, linked: Bools, asked: Bools) -> Measure:
    right, wrong, missed = same & linked, ~same & linked, same & ~linked
    return Measure(Quality(int(right.sum()), int(wrong.sum()), int(missed.sum())), int((missed & ~asked).sum()))
