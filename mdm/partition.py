"""Who belongs together: from scored pairs of one batch to links, reviews and new records. Pure.

Nodes are the records in hand (*queries*) and the golden records that exist. Certain edges are taken strongest first
and joined unless that would break a rule or bring two together that conflict: what hangs together all the same falls
apart at its weakest edge. What is left in doubt goes to a steward. The result does not depend on the order in which
queries, edges or goldens are given: ties are broken by content (``Query.tie``), never by id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from matching import Policy
from matching.competition import lead_over


@dataclass(frozen=True, slots=True)
class Query:
    source: int
    code_system: int
    deduplicated: bool
    tie: str  # depends on content alone
    critical: bool = False  # mistakes about it cost what ``Policy.critical`` says


@dataclass(frozen=True, slots=True)
class Target:
    """A golden record, or another query (by source id) of the same batch."""

    golden: int = 0
    peer: int = 0


@dataclass(slots=True)
class Edge:
    """What the engine says of a query and a target: the best score of its records, and whether any vetoes."""

    score: float
    vetoed: bool
    via: int  # the source record that gave the best score


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows about the golden records in question."""

    clean_systems: Mapping[int, frozenset[int]] = field(default_factory=dict)  # golden → declared-clean code systems
    rejected: frozenset[tuple[int, int]] = frozenset()  # source pairs that a person called different, ordered
    members: Mapping[int, frozenset[int]] = field(default_factory=dict)  # golden → source ids
    same: Mapping[int, int] = field(default_factory=dict)  # source → golden: a person said so, or its code was given
    critical: frozenset[int] = frozenset()  # golden records about which mistakes cost what ``Policy.critical`` says

    def apart(self, one: int, two: int) -> bool:
        """Whether two golden records can't be one: a clean system has both, or a person said so."""
        if self.clean_systems.get(one, frozenset()) & self.clean_systems.get(two, frozenset()):
            return True
        return any_rejected(self.rejected, self.members.get(one, ()), self.members.get(two, ()))


@dataclass(slots=True)
class Outcome:
    kind: str  # link, new, review
    target: Target | None = None  # of a link: golden, or the peer whose new golden record it joins
    edge: Edge | None = None
    candidates: list[tuple[Target, Edge]] = field(default_factory=list)
    reason: str = ""


def any_rejected(rejected: Collection[tuple[int, int]], some: Iterable[int], others: Iterable[int]) -> bool:
    return bool(rejected) and any((min(a, b), max(a, b)) in rejected for a, b in product(some, others))


Edges = Mapping[int, Mapping[Target, Edge]]  # query source id → its targets


