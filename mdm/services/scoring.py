"""Candidates of a batch, scored: the same engine and the same numbers for one record or five hundred."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from matching import Comparison, Policy, Scores
from mdm import candidates as pool
from mdm import policies
from mdm.candidates import Candidate, standardised
from mdm.engine import Engine
from mdm.known import Known
from mdm.models import Judgement, SourceRecord
from mdm.partition import Edge, Facts, Query, Target

Pairs = list[tuple[int, int]]
Judged = Sequence[tuple[int, int, float, bool]]  # query, candidate (source ids), bits, whether vetoed


@dataclass(slots=True)
class Scored:
    """What is known about a batch before it is decided."""

    queries: dict[int, Query]
    edges: dict[int, dict[Target, Edge]]
    facts: Facts
    rows: dict[int, Candidate] = field(default_factory=dict)  # queries and candidates, by source id
    # records in review → queries that resemble them → bits
    doubtful: dict[int, dict[int, float]] = field(default_factory=dict)


def as_query(source: SourceRecord) -> Query:
    content = orjson.dumps([source.values, source.code_system.slug, source.code], option=orjson.OPT_SORT_KEYS)
    return Query(
        source=source.pk,
        code_system=source.code_system_id,
        deduplicated=source.code_system.deduplicated,
        tie=hashlib.blake2b(content, digest_size=12).hexdigest(),
        critical=policies.is_critical(source.domain, source.values),
    )


def score(known: Known, engine: Engine, sources: Sequence[SourceRecord], keys: Mapping[int, Sequence[int]]) -> Scored:
    """Find and score what the sources may be the same as: golden records, and each other."""
    return score_queries(known, engine, {s.pk: as_query(s) for s in sources}, keys)


def score_queries(
    known: Known, engine: Engine, queries: dict[int, Query], keys: Mapping[int, Sequence[int]],
    unstored: Mapping[int, Candidate] = MappingProxyType({}),
) -> Scored:  # fmt: skip
    """The same for queries of which some are ``unstored``: they stand in no table, and say what they are given."""
    left, right = pool.find({pk: keys[pk] for pk in queries}, engine.common)
    rows = pool.rows(sorted({*queries, *right.tolist()})) | dict(unstored)
    pairs = _worth_scoring(zip(left.tolist(), right.tolist(), strict=True), rows, queries)
    return _weighed(known, engine, queries, rows, _judge(engine, pairs, rows))


def score_known(known: Known, engine: Engine, sources: Sequence[SourceRecord], judged: Judged) -> Scored:
    """The same for sources whose pairs, in either order, have been found and scored already, perhaps with others'."""
    queries = {s.pk: as_query(s) for s in sources}
    mine = (pair for pair in judged if pair[0] in queries or pair[1] in queries)
    found = {(a, b) if a in queries else (b, a): (bits, vetoed) for a, b, bits, vetoed in mine}
    rows = pool.rows(sorted({*queries, *(b for _, b in found)}))
    pairs = _worth_scoring(found, rows, queries)
    return _weighed(known, engine, queries, rows, [(*pair, *found[pair]) for pair in pairs])


def _weighed(
    known: Known, engine: Engine, queries: dict[int, Query], rows: dict[int, Candidate], judged: Judged
) -> Scored:
    """Judged pairs folded into edges, with those that the records of one golden record add."""
    pairs = [(a, b) for a, b, *_ in judged]
    facts = gather_facts(engine.domain, known, queries, pairs, rows)
    edges: dict[int, dict[Target, Edge]] = defaultdict(dict)
    doubtful = _enter(edges, judged, rows, queries, engine.policy.review_bits)
    rest = unseen_members(edges, facts, set(pairs), engine.policy.review_bits)
    if rest:
        rows |= pool.rows(sorted({b for _, b in rest} - rows.keys()))
        _enter(edges, _judge(engine, rest, rows), rows, queries, engine.policy.review_bits)
    return Scored(queries, dict(edges), facts, rows, doubtful)


def _worth_scoring(
    pairs: Iterable[tuple[int, int]], rows: Mapping[int, Candidate], queries: Mapping[int, Query]
) -> Pairs:
    """Without those of one declared-clean code system, retired ones, and those waiting in other batches.

    Of two queries that wait, one order is enough: they are as like as they are.
    """
    kept: dict[tuple[int, int], None] = {}
    for a, b in pairs:
        other = rows.get(b)
        if other is None or (queries[a].deduplicated and other.code_system == queries[a].code_system):
            continue
        if (b, a) in kept and rows[a].golden is None and other.golden is None:
            continue
        if other.golden is not None or b in queries or other.state == SourceRecord.State.REVIEW:
            kept[a, b] = None
    return list(kept)


def _judge(engine: Engine, pairs: Pairs, rows: Mapping[int, Candidate]) -> Judged:
    """The pairs, scored together."""
    if not pairs:
        return []
    scores = score_pairs(engine, pairs, rows, engine.policy)[0]
    return [
        (one, two, bits, vetoed)
        for (one, two), bits, vetoed in zip(pairs, scores.bits.tolist(), scores.vetoed.tolist(), strict=True)
    ]


