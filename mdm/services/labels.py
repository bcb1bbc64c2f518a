"""Labels: pairs of source records of which people said whether they are the same, and batches of pairs to ask about."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from matching.selection import most_telling
from mdm import candidates as pool
from mdm import permissions
from mdm.candidates import Candidate, standardised
from mdm.changes import Change
from mdm.engine import Engine, engine_for
from mdm.locks import lock_name
from mdm.models import Check, Judgement, LabelBatch, SourceRecord, SourceRevision, User, WorkItem
from mdm.services import scoring

SCANNED = 1000  # records picked at random whose candidates are looked through for pairs near the boundary
POOL = 20  # times as many pairs are compared in full as are asked about

Pair = tuple[int, int]  # source ids, the smaller first
State = SourceRecord.State


def labels(domain: str) -> dict[Pair, bool]:
    """What people said of pairs, as far as they agree and the records still say what they said then."""
    said: dict[Pair, set[bool]] = defaultdict(set)
    judged = Judgement.objects.filter(first__domain=domain, reopened_at__isnull=True).exclude(_changed("created_at"))
    for first, second, verdict in judged.values_list("first", "second", "verdict"):
        said[first, second].add(verdict == Judgement.Verdict.SAME)
    answered = Check.objects.filter(domain=domain, answered_at__isnull=False).exclude(_changed("answered_at"))
    known = answered.filter(kind=Check.Kind.KNOWN)  # these test the steward, whose answer may be wrong
    for first, second, same in (
        *known.values_list("first", "second", "expected"),
        *answered.exclude(kind=Check.Kind.KNOWN).values_list("first", "second", "same"),
    ):
        said[first, second].add(bool(same))
    return {pair: next(iter(answers)) for pair, answers in sorted(said.items()) if len(answers) == 1}


def _changed(since: str) -> Exists:
    """Either record has changed since."""
    either = Q(source=OuterRef("first")) | Q(source=OuterRef("second"))
    return Exists(SourceRevision.objects.filter(either, recorded_at__gt=OuterRef(since)))


# ------------------------------------------------------------------------------------------------------------- batches


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` pairs have a label: an answer, or the decision of a review."""

    done: int
    total: int


@transaction.atomic
def start_batch(*, domain: str, count: int, actor: User) -> LabelBatch:
    """Choose the pairs whose labels would teach most: from open reviews, and from scored pairs near the boundary.

    Fewer than ``count`` if there are no more; none that somebody has judged or been asked about already.
    """
    permissions.require(actor, permissions.DECIDE)
    lock_name("checks", domain)
    engine = engine_for(domain)
    batch = LabelBatch.objects.create(domain=domain, author=actor)
    near = _nearest(engine, _unlabelled({*_in_review(domain), *_found_at_random(domain)}), POOL * count)
    chosen = _choose(engine, near, count, seed=LabelBatch.objects.filter(domain=domain).count())
    Check.objects.bulk_create(
        Check(kind=Check.Kind.LABEL, domain=domain, first_id=a, second_id=b, batch=batch, planned_by=actor)
        for a, b in chosen
    )
    Change.begin(actor, "labels.started").audit(about=batch, after={"domain": domain, "pairs": len(chosen)})
    return batch


def progress(batch: LabelBatch) -> Progress:
    """How much of a batch is labelled."""
    checks = batch.checks.all()
    return Progress(checks.filter(Q(answered_at__isnull=False) | judged()).count(), checks.count())


def judged() -> Exists:
    """Of a check: its pair has a judgement in force."""
    pair = Judgement.objects.filter(first=OuterRef("first"), second=OuterRef("second"))
    return Exists(pair.filter(reopened_at__isnull=True))


def _in_review(domain: str) -> list[Pair]:
    items = WorkItem.objects.filter(domain=domain, kind=WorkItem.Kind.POSSIBLE_MATCH, state__in=WorkItem.LIVE)
    found = items.filter(source__isnull=False).values_list("source", "candidates")
    return [_ordered(source or 0, candidate["via"]) for source, candidates in found for candidate in candidates]


def _found_at_random(domain: str) -> list[Pair]:
    records = SourceRecord.objects.filter(domain=domain, state__in=(State.LINKED, State.REVIEW))
    picked = list(records.order_by("?").values_list("pk", flat=True)[:SCANNED])
    left, right = pool.find(pool.keys(picked), engine_for(domain).common)
    return [_ordered(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)]


def _ordered(one: int, two: int) -> Pair:
    return min(one, two), max(one, two)


def _unlabelled(pairs: set[Pair]) -> list[Pair]:
    firsts = {first for first, _ in pairs}
    taken: set[Pair] = set(
        Judgement.objects.filter(first__in=firsts, reopened_at__isnull=True).values_list("first", "second")
    )
    taken |= set(Check.objects.filter(first__in=firsts).values_list("first", "second"))
    return sorted(pairs - taken)


def _nearest(engine: Engine, pairs: list[Pair], count: int) -> list[tuple[Pair, tuple[Candidate, Candidate]]]:
    """The pairs whose scores are nearest to the boundary, with their records."""
    rows = pool.rows(sorted({pk for pair in pairs for pk in pair}))
    speaking = {pk for pk, row in rows.items() if row.state in (State.LINKED, State.REVIEW)}
    pairs = [pair for pair in pairs if speaking.issuperset(pair)]
    if not pairs:
        return []
    doubt = np.abs(scoring.score_pairs(engine, pairs, rows, engine.policy)[0].bits - _boundary(engine))
    nearest = np.argsort(doubt, kind="stable")[:count].tolist()
    return [(pairs[i], (rows[pairs[i][0]], rows[pairs[i][1]])) for i in nearest]


def _boundary(engine: Engine) -> float:
    return (engine.policy.sure_score + engine.policy.review_bits) / 2


def _choose(engine: Engine, near: list[tuple[Pair, tuple[Candidate, Candidate]]], count: int, seed: int) -> list[Pair]:
    left, right = (standardised.load([found[side] for _, found in near]) for side in (0, 1))
    compared = engine.recipe.compare_all(list(zip(left, right, strict=True)), engine.statistics, engine.policy)
    if not compared:
        return []
    bits = np.array([[evidence.bits for evidence in comparison.evidence] for comparison in compared])
    vetoed = np.array([bool(comparison.vetoes) for comparison in compared])
    chosen = most_telling(bits, vetoed, count, np.random.default_rng(seed), _boundary(engine))
    return [near[row][0] for row in chosen]
