"""The source records of one golden record: how alike each two of them are, as a table and as a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from django.db.models import Q

from mdm import candidates as pool
from mdm.canonical import DOMAINS, Field, Kind
from mdm.engine import engine_for
from mdm.models import GoldenRecord, Judgement, SourceRecord, WorkItem
from mdm.services import scoring
from mdm.services.agreement import names_of, stated_by_all
from mdm.ui import words

MOST = 24  # records drawn and compared pair by pair; a larger group is shown in part
WIDTH, HEIGHT, RADIUS = 640, 340, 118
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Node:
    source: SourceRecord
    number: int
    x: float
    y: float
    anchor: str  # of its label
    waits: bool  # in review: not yet of the group


@dataclass(frozen=True, slots=True)
class Edge:
    one: Node
    two: Node
    score: float
    probability: float
    vetoes: tuple[str, ...]
    said: str  # what a person said of the two, or empty

    @property
    def tone(self) -> str:
        """How the line is drawn: dashed where something contradicts, thin where it is in doubt."""
        if self.said:
            return "ok" if self.said == Judgement.Verdict.SAME.label else "bad"
        return "bad" if self.vetoes else "sure" if self.probability >= 0.95 else "doubt"


class Group:
    """Eight queries, however many records there are."""

    def __init__(self, record: GoldenRecord) -> None:
        self.record, self.domain = record, DOMAINS[record.domain]

    @cached_property
    def sources(self) -> list[SourceRecord]:
        rows = SourceRecord.objects.filter(golden=self.record).exclude(state=SourceRecord.State.RETIRED)
        return list(rows.select_related("code_system__system").defer("raw", "standardised").order_by("pk")[:MOST])

    @cached_property
    def waiting(self) -> list[SourceRecord]:
        """Records in review that may belong here."""
        items = WorkItem.objects.filter(
            golden=self.record, kind=WorkItem.Kind.POSSIBLE_MATCH, state__in=WorkItem.LIVE
        ).select_related("source__code_system__system")
        found = [item.source for item in items.order_by("pk")[: MOST // 4] if item.source is not None]
        return [source for source in found if source.golden_id is None]

    @cached_property
    def nodes(self) -> list[Node]:
        """On a ring, the first on the left."""
        every = [*((source, False) for source in self.sources), *((source, True) for source in self.waiting)]
        return [_placed(source, at, len(every), waits) for at, (source, waits) in enumerate(every)]

    @cached_property
    def edges(self) -> list[Edge]:
        """Each two, scored as they would be today: the least alike first."""
        by_id = {node.source.pk: node for node in self.nodes}
        pairs = list(combinations(sorted(by_id), 2))
        engine = engine_for(self.domain.name)
        compared = scoring.explain_all(engine, pool.rows(sorted(by_id)), pairs) if pairs else []
        said = self._said
        edges = [
            Edge(by_id[a], by_id[b], c.score, engine.policy.probabilities([c.score])[0], tuple(c.vetoes),
                 said.get((a, b), ""))
            for (a, b), c in zip(pairs, compared, strict=True)
        ]  # fmt: skip
        return sorted(edges, key=lambda edge: edge.score)

    @property
    def _said(self) -> Mapping[Pair, str]:
        ids = [node.source.pk for node in self.nodes]
        rows = Judgement.objects.filter(Q(first__in=ids) & Q(second__in=ids), reopened_at__isnull=True)
        return {(row.first_id, row.second_id): row.get_verdict_display() for row in rows}

    @cached_property
    def _stated(self) -> dict[int, dict[str, object]]:
        return stated_by_all(self.domain.name, [node.source for node in self.nodes])

    @property
    def fields(self) -> list[Field]:
        """Attributes that tell these records apart: those that not all state alike. Children are left to the record."""
        plain = (spec for spec in self.domain.fields if spec.kind not in (Kind.CHILDREN, Kind.LIST))
        return [spec for spec in plain if len({str(v.get(spec.name)) for v in self._stated.values()}) > 1][:7]

    @property
    def rows(self) -> list[tuple[Node, list[str]]]:
        names = names_of(self.domain, list(self._stated.values()))
        return [(node, [self._text(spec, node, names) for spec in self.fields]) for node in self.nodes]

    def _text(self, spec: Field, node: Node, names: Mapping[int, str]) -> str:
        value = self._stated[node.source.pk].get(spec.name)
        known = names.get(value) if spec.kind is Kind.REFERENCE and isinstance(value, int) else None
        return known or words.display(spec, value)


def _placed(source: SourceRecord, at: int, of: int, waits: bool) -> Node:
    angle = math.pi + 2 * math.pi * at / of
    x, y = WIDTH / 2 + RADIUS * 1.35 * math.cos(angle), HEIGHT / 2 + RADIUS * math.sin(angle)
    anchor = "middle" if abs(math.cos(angle)) < 0.2 else "end" if math.cos(angle) < 0 else "start"
    return Node(source, at + 1, round(x, 1), round(y, 1), anchor, waits)