class _Clusters:
    def __init__(self, queries: Sequence[Query], edges: Edges, facts: Facts) -> None:
        self._facts = facts
        self._vetoed: dict[Target, set[Target]] = {}  # by either end
        for source, targets in edges.items():
            for target, edge in targets.items():
                if edge.vetoed:
                    self._vetoed.setdefault(Target(peer=source), set()).add(target)
                    self._vetoed.setdefault(target, set()).add(Target(peer=source))
        self._nodes: list[set[Target]] = []
        self._of: dict[Target, int] = {}
        self._joined: dict[int, int] = {}  # cluster → the one it was joined to
        self._sources: list[set[int]] = []
        self._clean: list[set[int]] = []
        self.golden: list[int] = []
        self.ties = {query.source: query.tie for query in queries}
        self._critical = {query.source for query in queries if query.critical}
        for query in queries:
            clean = {query.code_system} if query.deduplicated else set()
            self._add(Target(peer=query.source), {query.source}, clean, 0)

    def _add(self, node: Target, sources: set[int], clean: set[int], golden: int) -> int:
        self._of[node] = len(self._sources)
        self._nodes.append({node})
        self._sources.append(sources)
        self._clean.append(clean)
        self.golden.append(golden)
        return self._of[node]

    def find(self, node: Target) -> int:
        if node in self._of:
            return self._root(self._of[node])
        golden = node.golden
        members = set(self._facts.members.get(golden, ()))
        return self._add(node, members, set(self._facts.clean_systems.get(golden, ())), golden)

    def _root(self, number: int) -> int:
        while number in self._joined:
            number = self._joined[number]
        return number

    def critical(self, *nodes: Target) -> bool:
        """Whether any of these is critical: an edge is decided by the stricter of its ends."""
        return any(node.peer in self._critical or node.golden in self._facts.critical for node in nodes)

    def conflict(self, one: int, two: int) -> str:
        """Why these two clusters may never be one, "" if they may."""
        if self.golden[one] and self.golden[two]:
            return "both are golden records already"
        if self._clean[one] & self._clean[two]:
            return "a source that is free of duplicates has both"
        if any_rejected(self._facts.rejected, self._sources[one], self._sources[two]):
            return "a steward said they are not the same"
        return ""

    def veto(self, one: int, two: int) -> bool:
        """Whether anything of one of these clusters conflicts with anything of the other: a person may join them."""
        few, many = sorted((self._nodes[one], self._nodes[two]), key=len)
        return any(not self._vetoed.get(node, set()).isdisjoint(many) for node in few)

    def join(self, one: int, two: int) -> None:
        keep, drop = (one, two) if self.golden[one] or not self.golden[two] else (two, one)
        self._sources[keep] |= self._sources[drop]
        self._clean[keep] |= self._clean[drop]
        self._nodes[keep] |= self._nodes[drop]
        self._joined[drop] = keep


def partition(queries: Sequence[Query], edges: Edges, facts: Facts, policy: Policy) -> dict[int, Outcome]:
    """An outcome for every query. ``edges`` must be symmetric between queries; those of other records don't count."""
    asked = {query.source for query in queries}
    edges = {source: targets for source, targets in edges.items() if source in asked}
    clusters = _Clusters(queries, edges, facts)
    ties = clusters.ties
    outcomes: dict[int, Outcome] = {}
    for source, golden in sorted(facts.same.items(), key=lambda pair: ties[pair[0]]):
        here, there = clusters.find(Target(peer=source)), clusters.find(Target(golden=golden))
        if here != there and not clusters.conflict(here, there):
            clusters.join(here, there)
    doubts = _join_certain(edges, ties, clusters, policy)
    _settle(queries, edges, ties, clusters, policy, doubts, outcomes)
    return outcomes


def _join_certain(edges: Edges, ties: Mapping[int, str], clusters: _Clusters, policy: Policy) -> dict[int, str]:
    """Join along certain edges, strongest first; returns why the others of a query were not taken."""
    certain = [
        (edge.score, source, target)
        for source, targets in edges.items()
        for target, edge in targets.items()
        if edge.score >= policy.sure_score_of(clusters.critical(Target(peer=source), target))
        and not edge.vetoed
        and (not target.peer or ties[source] <= ties[target.peer])
    ]
    certain.sort(key=lambda c: (-round(c[0], 6), ties[c[1]], ties.get(c[2].peer, ""), c[2].golden))
    doubts: dict[int, str] = {}
    for score, source, target in certain:
        here, there = clusters.find(Target(peer=source)), clusters.find(target)
        if here == there or clusters.conflict(here, there):
            continue
        if clusters.veto(here, there):
            doubts.setdefault(source, "it resembles records that conflict with each other")
            continue
        doubt = _rival(edges, source, target, score, clusters, policy)
        if not doubt and target.peer:
            doubt = _rival(edges, target.peer, Target(peer=source), score, clusters, policy)
        if doubt:
            doubts.setdefault(source, doubt)
            continue
        clusters.join(here, there)
    return doubts


