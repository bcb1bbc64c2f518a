"""The pairs of which proposed rules make something else, closest to the line first, with the reason in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from matching import Policy
from matching.agreement import Bools, Floats
from matching.explain import why, why_changed
from mdm import candidates as pool
from mdm.engine import Engine
from mdm.models import ChangedPair, ChangeRequest, SourceRecord
from mdm.policies import label
from mdm.services import scoring
from mdm.services.policy_diff import Changed, PolicyDiff

KEPT = 10_000  # pairs kept of one proposal: more than anybody reads
CHUNK = 2_000  # pairs compared at once
Becomes, ENDS = ChangedPair.Outcome, ("one", "two")
BY_ITSELF = (Becomes.ONE, Becomes.MOVES, Becomes.LINKED)  # the proposed rules are certain of the pair
TITLES = (
    "number", "outcome", "critical", "system a", "code a", "name a", "record a", "system b", "code b", "name b",
    "record b", "bits before", "bits after", "probability before", "probability after", "because",
)  # fmt: skip
BELOW = (Becomes.APART, Becomes.LEFT)  # the pair falls below what is asked about


@dataclass(frozen=True, slots=True)
class ChangedPairs:
    """``first``: those that are kept, in order, not stored yet. ``critical``: how many of all have a critical record
    and would be joined without asking.
    """

    total: int
    critical: int
    first: Sequence[ChangedPair]


def changed_pairs(engine: Engine, proposed: Policy, diff: PolicyDiff) -> ChangedPairs:
    """Rank what changes by how far its score lies from the line that it crosses. Reads only."""
    changed = diff.changed
    critical = np.array([not diff.critical.isdisjoint((c.one, c.two)) for c in changed], dtype=np.bool_)
    by_itself = np.array([c.outcome in BY_ITSELF for c in changed], dtype=np.bool_)
    distance = np.abs(_after(engine, proposed, changed) - _lines(proposed, changed, critical))
    chosen = np.lexsort((distance, ~(critical & by_itself)))[:KEPT]  # none that a guardrail counts is left out
    order = chosen[np.argsort(distance[chosen], kind="stable")].tolist()
    kept = list(_explained(engine, proposed, [changed[i] for i in order], critical[order]))
    return ChangedPairs(len(changed), int((critical & by_itself).sum()), kept)


def of_request(request: ChangeRequest, *, critical: bool = False) -> QuerySet[ChangedPair]:
    """The pairs of a proposal with their records; ``critical``: those alone that a guardrail counts."""
    rows = request.pairs.select_related(*(f"{end}__{name}" for end in ENDS for name in ("code_system", "golden")))
    rows = rows.defer(*(f"{end}__{name}" for end in ENDS for name in ("raw", "standardised")))
    return rows.filter(critical=True, outcome__in=BY_ITSELF) if critical else rows


def table(pairs: QuerySet[ChangedPair]) -> Iterator[Sequence[Any]]:
    """Headings, then a row a pair, a few thousand in memory at a time."""
    yield TITLES
    for pair in pairs.iterator(chunk_size=CHUNK):
        yield [
            pair.number,
            pair.get_outcome_display(),
            "yes" if pair.critical else "no",
            *_record(pair.one),
            *_record(pair.two),
            pair.before,
            pair.after,
            round(pair.chance_before, 6),
            round(pair.chance_after, 6),
            pair.because,
        ]


def _record(source: SourceRecord) -> list[str]:
    golden = source.golden.public_id if source.golden else ""
    return [source.code_system.slug, source.code, label(source.domain, source.values), golden]


def store(request: ChangeRequest, pairs: Sequence[ChangedPair]) -> None:
    """Keep them with the proposal that they are of."""
    for pair in pairs:
        pair.change_request = request
    ChangedPair.objects.bulk_create(pairs, batch_size=1_000)


def _after(engine: Engine, proposed: Policy, changed: Sequence[Changed]) -> Floats:
    """Bits under the proposed rules."""
    parts = [np.empty(0)]
    for chunk in _chunks(changed):
        pairs = [(c.one, c.two) for c in chunk]
        rows = pool.rows(sorted({pk for pair in pairs for pk in pair}))
        parts.append(scoring.score_pairs(engine, pairs, rows, proposed)[0].bits)
    return np.concatenate(parts)


def _lines(proposed: Policy, changed: Sequence[Changed], critical: Bools) -> Floats:
    below = np.array([c.outcome in BELOW for c in changed], dtype=np.bool_)
    sure = np.where(critical, proposed.sure_score_of(True), proposed.sure_score)
    return np.where(below, proposed.review_bits, sure)


def _explained(
    engine: Engine, proposed: Policy, changed: Sequence[Changed], critical: Sequence[bool]
) -> Iterator[ChangedPair]:
    for start, chunk in zip(range(0, len(changed), CHUNK), _chunks(changed), strict=True):
        pairs = [(c.one, c.two) for c in chunk]
        rows = pool.rows(sorted({pk for pair in pairs for pk in pair}))
        sides = [scoring.explain_all(engine, rows, pairs, policy) for policy in (engine.policy, proposed)]
        for at, (what, before, after) in enumerate(zip(chunk, *sides, strict=True), start):
            yield ChangedPair(
                number=at + 1,
                outcome=what.outcome,
                one_id=what.one,
                two_id=what.two,
                before=round(before.score, 3),
                after=round(after.score, 3),
                chance_before=engine.policy.chance(before.score).right,
                chance_after=proposed.chance(after.score).right,
                critical=bool(critical[at]),
                because="; ".join(why_changed(before, after) or ["Only the line moves", *why(after, 1)])[:500],
            )


def _chunks(changed: Sequence[Changed]) -> Iterator[Sequence[Changed]]:
    for start in range(0, len(changed), CHUNK):
        yield changed[start : start + CHUNK]
