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
        return set(self.of.values())


def resolve(
    edges: Iterable[tuple[Node, Node, float]],
    conflicts: Iterable[tuple[Node, Node]] = (),
    sources: Mapping[Node, Hashable] | None = None,
) -> Clusters[Node]:
    """Join the two ends of every edge, the highest score first, unless the joined cluster would hold a conflict.

    Args:
        edges: (node, node, score in bits): pairs that are to be linked.
        conflicts: pairs that must never share a cluster: rejected by a steward, or vetoed.
        sources: for nodes of a clean source, that source: two of its nodes never share a cluster.

    Edges of one score are decided together: where they compete for a conflict, none of the competitors is joined, since
    nothing but their order could choose between them.
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
        """Join the edges of one score: each connected part of them as a whole, or none of that part."""
        parts = self._parts([(self.find(a), self.find(b)) for a, b, _ in level])
        allowed = {part for part in set(parts.values()) if not self._conflict(part)}
        refused = []
        for a, b, score in level:
            start, end = self.find(a), self.find(b)
            if start == end:
                continue
            if parts.get(start) in allowed or parts.get(end) in allowed:
                self._join(start, end)
            else:
                refused.append((a, b, score))
        return refused

    def _parts(self, edges: list[tuple[Node, Node]]) -> dict[Node, frozenset[Node]]:
        """Roots that the edges connect, each with the whole part it belongs to."""
        part: dict[Node, set[Node]] = {}
        for a, b in edges:
            merged = part.setdefault(a, {a}) | part.setdefault(b, {b})
            for root in merged:
                part[root] = merged
        return {root: frozenset(roots) for root, roots in part.items()}

    def _conflict(self, roots: frozenset[Node]) -> bool:
        if len(roots) == 1:
            return False
        members = set().union(*(self.members[root] for root in roots))
        named = [self.sources[node] for node in members if node in self.sources]
        if len(named) != len(set(named)):
            return True
        return any(self.enemies[node] & members for node in members if node in self.enemies)

    def _join(self, a: Node, b: Node) -> None:
        large, small = (a, b) if len(self.members[a]) >= len(self.members[b]) else (b, a)
        self.parent[small] = large
        self.members[large] |= self.members.pop(small)