def _rival(edges: Edges, source: int, target: Target, score: float, clusters: _Clusters, policy: Policy) -> str:
    """Why not to link: other targets that could not be the same thing as this one are together nearly as likely."""
    me = Target(peer=source)
    here, there = clusters.find(me), clusters.find(target)
    rivals: dict[int, float] = {}  # of what is one thing already, the best score
    for other, edge in edges[source].items():
        if other == target or (edge.vetoed and edge.score <= score):
            continue
        rival = clusters.find(other)
        if rival in (here, there) or clusters.conflict(here, rival):
            continue
        if not _could_be_one(edges, target, other, there, rival, clusters, policy):
            rivals[rival] = max(edge.score, rivals.get(rival, edge.score))
    lead = lead_over(score, sorted(rivals.values()))
    enough = policy.costs_of(clusters.critical(me, target)).auto
    return "another record is nearly as likely" if policy.chance(score, lead).right < enough else ""


def _could_be_one(edges: Edges, one: Target, two: Target, a: int, b: int, clusters: _Clusters, policy: Policy) -> bool:
    """Two targets that may well be one thing are no rivals: who is the one may be the other, too."""
    if clusters.conflict(a, b):
        return False
    edge = edges.get(one.peer, {}).get(two) or edges.get(two.peer, {}).get(one)
    return edge is not None and edge.score >= policy.review_bits and not edge.vetoed


def _settle(
    queries: Sequence[Query], edges: Edges, ties: Mapping[int, str], clusters: _Clusters, policy: Policy,
    doubts: Mapping[int, str], outcomes: dict[int, Outcome],
) -> None:  # fmt: skip
    """Linked, new or doubtful: golden records first, then joined queries, then singles in order of their content."""
    groups: dict[int, list[int]] = {}
    for query in sorted(queries, key=lambda q: q.tie):
        groups.setdefault(clusters.find(Target(peer=query.source)), []).append(query.source)
    singles = []
    for number, members in groups.items():
        golden = clusters.golden[number]
        for source in members:
            if golden:
                target = Target(golden=golden)
                outcomes[source] = Outcome("link", target, edges.get(source, {}).get(target))
            elif len(members) > 1:
                founder = members[0]
                edge = _strongest(edges, source, members)
                kind = "new" if source == founder else "link"
                outcomes[source] = Outcome(kind, Target(peer=founder), edge, _likely(edges, source, clusters, policy))
            else:
                singles.append(source)
    waiting = [s for s in singles if not _review(s, edges, clusters, policy, doubts, outcomes)]
    for source in waiting:  # like nothing but each other: the first becomes a golden record, the next are doubtful
        if not _review(source, edges, clusters, policy, doubts, outcomes):
            outcomes[source] = Outcome("new", Target(peer=source))


def _strongest(edges: Edges, source: int, members: Iterable[int]) -> Edge | None:
    found = [edges.get(source, {}).get(Target(peer=m)) for m in members if m != source]
    return max((e for e in found if e), key=lambda e: e.score, default=None)


def _likely(edges: Edges, source: int, clusters: _Clusters, policy: Policy) -> list[tuple[Target, Edge]]:
    """Targets worth a steward's look, best first, without those that can't be."""
    here = clusters.find(Target(peer=source))
    found = [
        (target, edge)
        for target, edge in edges.get(source, {}).items()
        if edge.score >= policy.review_bits
        and clusters.find(target) != here
        and not clusters.conflict(here, clusters.find(target))
    ]
    return sorted(found, key=lambda p: (-round(p[1].score, 6), p[0].golden, clusters.ties.get(p[0].peer, "")))


def _review(
    source: int, edges: Edges, clusters: _Clusters, policy: Policy, doubts: Mapping[int, str],
    outcomes: dict[int, Outcome],
) -> bool:  # fmt: skip
    """Send a single to review if something settled is like it: a golden record, or a query that is new or joins one."""
    settled = [
        (target, edge)
        for target, edge in _likely(edges, source, clusters, policy)
        if target.golden or (target.peer in outcomes and outcomes[target.peer].kind != "review")
    ]
    if not settled:
        return False
    best = settled[0][1]
    reason = doubts.get(source) or ("the best candidate conflicts" if best.vetoed else "likely, but not certain")
    outcomes[source] = Outcome("review", settled[0][0], best, settled, reason)
    return True
