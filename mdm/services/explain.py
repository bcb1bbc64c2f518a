"""Why two records are one, or are not, and what would have to change: for any two, on demand. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from matching import Comparison, Policy
from matching.explain import Change, verdict, what_if, why
from mdm import candidates as pool
from mdm import permissions
from mdm.candidates import Candidate, standardised
from mdm.engine import Engine, engine_for
from mdm.exceptions import NotFound, Refused
from mdm.known import Known
from mdm.lookup import code_systems
from mdm.models import GoldenRecord, Judgement, SourceRecord, User
from mdm.services import scoring

State = SourceRecord.State


@dataclass(frozen=True, slots=True)
class Side:
    """A golden record with all its source records, or one source record."""

    golden: GoldenRecord | None
    sources: tuple[SourceRecord, ...]
    name: str  # as asked


@dataclass(frozen=True, slots=True)
class Explanation:
    """``pair``: the two source records that are most alike, which is what counts."""

    one: Side
    two: Side
    pair: tuple[SourceRecord, SourceRecord]
    together: bool  # they are one golden record already
    comparison: Comparison
    vetoes: tuple[str, ...]  # of any pair
    obstacles: tuple[str, ...]  # what is decided or known besides, whatever the score
    decision: str  # what the score says: link, review or none
    verdict: str
    why: tuple[str, ...]
    changes: tuple[Change, ...]
    policy: Policy
    policy_version: int

    @property
    def probability(self) -> float:
        """That the two are one, without rivals."""
        return self.policy.probabilities([self.comparison.score])[0]


def explain(*, domain: str, one: str, two: str, actor: User) -> Explanation:
    """Compare two records, each named by a public id or by ``code-system/code``.

    Raises:
        NotFound: there is no such record in this domain.
        Refused: nothing to compare: one record with itself, or a golden record that has no source.
    """
    permissions.require(actor, permissions.VIEW)
    known = Known()
    engine = engine_for(domain, known)
    first, second = find(domain, one), find(domain, two)
    pairs = [(a.pk, b.pk) for a in first.sources for b in second.sources if a.pk != b.pk]
    if not pairs or (first.golden and first.golden == second.golden):
        raise Refused("These are one and the same record. Name two records, or two sources of one.")
    rows = pool.rows(sorted({pk for pair in pairs for pk in pair}))
    compared = dict(zip(pairs, scoring.explain_all(engine, rows, pairs), strict=True))
    best = max(pairs, key=lambda pair: (compared[pair].score, pair))
    by_id = {source.pk: source for side in (first, second) for source in side.sources}
    return _explanation(engine, (first, second), (by_id[best[0]], by_id[best[1]]), compared, rows)


def _explanation(
    engine: Engine, sides: tuple[Side, Side], pair: tuple[SourceRecord, SourceRecord],
    compared: Mapping[tuple[int, int], Comparison], rows: Mapping[int, Candidate],
) -> Explanation:  # fmt: skip
    one, two = pair
    comparison = compared[one.pk, two.pk]
    all_vetoes = tuple(dict.fromkeys(v for c in (comparison, *compared.values()) for v in c.vetoes))
    a, b = standardised.load([rows[one.pk], rows[two.pk]])
    judged = Comparison(comparison.score, comparison.evidence, all_vetoes)
    return Explanation(
        *sides,
        pair,
        together=one.golden_id is not None and one.golden_id == two.golden_id,
        comparison=comparison,
        vetoes=all_vetoes,
        obstacles=tuple(_obstacles(list(compared), sides)),
        decision=_decision(judged, engine.policy),
        verdict=verdict(judged, engine.policy),
        why=tuple(why(comparison)),
        changes=tuple(what_if(engine.recipe, a, b, engine.statistics, engine.policy)),
        policy=engine.policy,
        policy_version=engine.policy_version,
    )


def find(domain: str, name: str) -> Side:
    """What a name means: "MDM-IT-000123" (of a merged record the survivor), or "erp-item/4711"."""
    slug, slash, code = name.partition("/")
    found = SourceRecord.objects.defer("raw", "standardised").select_related("code_system", "golden").order_by("pk")
    if slash:
        system = code_systems.get(slug)
        sources = tuple(found.filter(code_system=system, code=code, domain=domain))
        if not sources:
            raise NotFound(f"{slug[:80]} has sent no {domain} {code[:40]}.")
        return Side(None, sources, name)
    golden = GoldenRecord.objects.filter(domain=domain, public_id=name).select_related("merged_into").first()
    if golden is None:
        raise NotFound(f"There is no {domain} {name[:40]}. Write a public id, or a code system, a slash and a code.")
    sources = tuple(found.filter(golden=golden.survivor))
    return Side(golden.survivor, tuple(s for s in sources if s.state != State.RETIRED) or sources, name)


def _decision(comparison: Comparison, policy: Policy) -> str:
    if comparison.score < policy.review_bits:
        return "none"
    return "link" if comparison.score >= policy.sure_score and not comparison.vetoes else "review"


def _obstacles(pairs: Sequence[tuple[int, int]], sides: tuple[Side, Side]) -> list[str]:
    """What keeps the two apart, or together, whatever their score."""
    found = []
    ordered = {(min(pair), max(pair)) for pair in pairs}
    ids = {pk for pair in ordered for pk in pair}
    judged = Judgement.objects.filter(Q(first__in=ids) & Q(second__in=ids), reopened_at__isnull=True)
    for row in judged.select_related("author").order_by("pk"):
        if (row.first_id, row.second_id) in ordered:
            found.append(f"{row.author.username} said that they are {row.get_verdict_display().lower()}")
    clean = [{s.code_system for s in side.sources if s.code_system.deduplicated} for side in sides]
    found += [f"{system.slug} is free of duplicates and has both" for system in clean[0] & clean[1]]
    if all(side.golden for side in sides):
        found.append("both are golden records already: a steward merges them")
    return list(dict.fromkeys(found))
