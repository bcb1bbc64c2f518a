"""What proposed rules would do to the whole population of a domain. Reads only.

Every record is decided as if it arrived today, after all others: under the rules in force and under the proposed ones,
with the candidates, facts and rules of the resolver. What differs is the difference that the rules make. What a person
decided stays, so it is no difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from matching import Policy
from mdm.engine import Engine
from mdm.known import Known
from mdm.models import ChangedPair, GoldenRecord, SourceRecord
from mdm.partition import Edge, Outcome
from mdm.services.population import Batch, Edges, Pair, Policies, Source, batches, decided_alone, facts_without

SHOWN = 50  # examples kept of each kind of difference

Reason, Becomes = SourceRecord.LinkReason, ChangedPair.Outcome
Best = tuple[float, int, int]  # the best score, and the two source records that have it
Links = dict[Pair, tuple[Best, bool]]  # two golden records, ordered → what joins them, whether vetoed


@dataclass(frozen=True, slots=True)
class Changed:
    """Two source records of which the proposed rules make something else: what, and who of the golden records is
    concerned.
    """

    outcome: ChangedPair.Outcome
    one: int
    two: int
    goldens: tuple[int, ...] = ()


@dataclass(slots=True)
class PolicyDiff:
    """``merges``: golden records that would be one. ``splits``: those that no longer hang together by links at review
    level. ``moves``: automatic links that would be made to another golden record.
    """

    records: int = 0
    golden_records: int = 0
    waiting: int = 0  # records in review now
    settled: int = 0  # of these, how many the proposed rules would not ask about
    opened: int = 0  # linked records that the proposed rules would ask about, and those in force would not
    merges: list[dict[str, Any]] = field(default_factory=list)
    splits: list[dict[str, Any]] = field(default_factory=list)
    moves: list[dict[str, Any]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)  # source records that any of these is about
    critical: set[int] = field(default_factory=set)  # source records that are critical, or belong to a record that is
    changed: list[Changed] = field(default_factory=list)  # the pair behind each difference, where there is one

    def to_json(self) -> dict[str, Any]:
        """Counts, and the first examples of each kind: golden records by public id, source records by id."""
        kinds = {"merges": self.merges, "splits": self.splits, "moves": self.moves}
        return {
            "records": self.records,
            "golden_records": self.golden_records,
            "reviews": {"waiting": self.waiting, "settled": self.settled, "opened": self.opened},
            **{name: {"count": len(rows), "examples": rows[:SHOWN]} for name, rows in kinds.items()},
        }


def policy_diff(engine: Engine, proposed: Policy) -> PolicyDiff:
    """Compare a proposed policy with the one in force, over all source records of the engine's domain."""
    diff, known = PolicyDiff(), Known()
    policies = engine.policy, proposed
    likely: tuple[Links, Links] = ({}, {})
    for batch in batches(engine, policies):
        diff.records += len(batch.sources)
        diff.critical.update(
            source.pk for source in batch.sources if source.critical or source.golden in batch.facts.critical
        )
        _compare_decisions(diff, known, policies, batch)
        _compare_groups(diff, policies, batch)
        for policy, edges, links in zip(policies, batch.edges, likely, strict=True):
            _note_likely(links, policy, edges, batch)
    _compare_pairs(diff, *likely)
    _name(diff)
    return diff


# --------------------------------------------------------------------------------------------------- reviews and moves


def _compare_decisions(diff: PolicyDiff, known: Known, policies: Policies, batch: Batch) -> None:
    judged = {pk for pair in batch.same for pk in pair}
    for source in batch.sources:
        if source.reason == Reason.STEWARD or source.pk in judged or source.golden in batch.merged:
            continue
        facts = facts_without(known, batch, source)
        before, after = decided_alone(batch, source, facts, policies)
        _count_reviews(diff, source, before, after)
        if facts.members.get(source.golden or 0) and _moves(source.golden, before, after):
            diff.moves.append({"source": source.pk, "from": source.golden, "to": _target(after)})
            diff.touched.add(source.pk)
            _note(diff, Becomes.MOVES, source, after.edge)


def _count_reviews(diff: PolicyDiff, source: Source, before: Outcome, after: Outcome) -> None:
    asked, asks = before.kind == "review", after.kind == "review"
    if source.golden is None:
        diff.waiting += 1
        diff.settled += not asks
        if after.kind == "link":
            _note(diff, Becomes.LINKED, source, after.edge)
        elif not asks:
            _note(diff, Becomes.LEFT, source, before.edge)
    else:
        diff.opened += asks and not asked
        if asks and not asked:
            _note(diff, Becomes.ASKED, source, after.edge)


