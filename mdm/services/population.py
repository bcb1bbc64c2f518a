"""Every record of a domain with what is like it, under two sets of rules at once. Reads only.

Records are taken in batches, all sources of a golden record together, so that memory stays bounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from django.db.models import Q, QuerySet

from matching import Policy, Scores
from mdm import candidates as pool
from mdm.candidates import Candidate
from mdm.engine import Engine
from mdm.known import Known
from mdm.models import GoldenRecord, Judgement, SourceRecord
from mdm.partition import Edge, Facts, Outcome, Query, Target, partition
from mdm.policies import is_critical
from mdm.services import scoring

BATCH = 250  # golden records, or records in review, taken at once
CAP = 100  # sources of one golden record that are compared with each other; there is none with as many in good data

State = SourceRecord.State
Pair = tuple[int, int]
Edges = dict[int, dict[Target, Edge]]  # source → golden record → what the engine says of the two
Policies = tuple[Policy, Policy]


def _no_edges() -> Edges:
    return defaultdict(dict)


@dataclass(frozen=True, slots=True)
class Source:
    pk: int
    golden: int | None
    reason: str
    critical: bool = False


@dataclass(slots=True)
class Batch:
    """Sources, what is like them under either policy, and the facts about these.

    ``within``: two sources of one golden record → their score under either policy. ``merged``: golden records that a
    person's merge made. ``same``: pairs of sources that a person called the same.
    """

    sources: list[Source]
    rows: dict[int, Candidate]
    queries: dict[int, Query]
    facts: Facts = field(default_factory=Facts)
    edges: tuple[Edges, Edges] = field(default_factory=lambda: (_no_edges(), _no_edges()))
    within: dict[Pair, tuple[float, float]] = field(default_factory=dict)
    merged: set[int] = field(default_factory=set)
    same: set[Pair] = field(default_factory=set)

    def groups(self) -> dict[int, list[Source]]:
        """Sources by golden record, no more than ``CAP`` of each."""
        found: dict[int, list[Source]] = defaultdict(list)
        for source in self.sources:
            if source.golden is not None and len(found[source.golden]) < CAP:
                found[source.golden].append(source)
        return found


def batches(engine: Engine, policies: Policies) -> Iterator[Batch]:
    """All that speak: the sources of golden records, by golden record, then those in review."""
    known = Known()
    rows = SourceRecord.objects.filter(domain=engine.domain)
    goldens = GoldenRecord.objects.filter(domain=engine.domain).exclude(status=GoldenRecord.Status.MERGED)
    for chunk in _chunks(list(goldens.order_by("pk").values_list("pk", flat=True))):
        found = rows.filter(golden__in=chunk, state=State.LINKED).order_by("golden", "pk")
        yield _look_up(engine, known, policies, _sources(engine.domain, found))
    for chunk in _chunks(list(rows.filter(state=State.REVIEW).order_by("pk").values_list("pk", flat=True))):
        found = rows.filter(pk__in=chunk).order_by("pk")
        yield _look_up(engine, known, policies, _sources(engine.domain, found))


def batches_of(engine: Engine, policies: Policies, sources: Collection[int]) -> Iterator[Batch]:
    """Some source records alone."""
    known = Known()
    rows = SourceRecord.objects.filter(domain=engine.domain)
    for chunk in _chunks(sorted(sources)):
        found = rows.filter(pk__in=chunk).order_by("pk")
        yield _look_up(engine, known, policies, _sources(engine.domain, found))


def facts_without(known: Known, batch: Batch, source: Source) -> Facts:
    """What would be known of the record's candidates if it were not linked."""
    facts, pk = batch.facts, source.pk
    goldens = {target.golden for edges in batch.edges for target in edges.get(pk, ())}
    members = {golden: facts.members.get(golden, frozenset()) - {pk} for golden in goldens}
    clean = {golden: facts.clean_systems.get(golden, frozenset()) for golden in goldens}
    if source.golden in goldens:
        systems = {batch.rows[other].code_system for other in members[source.golden] if other in batch.rows}
        clean[source.golden] = frozenset(s for s in systems if known.code_systems[s].deduplicated)
    return replace(facts, members=members, clean_systems=clean, same={})


