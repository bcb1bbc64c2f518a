"""Asking before creating: the golden records that a record would be matched to, as the resolver decides. Reads only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from matching import Comparison, Policy
from mdm import candidates as pool
from mdm import permissions
from mdm.candidates import Candidate
from mdm.engine import Engine, engine_for
from mdm.known import Known
from mdm.lineage import Lineage
from mdm.models import CodeSystem, GoldenRecord, SourceRecord, User
from mdm.partition import Edge, Outcome, Query, Target, partition
from mdm.services import scoring
from mdm.services.scoring import Scored

LIMIT = 10
_ASKED = 0  # stands for the record asked about among source ids, which begin at 1


@dataclass(frozen=True, slots=True)
class Match:
    """A golden record as a candidate. ``margin``: bits ahead of the best other one (None without one)."""

    golden: GoldenRecord
    source: SourceRecord  # the one of its source records that is most like what was asked
    score: float
    probability: float
    decision: str  # link, review or none
    margin: float | None
    vetoes: tuple[str, ...]
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Found:
    """What the resolver would decide (link, review or new) and why, and the candidates, best first."""

    decision: str
    reason: str
    policy: Policy
    policy_version: int
    matches: list[Match]


def find(
    *, domain: str, values: Mapping[str, Any], actor: User, limit: int = LIMIT, code_system: CodeSystem | None = None
) -> Found:
    """The golden records that a record with these canonical values would be compared with; nothing is saved.

    ``code_system``: the one it would come from. It says what the record's parent is, and one that is free of duplicates
    has no second record of the same thing.
    """
    permissions.require(actor, permissions.VIEW)
    known = Known()
    engine = engine_for(domain, known)
    said = Lineage(code_system).enrich("", values) if code_system else values
    asked = Candidate(_ASKED, None, SourceRecord.State.PENDING, code_system.pk if code_system else 0, 0, 0,
                      timezone.now(), given=engine.standardise(said))  # fmt: skip
    query = Query(_ASKED, asked.code_system, bool(code_system and code_system.deduplicated), "")
    keys = engine.keys(asked.given or {})
    scored = scoring.score_queries(known, engine, {_ASKED: query}, {_ASKED: keys}, {_ASKED: asked})
    outcome = partition([query], scored.edges, scored.facts, engine.policy)[_ASKED]
    reason = outcome.reason or ("certain and without rival" if outcome.kind == "link" else "nothing known is like it")
    return Found(outcome.kind, reason, engine.policy, engine.policy_version, _matches(engine, scored, outcome, limit))


def foretell(*, domain: str, asked: Sequence[Mapping[str, Any]], actor: User, code_system: CodeSystem) -> Counter[str]:
    """How many records with these canonical values would link, go to review or be new, if they came now, together."""
    permissions.require(actor, permissions.VIEW)
    known = Known()
    engine, lineage, now = engine_for(domain, known), Lineage(code_system), timezone.now()
    given = {-number: engine.standardise(lineage.enrich("", values)) for number, values in enumerate(asked, 1)}
    state = SourceRecord.State.PENDING
    pool_of = {pk: Candidate(pk, None, state, code_system.pk, 0, 0, now, given=said) for pk, said in given.items()}
    queries = {pk: Query(pk, code_system.pk, code_system.deduplicated, "") for pk in given}
    keys = {pk: engine.keys(said) for pk, said in given.items()}
    scored = scoring.score_queries(known, engine, queries, keys, pool_of)
    outcomes = partition(list(queries.values()), scored.edges, scored.facts, engine.policy)
    return Counter(outcome.kind for outcome in outcomes.values())


def _matches(engine: Engine, scored: Scored, outcome: Outcome, limit: int) -> list[Match]:
    edges = scored.edges.get(_ASKED, {})
    ranked = sorted(((t.golden, edge) for t, edge in edges.items()), key=lambda p: (-round(p[1].score, 6), p[0]))
    shown = ranked[:limit]
    compared = _compare(engine, scored, [golden for golden, _ in shown])
    goldens = GoldenRecord.objects.in_bulk([golden for golden, _ in shown])
    sources = SourceRecord.objects.defer("raw", "standardised").select_related("code_system")
    best = sources.in_bulk([edge.via for _, edge in shown])
    chances = engine.policy.probabilities([edge.score for _, edge in ranked])
    return [
        Match(
            golden=goldens[golden],
            source=best[edge.via],
            score=edge.score,
            probability=chances[place],
            decision=_decision(outcome, golden),
            margin=_margin(ranked, place),
            vetoes=_vetoes(compared[golden], edge),
            comparison=compared[golden][edge.via],
        )
        for place, (golden, edge) in enumerate(shown)
    ]


def _compare(engine: Engine, scored: Scored, goldens: Sequence[int]) -> dict[int, dict[int, Comparison]]:
    """The full comparison with every source record of these golden records."""
    pairs = [(golden, member) for golden in goldens for member in sorted(scored.facts.members[golden])]
    rows = scored.rows | pool.rows([member for _, member in pairs if member not in scored.rows])
    compared = scoring.explain_all(engine, rows, [(_ASKED, member) for _, member in pairs])
    found: dict[int, dict[int, Comparison]] = defaultdict(dict)
    for (golden, member), comparison in zip(pairs, compared, strict=True):
        found[golden][member] = comparison
    return found


def _decision(outcome: Outcome, golden: int) -> str:
    if outcome.kind == "link" and outcome.target == Target(golden=golden):
        return "link"
    in_doubt = outcome.kind == "review" and any(target.golden == golden for target, _ in outcome.candidates)
    return "review" if in_doubt else "none"


def _margin(ranked: Sequence[tuple[int, Edge]], place: int) -> float | None:
    others = [edge.score for number, (_, edge) in enumerate(ranked) if number != place]
    return ranked[place][1].score - max(others) if others else None


def _vetoes(compared: Mapping[int, Comparison], edge: Edge) -> tuple[str, ...]:
    """Those of the best record first; any record of a golden record may veto."""
    if not edge.vetoed:
        return ()
    said = [compared[edge.via], *compared.values()]
    return tuple(dict.fromkeys(veto for comparison in said for veto in comparison.vetoes))