def _note(diff: PolicyDiff, outcome: ChangedPair.Outcome, source: Source, edge: Edge | None) -> None:
    """The pair that an outcome turns on, if it turns on one."""
    if edge is not None:
        diff.changed.append(Changed(outcome, source.pk, edge.via))


def _moves(golden: int | None, before: Outcome, after: Outcome) -> bool:
    return _target(after) not in (0, golden, _target(before))


def _target(outcome: Outcome) -> int:
    return outcome.target.golden if outcome.kind == "link" and outcome.target else 0


# --------------------------------------------------------------------------------------------------- splits and merges


def _compare_groups(diff: PolicyDiff, policies: Policies, batch: Batch) -> None:
    """Which golden records fall apart."""
    for golden, sources in batch.groups().items():
        diff.golden_records += 1
        if len(sources) < 2 or golden in batch.merged:
            continue
        ids = [source.pk for source in sources]
        held = {(s.pk, ids[s is sources[0]]) for s in sources if s.reason == Reason.STEWARD} | batch.same
        before, after = (_parts(ids, held | set(_linked(batch, ids, at, policy))) for at, policy in enumerate(policies))
        if len(after) > len(before):
            diff.splits.append({"golden": golden, "parts": after})
            diff.touched.update(ids)
            diff.changed.append(_torn(batch, golden, after, policies[0].review_bits))


def _torn(batch: Batch, golden: int, parts: list[list[int]], review_bits: float) -> Changed:
    """Of the links whose loss makes a golden record fall apart, the one that is lost by least. ``review_bits``: of the
    rules in force.
    """
    across = (pair for one, two in combinations(parts, 2) for pair in product(one, two))
    lost = [(new, pair) for pair in across for old, new in [_within(batch, pair)] if old >= review_bits]
    _, (one, two) = max(lost)
    return Changed(Becomes.APART, one, two, (golden,))


def _within(batch: Batch, pair: Pair) -> tuple[float, float]:
    return batch.within[min(pair), max(pair)]


def _linked(batch: Batch, ids: Sequence[int], at: int, policy: Policy) -> Iterator[Pair]:
    return (pair for pair in combinations(ids, 2) if batch.within[pair][at] >= policy.review_bits)


def _parts(members: list[int], links: set[Pair]) -> list[list[int]]:
    """Members by what hangs together."""
    part = {member: {member} for member in members}
    for one, two in links:
        if one in part and two in part and part[one] is not part[two]:
            whole = part[one] | part[two]
            part |= dict.fromkeys(whole, whole)
    return sorted(sorted(p) for p in {id(p): p for p in part.values()}.values())


def _note_likely(links: Links, policy: Policy, edges: Edges, batch: Batch) -> None:
    """Pairs of golden records that have sources which are one for certain; a veto seen from either side counts."""
    for source in batch.sources:
        for target, edge in edges.get(source.pk, {}).items():
            mine, other = source.golden, target.golden
            sure = policy.sure_score_of(source.critical or other in batch.facts.critical)
            if mine is None or mine == other or edge.score < sure:
                continue
            pair = min(mine, other), max(mine, other)
            best, vetoed = links.get(pair, ((-math.inf, 0, 0), False))
            best = max(best, (edge.score, source.pk, edge.via))
            links[pair] = best, vetoed or edge.vetoed or batch.facts.apart(*pair)


def _compare_pairs(diff: PolicyDiff, before: Links, after: Links) -> None:
    """Which golden records would be one now."""
    certain = {pair for pair, (_, vetoed) in before.items() if not vetoed}
    for pair, ((score, one, two), vetoed) in sorted(after.items()):
        if not vetoed and pair not in certain:
            diff.merges.append({"golden": pair[0], "other": pair[1], "score": round(score, 3)})
            diff.touched.add(one)
            diff.changed.append(Changed(Becomes.ONE, one, two, pair))


def _name(diff: PolicyDiff) -> None:
    """Public ids instead of keys, in the examples that are shown."""
    shown = [*diff.merges[:SHOWN], *diff.splits[:SHOWN], *diff.moves[:SHOWN]]
    names = ("golden", "other", "from", "to")
    wanted = {row[name] for row in shown for name in names if name in row}
    public = dict(GoldenRecord.objects.filter(pk__in=wanted).values_list("pk", "public_id"))
    for row in shown:
        row |= {name: public[row[name]] for name in names if name in row}
