"""Clusters from pairs: strongest first, never across a conflict, whatever the order in which pairs arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


@dataclass
class Clusters(Generic[Node]):
    """``of``: node → its cluster (only nodes that an edge names). ``refused``: edges that a conflict forbade."""

    of: dict[Node, frozenset[Node]] = field(default_factory=dict)
    refused: list[tuple[Node, Node, float]] = field(default_factory=list)

    @property
    def groups(self) -> set[frozenset[Node]]:
        """The clusters, those of a single node too."""
        return set(self.of.values())


def resolve(
    edges: Iterable[tuple[Node, Node, float]],
    conflicts: Iterable[tuple[Node, Node]] = (),
    sources: Mapping[Node, Hashable] | None = None,
) -> Clusters[Node]:
    """Join the two ends of every edge, the highest score first, unless the joined cluster would hold a conflict: what
    hangs together in spite of one falls apart at its weakest edge.

    Args:
        edges: (node, node, score in bits): pairs that are to be linked.
        conflicts: pairs that must never share a cluster: rejected by a steward, or vetoed.
        sources: for nodes of a clean source, that source: two of its nodes never share a cluster.

    Edges of one score are decided together: where records compete, none of the competitors is joined, since nothing but
    their order could choose between them; what is beside them is.
    """
    state = _State(conflicts, sources or {})
    unique = {(frozenset((a, b)), score): (a, b, score) for a, b, score in edges if a != b}
    ordered = sorted(unique.values(), key=lambda edge: -edge[2])
    refused: list[tuple[Node, Node, float]] = []
    for _, level in groupby(ordered, key=lambda edge: edge[2]):
        refused += state.join_level(list(level))
    groups = {root: frozenset(members) for root, members in state.members.items()}
    of = {node: groups[state.find(node)] for a, b, _ in ordered for node in (a, b)}
    return Clusters(of, refused)


class _State(Generic[Node]):
    def __init__(self, conflicts: Iterable[tuple[Node, Node]], sources: Mapping[Node, Hashable]) -> None:
        self.parent: dict[Node, Node] = {}
        self.members: dict[Node, set[Node]] = {}
        self.sources = sources
        self.enemies: dict[Node, set[Node]] = defaultdict(set)
        for a, b in conflicts:
            self.enemies[a].add(b)
            self.enemies[b].add(a)

    def find(self, node: Node) -> Node:
        if node not in self.parent:
            self.parent[node], self.members[node] = node, {node}
        while self.parent[node] != node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def join_level(self, level: list[tuple[Node, Node, float]]) -> list[tuple[Node, Node, float]]:
        """Join the edges of one score; returns those that a conflict forbids. Each connected part of them is joined as
        a whole, or, where it holds a conflict, without the roots that compete.
        """
        if len(level) == 1:
            return self._join_parts(level)
        contested = set().union(*map(self._contested, self._parts(level)))
        self._join_parts([e for e in level if contested.isdisjoint((self.find(e[0]), self.find(e[1])))])
        return self._join_parts(level) if contested else []

    def _join_parts(self, edges: list[tuple[Node, Node, float]]) -> list[tuple[Node, Node, float]]:
        refused = set().union(*(part for part in self._parts(edges) if self._contested(part)))
        left = [edge for edge in edges if self.find(edge[0]) in refused and self.find(edge[0]) != self.find(edge[1])]
        for a, b, _ in edges:
            if self.find(a) not in refused:
                self._join(self.find(a), self.find(b))
        return left

    def _parts(self, edges: list[tuple[Node, Node, float]]) -> list[frozenset[Node]]:
        """The roots that the edges connect, part by part."""
        part: dict[Node, set[Node]] = {}
        for one, other, _ in edges:
            a, b = self.find(one), self.find(other)
            merged = part.setdefault(a, {a})
            if b not in merged:
                merged |= part.get(b, {b})
                part.update(dict.fromkeys(merged, merged))
        return [frozenset(roots) for roots in {id(roots): roots for roots in part.values()}.values()]

    def _contested(self, roots: frozenset[Node]) -> set[Node]:
        """Those of these roots that may not be in one cluster with another of them."""
        if len(roots) == 1:
            return set()
        owner = {node: root for root in roots for node in self.members[root]}
        found: set[Node] = set()
        for node in owner.keys() & self.enemies.keys():
            for enemy in self.enemies[node] & owner.keys():
                found |= {owner[node], owner[enemy]} if owner[node] != owner[enemy] else set()
        holders: dict[Hashable, set[Node]] = defaultdict(set)
        for node in owner.keys() & self.sources.keys():
            holders[self.sources[node]].add(owner[node])
        return found.union(*(some for some in holders.values() if len(some) > 1))

    def _join(self, a: Node, b: Node) -> None:
        if a == b:
            return
        large, small = (a, b) if len(self.members[a]) >= len(self.members[b]) else (b, a)
        self.parent[small] = large
        self.members[large] |= self.members.pop(small)