def decided_alone(batch: Batch, source: Source, facts: Facts, policies: Policies) -> tuple[Outcome, Outcome]:
    """What either policy makes of a record that arrives today, after all others."""
    query = batch.queries[source.pk]
    before, after = (
        partition([query], {source.pk: edges.get(source.pk, {})}, facts, policy)[source.pk]
        for policy, edges in zip(policies, batch.edges, strict=True)
    )
    return before, after


def _sources(domain: str, rows: QuerySet[SourceRecord]) -> list[Source]:
    found = rows.values_list("pk", "golden", "link_reason", "values")
    return [Source(pk, golden, reason, is_critical(domain, values)) for pk, golden, reason, values in found]


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _look_up(engine: Engine, known: Known, policies: Policies, sources: list[Source]) -> Batch:
    ids = [source.pk for source in sources]
    left, right = pool.find(pool.keys(ids), engine.common)
    rows = pool.rows(sorted({*ids, *right.tolist()}))
    batch = Batch(sources, rows, {s.pk: _query(known, rows[s.pk], s.critical) for s in sources})
    together = [pair for group in batch.groups().values() for pair in combinations([s.pk for s in group], 2)]
    found = {*zip(left.tolist(), right.tolist(), strict=True), *together, *((b, a) for a, b in together)}
    pairs = [(a, b) for a, b in sorted(found) if b in rows and rows[b].golden is not None]
    batch.facts = scoring.gather_facts(engine.domain, known, batch.queries, pairs, rows)
    _enter(engine, policies, batch, pairs)
    rest: set[Pair] = set()
    for policy, edges in zip(policies, batch.edges, strict=True):
        rest.update(scoring.unseen_members(edges, batch.facts, found, policy.review_bits))
    rows.update(pool.rows(sorted({b for _, b in rest} - rows.keys())))
    _enter(engine, policies, batch, sorted(rest))
    _add_decisions(batch)
    return batch


def _query(known: Known, row: Candidate, critical: bool) -> Query:
    system = known.code_systems[row.code_system]
    tie = ""  # decided one by one, so there are no ties
    return Query(row.source, system.pk, system.deduplicated, tie, critical)


def _enter(engine: Engine, policies: Policies, batch: Batch, pairs: list[Pair]) -> None:
    if not pairs:
        return
    before, after = scoring.score_pairs(engine, pairs, batch.rows, *policies)
    for edges, scores in zip(batch.edges, (before, after), strict=True):
        _fold(edges, pairs, scores, batch.rows)
    for (a, b), old, new in zip(pairs, before.bits.tolist(), after.bits.tolist(), strict=True):
        if batch.rows[a].golden == batch.rows[b].golden:
            batch.within[a, b] = old, new


def _fold(edges: Edges, pairs: list[Pair], scores: Scores, rows: Mapping[int, Candidate]) -> None:
    for (a, b), bits, vetoed in zip(pairs, scores.bits.tolist(), scores.vetoed.tolist(), strict=True):
        scoring.raise_edge(edges[a], Target(golden=rows[b].golden or 0), bits, vetoed, b)


def _add_decisions(batch: Batch) -> None:
    """What people decided: it outlives every re-match."""
    merged = GoldenRecord.objects.filter(merged_into__in={s.golden for s in batch.sources if s.golden is not None})
    batch.merged = set(merged.values_list("merged_into", flat=True))  # type: ignore[arg-type]  # never null here
    same = Judgement.objects.filter(verdict=Judgement.Verdict.SAME, reopened_at__isnull=True)
    same = same.filter(Q(first__in=batch.queries) | Q(second__in=batch.queries))
    batch.same = set(same.values_list("first", "second"))
