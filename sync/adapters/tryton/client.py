"""The ERP edge to Tryton 8: parties, products, stock locations and analytic accounts over its JSON-RPC.

Records are found by their code: the target's own where it is known, else the public id, which new records get as their
code. A record that bears the mark of another golden record is never taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from sync.adapters.base import (
    InvalidForTarget,
    Kind,
    Message,
    Outcome,
    Receipt,
    Rendered,
    TargetRecord,
    Values,
    own_codes,
)
from sync.adapters.batches import in_turn, runs
from sync.adapters.options import Secrets, load
from sync.adapters.values import checked, comparable

from . import mapping
from .config import TrytonConfig
from .directory import Directory
from .marks import Marks
from .rpc import Rpc
from .shape import fields, tree
from .writing import Writer

PROBE = {"supplier": "purchase", "item": "purchase", "location": "stock", "cost_center": "analytic_account"}


class TrytonAdapter:
    def __init__(self, config: Mapping[str, Any], secrets: Secrets) -> None:
        self._config = load(TrytonConfig, config)
        self.domains = self._config.domains
        self._rpc = Rpc(self._config, secrets)
        self._marks = Marks(self._rpc, self._config.record_url)
        self._directory = Directory(self._rpc, self._marks, self._config)
        self._writer = Writer(self._rpc, self._marks, self._directory)

    def render(self, message: Message) -> bytes:
        values = checked(message, self._config.limits.get(message.domain, {}))
        if (unit := values.get("base_uom")) and unit not in self._config.units:
            raise InvalidForTarget([f"base_uom is {unit}, and the target's setting units gives no unit of Tryton's"])
        codes = [code["code"] for code in own_codes(message)]
        if message.domain == "cost_center" and values["code"]:
            codes.append(values["code"])
        there = mapping.to_tree(message.domain, message.record, values, self._config)
        body = {
            "id": message.record,
            "version": message.version,
            "generation": message.generation,
            "active": message.kind not in (Kind.RETIRE, Kind.MERGE),
            "replaced_by": message.payload.get("merged_into"),
            "codes": [*codes, message.record],
            "first": mapping.first_values(message.domain, (codes or [message.record])[0], values),
            "tree": there,
        }
        return orjson.dumps(body)

    def expected(self, message: Message) -> Values:
        values = comparable(message.domain, message.payload["attributes"])
        there = mapping.to_tree(message.domain, message.record, values, self._config)
        return mapping.to_canonical(message.domain, message.record, there, self._config)

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        return in_turn(runs(batch, self._config.batch_size), self._writer.write)

    def collect(self) -> list[Receipt]:
        return []

    def confirm(self) -> None:
        """Every answer comes at once."""

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        model = mapping.MODELS[domain]
        names = ["active", *fields(model)]
        for marks in self._directory.pages(domain, ids):
            rows = self._directory.rows(model.name, list(marks), names)
            named = self._directory.names(model, rows)
            for row in rows:
                mark = marks[row["id"]]
                if mark.applied > (0, 0):
                    values = mapping.to_canonical(domain, mark.record, tree(model, row, named), self._config)
                    yield TargetRecord(mark.record, *mark.applied, bool(row["active"]), values)

    def check(self) -> str:
        for domain in self.domains:
            self._directory.probe(mapping.MODELS[domain], PROBE[domain])
        if "cost_center" in self.domains:
            self._directory.root()
        return f"{self._config.base_url} answers, and {self._config.username} may read its master data."

    def close(self) -> None:
        self._rpc.close()