def score_pairs(engine: Engine, pairs: Pairs, rows: Mapping[int, Candidate], *policies: Policy) -> list[Scores]:
    """The scores of pairs of source records under each policy."""
    lefts, rights = sorted({a for a, _ in pairs}), sorted({b for _, b in pairs})
    left_at, right_at = ({pk: i for i, pk in enumerate(side)} for side in (lefts, rights))
    tables = engine.recipe.tables(
        standardised.load([rows[pk] for pk in lefts]), standardised.load([rows[pk] for pk in rights]), engine.statistics
    )
    a = np.fromiter((left_at[p[0]] for p in pairs), dtype=np.int64, count=len(pairs))
    b = np.fromiter((right_at[p[1]] for p in pairs), dtype=np.int64, count=len(pairs))
    return [engine.recipe.score_pairs(tables, a, b, engine.statistics, policy) for policy in policies]


def _enter(
    edges: dict[int, dict[Target, Edge]], judged: Judged,
    rows: Mapping[int, Candidate], queries: Mapping[int, Query], review_bits: float,
) -> dict[int, dict[int, float]]:  # fmt: skip
    """Fold pairs into edges: the best score per target, vetoed if any record of it is; returns doubtful neighbours."""
    doubtful: dict[int, dict[int, float]] = defaultdict(dict)
    for a, b, bits, vetoed in judged:
        mine, theirs = rows[a].golden, rows[b].golden
        if theirs is None and b not in queries:
            if bits >= review_bits:
                doubtful[b][a] = bits
        elif mine is None and theirs is None:
            raise_edge(edges[a], Target(peer=b), bits, vetoed, b)
            raise_edge(edges[b], Target(peer=a), bits, vetoed, a)
        elif theirs is None:
            raise_edge(edges[b], Target(golden=mine or 0), bits, vetoed, a)
        elif theirs != mine:
            raise_edge(edges[a], Target(golden=theirs), bits, vetoed, b)
    return doubtful


def raise_edge(targets: dict[Target, Edge], target: Target, bits: float, vetoed: bool, via: int) -> None:
    """Enter one more pair into the edge to a target: the best score counts, and any veto."""
    edge = targets.get(target)
    if edge is None:
        targets[target] = Edge(bits, vetoed, via)
        return
    edge.vetoed = edge.vetoed or vetoed
    if bits > edge.score:
        edge.score, edge.via = bits, via


def gather_facts(
    domain: str, known: Known, queries: Mapping[int, Query], pairs: Pairs, rows: Mapping[int, Candidate]
) -> Facts:
    """What the database knows about the golden records that these pairs touch."""
    judgements = pool.judgements(list(queries))
    goldens = {g for _, b in pairs if (g := rows[b].golden) is not None}
    goldens |= {g for source in queries if (g := rows[source].golden) is not None}
    goldens |= {g for row in judgements for g in row[3:] if g is not None}
    given = pool.by_given_code(sorted(queries))
    goldens |= set(given.values())
    members: dict[int, set[int]] = defaultdict(set)
    clean: dict[int, set[int]] = defaultdict(set)
    deduplicated = {pk for pk, system in known.code_systems.items() if system.deduplicated}
    asked = sorted(goldens)
    for row in pool.members(asked).values():
        if row.golden is not None:
            members[row.golden].add(row.source)
            if row.code_system in deduplicated:
                clean[row.golden].add(row.code_system)
    same = given
    for first, second, verdict, first_golden, second_golden in judgements:
        if verdict == Judgement.Verdict.SAME:
            if first in queries and second_golden is not None and rows[first].golden is None:
                same[first] = second_golden
            elif second in queries and first_golden is not None and rows[second].golden is None:
                same[second] = first_golden
    return Facts(
        clean_systems={g: frozenset(s) for g, s in clean.items()},
        members={g: frozenset(s) for g, s in members.items()},
        rejected=frozenset((a, b) for a, b, verdict, *_ in judgements if verdict == Judgement.Verdict.DIFFERENT),
        same=same,
        critical=pool.critical(asked) if policies.knows_critical(domain) else frozenset(),
    )


def unseen_members(
    edges: Mapping[int, Mapping[Target, Edge]], facts: Facts, seen: set[tuple[int, int]], review_bits: float
) -> Pairs:
    """Records of likely golden records that share no key with the query: they may hold the veto."""
    return [
        (source, member)
        for source, targets in edges.items()
        for target, edge in targets.items()
        if target.golden and edge.score >= review_bits
        for member in facts.members.get(target.golden, ())
        if (source, member) not in seen and member != source
    ]


def explain(engine: Engine, rows: Mapping[int, Candidate], one: int, two: int) -> Comparison:
    """The full comparison behind a score."""
    return explain_all(engine, rows, [(one, two)])[0]


def explain_all(
    engine: Engine, rows: Mapping[int, Candidate], pairs: Pairs, policy: Policy | None = None
) -> list[Comparison]:
    """Full comparisons of pairs of source records, together; ``policy``: by default the one in force."""
    left = standardised.load([rows[one] for one, _ in pairs])
    right = standardised.load([rows[two] for _, two in pairs])
    return engine.recipe.compare_all(list(zip(left, right, strict=True)), engine.statistics, policy or engine.policy)


def evidence(comparison: Comparison) -> list[dict[str, Any]]:
    """As stored on work items and shown to stewards; the bits add up to the score."""
    return [
        {
            "field": e.field, "label": e.label, "level": e.level, "similarity": e.similarity, "bits": round(e.bits, 3),
            "note": e.note, "a": e.a, "b": e.b,
        }
        for e in comparison.evidence
    ]  # fmt: skip
