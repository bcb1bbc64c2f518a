"""Resolving: pending source records become links, reviews or new golden records, in batches of 1–500 per transaction.

On-line is a batch of one. The keys of the batch are locked before anything is looked up, so that two workers given
twins make one golden record; what happened is then written set-wise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists

from matching import Comparison
from mdm import candidates as pool
from mdm import permissions, policies
from mdm.arrays import numbers, texts
from mdm.changes import Change
from mdm.engine import Engine, engine_for
from mdm.exceptions import Forbidden
from mdm.locks import lock_keys, share_name
from mdm.models import BulkRun, GoldenRecord, SourceRecord, User, WorkItem
from mdm.partition import Edge, Outcome, Target, partition
from mdm.services import calibrate, crosswalk, references, scoring, search_index, work
from mdm.services.scoring import Scored
from mdm.services.storage import new_goldens
from mdm.services.survive import recompute
from mdm.signals import GoldenChange

State, Reason = SourceRecord.State, SourceRecord.LinkReason
BATCH = 500
SHOWN = 5  # candidates kept on a work item

LINK_SQL = """
UPDATE mdm_sourcerecord s
SET golden_id = v.golden, state = 'linked', link_reason = v.reason, link_score = v.score, policy_version = %s,
    linked_at = %s
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::float8[]) AS v(source, golden, reason, score)
WHERE s.id = v.source
"""


@dataclass(slots=True)
class ResolveCounts:
    linked: int = 0
    reviewed: int = 0
    created: int = 0
    updated: int = 0
    left: bool = False  # more are pending

    def add(self, other: ResolveCounts) -> None:
        self.linked += other.linked
        self.reviewed += other.reviewed
        self.created += other.created
        self.updated += other.updated
        self.left = other.left


@dataclass(slots=True)
class _Links:
    """Links to write: (source, golden id, reason, score)."""

    rows: list[tuple[SourceRecord, int, str, float | None]] = field(default_factory=list)
    fresh: dict[int, GoldenRecord] = field(default_factory=dict)

    def founders(self) -> dict[int, list[SourceRecord]]:
        """The records of each new golden record."""
        found: dict[int, list[SourceRecord]] = {golden: [] for golden in self.fresh}
        for source, golden, *_ in sorted(self.rows, key=lambda row: row[0].pk):
            if golden in found:
                found[golden].append(source)
        return found


def resolve_all(*, domain: str, actor: User, batch: int = BATCH) -> ResolveCounts:
    """Resolve everything pending in a domain, batch by batch; frequencies are counted anew if the domain has grown."""
    calibrate.prepare(domain)
    total = ResolveCounts(left=True)
    while total.left:
        total.add(resolve_pending(domain=domain, actor=actor, limit=batch))
    search_index.recount(domain)
    return total


@transaction.atomic
def resolve_pending(*, domain: str, actor: User, ids: Sequence[int] | None = None, limit: int = BATCH) -> ResolveCounts:
    """Resolve one batch of pending records: those given by id, or the oldest.

    Those of another worker are skipped, and all of them while a bulk run has the domain: it leaves none behind that
    had landed before it, and those that land later are for whoever calls this next.
    """
    if not any(actor.has_permission(name) for name in (permissions.IMPORT, permissions.SUBMIT)):
        raise Forbidden(permissions.IMPORT)
    share_name("resolving", domain)  # a bulk run that begins waits for us; if it has begun, we see it
    taken = BulkRun.objects.filter(domain=domain, finished_at__isnull=True)
    pending = SourceRecord.objects.filter(~Exists(taken), domain=domain, state=State.PENDING)
    if ids is not None:
        pending = pending.filter(pk__in=ids)
    batch = list(pending.select_for_update(skip_locked=True).defer("raw", "standardised").order_by("pk")[: limit + 1])
    counts = ResolveCounts(left=len(batch) > limit)
    batch = batch[:limit]
    if not batch:
        return counts
    change = Change.begin(User.objects.system(), "resolve")  # the engine decides, whoever brought the records
    engine = engine_for(domain, change.known)
    change.known.attach(batch)
    keys = pool.keys([source.pk for source in batch])
    lock_keys(domain, (key for own in keys.values() for key in own))
    settle(change, engine, batch, scoring.score(change.known, engine, batch, keys), counts)
    return counts


def settle(
    change: Change, engine: Engine, batch: Sequence[SourceRecord], scored: Scored, counts: ResolveCounts
) -> None:
    """Decide about scored records and write what follows. Whoever calls holds the records, and what keeps others from
    resolving what is like them; the records have their code systems attached.
    """
    known = [s for s in batch if s.golden_id is not None]
    unknown = [s for s in batch if s.golden_id is None]
    outcomes = partition([scored.queries[s.pk] for s in unknown], scored.edges, scored.facts, engine.policy)
    links = _links(change, engine.domain, unknown, outcomes)
    _write_links(change, engine, links)
    _keep_known(known)
    reviews = [s for s in unknown if outcomes[s.pk].kind == "review"]
    _write_reviews(change, engine, reviews, outcomes, scored, links)
    _rebuild(change, engine.domain, links, known)
    _ask_about(change, engine, known, outcomes, scored, links)
    counts.left = _look_again(scored, links) or counts.left
    counts.linked += len(links.rows) - len(links.fresh)
    counts.created += len(links.fresh)
    counts.reviewed += len(reviews)
    counts.updated += len(known)


def _links(change: Change, domain: str, sources: Sequence[SourceRecord], outcomes: Mapping[int, Outcome]) -> _Links:
    links = _Links()
    founders = [s for s in sources if outcomes[s.pk].kind == "new"]
    made = dict(zip((s.pk for s in founders), new_goldens(domain, len(founders), change), strict=True))
    for source in sources:
        outcome = outcomes[source.pk]
        if outcome.kind == "new":
            golden = made[source.pk]
            links.fresh[golden.pk] = golden
            links.rows.append((source, golden.pk, Reason.NEW, None))
        elif outcome.kind == "link" and outcome.target is not None:
            target = outcome.target
            pk = target.golden or made[target.peer].pk
            links.rows.append((source, pk, Reason.AUTO, outcome.edge.score if outcome.edge else None))
    return links


def _write_links(change: Change, engine: Engine, links: _Links) -> None:
    if not links.rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            LINK_SQL,
            [
                engine.policy_version,
                change.at,
                numbers(source.pk for source, *_ in links.rows),
                numbers(golden for _, golden, *_ in links.rows),
                texts(str(reason) for _, _, reason, _ in links.rows),
                numbers(score for *_, score in links.rows),
            ],
        )
    for source, golden, _, _ in links.rows:
        source.golden_id, source.state = golden, State.LINKED
    work.cancel(
        change, kind=WorkItem.Kind.POSSIBLE_MATCH, subjects=[f"source:{source.pk}" for source, *_ in links.rows]
    )


def _keep_known(known: Sequence[SourceRecord]) -> None:
    """A known code keeps its link, whatever it says now."""
    SourceRecord.objects.filter(pk__among=[s.pk for s in known]).update(state=State.LINKED)


def _rebuild(change: Change, domain: str, links: _Links, known: Sequence[SourceRecord]) -> list[GoldenChange]:
    """Rebuild what was linked or updated, then whatever waited for one of the new codes."""
    opened = crosswalk.link_sources(change, [source for source, *_ in links.rows], fresh=links.fresh)
    relinked = {golden for _, golden, *_ in links.rows}
    waiting = references.waiting_for(opened)
    changes = recompute(
        change,
        domain,
        relinked | {s.golden_id for s in known if s.golden_id} | _of_domain(waiting, domain),
        fresh=links.fresh,
        founders=links.founders(),
        relinked=relinked,
    )
    for other in set(GoldenRecord.objects.filter(pk__in=waiting).values_list("domain", flat=True)) - {domain}:
        changes += recompute(change, other, _of_domain(waiting, other))
    return changes


def _of_domain(golden_ids: set[int], domain: str) -> set[int]:
    return set(GoldenRecord.objects.filter(pk__in=golden_ids, domain=domain).values_list("pk", flat=True))


def _write_reviews(
    change: Change, engine: Engine, sources: Sequence[SourceRecord], outcomes: Mapping[int, Outcome], scored: Scored,
    links: _Links,
) -> None:  # fmt: skip
    if not sources:
        return
    SourceRecord.objects.filter(pk__among=[s.pk for s in sources]).update(state=State.REVIEW)
    goldens_of = {source.pk: golden for source, golden, *_ in links.rows}
    shown = {source.pk: _shown(outcomes[source.pk].candidates, goldens_of) for source in sources}
    explained = _explained(engine, scored, shown)
    items = []
    for source in sources:
        outcome, found = outcomes[source.pk], explained[source.pk]
        items.append(
            WorkItem(
                kind=WorkItem.Kind.POSSIBLE_MATCH,
                domain=engine.domain,
                subject=f"source:{source.pk}",
                title=policies.label(engine.domain, source.values) or source.code,
                reason=outcome.reason,
                priority=_priority(engine.domain, source),
                source=source,
                golden_id=found[0]["golden"],
                score=found[0]["score"],
                probability=found[0]["probability"],
                candidates=found,
                policy_version=engine.policy_version,
            )
        )
    work.put(change, items)
    change.audit(action="review.opened", after={"sources": [s.pk for s in sources]})


def _priority(domain: str, source: SourceRecord) -> int:
    return WorkItem.Priority.HIGH if policies.is_critical(domain, source.values) else WorkItem.Priority.NORMAL


def _shown(likely: Sequence[tuple[Target, Edge]], goldens_of: Mapping[int, int]) -> list[tuple[int, Edge]]:
    """The best candidates by golden record; a peer stands for the golden record that it became or joined."""
    found: dict[int, Edge] = {}
    for target, edge in likely:
        golden = target.golden or goldens_of.get(target.peer)
        if golden is not None and len(found) < SHOWN:
            found.setdefault(golden, edge)
    return list(found.items())


def _candidates(
    engine: Engine, shown: Sequence[tuple[int, Edge]], compared: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """Candidates as stored on a work item, with the evidence of the score that was used."""
    chances = engine.policy.probabilities([edge.score for _, edge in shown])
    return [
        {
            "golden": golden,
            "via": edge.via,
            "score": round(edge.score, 3),
            "probability": round(chance, 6),
            "vetoes": list(comparison.vetoes),
            "vetoed": edge.vetoed,
            "evidence": scoring.evidence(comparison),
        }
        for (golden, edge), comparison, chance in zip(shown, compared, chances, strict=True)
    ]


def _explained(
    engine: Engine, scored: Scored, shown: Mapping[int, Sequence[tuple[int, Edge]]]
) -> dict[int, list[dict[str, Any]]]:
    """The candidates of each source, compared in full together."""
    pairs = [(source, edge.via) for source, found in shown.items() for _, edge in found]
    compared = iter(scoring.explain_all(engine, scored.rows, pairs))
    return {source: _candidates(engine, found, [next(compared) for _ in found]) for source, found in shown.items()}


def _ask_about(
    change: Change, engine: Engine, known: Sequence[SourceRecord], outcomes: Mapping[int, Outcome], scored: Scored,
    links: _Links,
) -> None:  # fmt: skip
    """Doubts that stop nothing: links that have become weak, and golden records that resemble another."""
    goldens_of = {source.pk: golden for source, golden, *_ in links.rows}
    items = [item for source in known if (item := _weak_link(engine, source, scored))]
    alike = {
        source.pk: [pair for pair in _shown(outcomes[source.pk].candidates, goldens_of) if pair[0] != golden]
        for source, golden, *_ in links.rows
        if outcomes[source.pk].candidates
    } | {source.pk: _rivals(engine, source, scored) for source in known}
    explained = _explained(engine, scored, alike)
    linked = [(source, golden) for source, golden, *_ in links.rows] + [(s, s.golden_id) for s in known]
    for source, golden in linked:
        if golden is not None and (found := explained.get(source.pk)):
            items.append(duplicate_item(engine, golden, found, policies.label(engine.domain, source.values)))
    work.put(change, list({item.subject: item for item in items}.values()))


def _rivals(engine: Engine, source: SourceRecord, scored: Scored) -> list[tuple[int, Edge]]:
    """Golden records that a changed record would be linked to today, had it no link: best first."""
    facts, mine = scored.facts, source.golden_id or 0
    critical, policy = scored.queries[source.pk].critical, engine.policy
    found = [
        (target.golden, edge)
        for target, edge in scored.edges.get(source.pk, {}).items()
        if edge.score >= policy.sure_score_of(critical or target.golden in facts.critical)
        and not edge.vetoed
        and not facts.apart(mine, target.golden)
    ]
    return sorted(found, key=lambda pair: (-round(pair[1].score, 6), pair[0]))[:SHOWN]


def duplicate_item(engine: Engine, golden: int, found: Sequence[Mapping[str, Any]], title: str) -> WorkItem:
    """Ask whether two golden records are the same."""
    other = int(str(found[0]["golden"]))
    return WorkItem(
        kind=WorkItem.Kind.POSSIBLE_DUPLICATE,
        domain=engine.domain,
        subject=f"golden:{min(golden, other)}/{max(golden, other)}",
        title=title,
        reason="Two golden records look like one",
        golden_id=golden,
        other_id=other,
        score=found[0]["score"],
        probability=found[0]["probability"],
        candidates=list(found),
        policy_version=engine.policy_version,
    )


def _weak_link(engine: Engine, source: SourceRecord, scored: Scored) -> WorkItem | None:
    """A record that changed so much that it would not be linked today."""
    others = sorted(scored.facts.members.get(source.golden_id or 0, frozenset()) - {source.pk})
    if not others:
        return None
    rows = scored.rows | pool.rows(others)
    best = max((scoring.explain(engine, rows, source.pk, pk) for pk in others), key=lambda c: c.score)
    if best.score >= engine.policy.review_bits and not best.vetoes:
        return None
    [chance] = engine.policy.probabilities([best.score])
    return WorkItem(
        kind=WorkItem.Kind.WEAK_LINK,
        domain=engine.domain,
        subject=f"source:{source.pk}",
        title=policies.label(engine.domain, source.values) or source.code,
        reason="; ".join(best.vetoes)[:500] or "It changed and no longer resembles the other sources",
        source=source,
        golden_id=source.golden_id,
        score=best.score,
        probability=chance,
        candidates=[{"golden": source.golden_id, "score": round(best.score, 3), "probability": round(chance, 6),
                     "vetoes": list(best.vetoes), "evidence": scoring.evidence(best)}],
        policy_version=engine.policy_version,
    )  # fmt: skip


def _look_again(scored: Scored, links: _Links) -> bool:
    """Records in review to which something that has just been linked is news are looked at anew; True if any."""
    news = _news(scored, {source.pk: golden for source, golden, *_ in links.rows})
    if not news:
        return False
    doubtful = SourceRecord.objects.filter(pk__in=news, state=State.REVIEW)
    # who holds one of them is landing or deciding it right now; waiting could deadlock with them
    free = list(doubtful.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    return bool(SourceRecord.objects.filter(pk__in=free).update(state=State.PENDING))


def _news(scored: Scored, linked: Mapping[int, int]) -> list[int]:
    """Records in review that resemble a linked record more than its golden record, as that was shown to the steward."""
    near: dict[int, dict[int, float]] = {}
    for record, queries in scored.doubtful.items():
        for query, bits in queries.items():
            if (golden := linked.get(query)) is not None:
                best = near.setdefault(record, {})
                best[golden] = max(bits, best.get(golden, bits))
    items = WorkItem.objects.filter(kind=WorkItem.Kind.POSSIBLE_MATCH, source__in=near, state__in=WorkItem.LIVE)
    shown = {
        source: {c["golden"]: c["score"] for c in candidates}
        for source, candidates in items.values_list("source", "candidates")
    }
    return [record for record, goldens in near.items() if _is_news(goldens, shown.get(record, {}))]


def _is_news(goldens: Mapping[int, float], shown: Mapping[int, float]) -> bool:
    least = min(shown.values()) if len(shown) >= SHOWN else float("-inf")  # of the last place, if all are taken
    return any(round(bits, 3) > shown.get(golden, least) for golden, bits in goldens.items())
