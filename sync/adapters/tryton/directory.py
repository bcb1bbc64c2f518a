"""Which Tryton record is which golden record, in both directions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.adapters.base import ErrorClass, PeerError

from . import mapping
from .config import TrytonConfig
from .marks import Mark, Marks
from .rpc import Row, Rpc
from .shape import Model, Ref, fields

MISSED_FOR = 300.0  # seconds for which a record that wasn't there isn't searched for again


@dataclass(frozen=True, slots=True)
class Held:
    id: int
    code: str
    mark: Mark | None = None


class Directory:
    def __init__(self, rpc: Rpc, marks: Marks, config: TrytonConfig) -> None:
        self._rpc, self._marks, self._config = rpc, marks, config
        self._known: dict[str, int] = {}  # public id -> id, of references that had to be searched for
        self._missed: dict[str, float] = {}  # public id -> when it was searched for in vain

    def held(self, domain: str, bodies: Sequence[Row]) -> dict[str, Held]:
        """{public id: what Tryton holds for it}. Its own mark decides; else a code, of a record that has no mark."""
        model = mapping.MODELS[domain].name
        codes = sorted({code for body in bodies for code in body["codes"]})
        rows = self._rpc.find(model, [["code", "in", codes]], ["code"])
        marks = self._marks.of(model, [row["id"] for row in rows])
        by_code: dict[str, list[Held]] = {}
        for row in sorted(rows, key=lambda row: int(row["id"])):
            by_code.setdefault(row["code"], []).append(Held(row["id"], row["code"], marks.get(row["id"])))
        found: dict[str, Held] = {}
        for body in bodies:
            candidates = [held for code in body["codes"] for held in by_code.get(code, ())]
            ours = [held for held in candidates if held.mark and held.mark.record == body["id"]]
            if chosen := ours or [held for held in candidates if held.mark is None]:
                found[body["id"]] = chosen[0]
        return found

    def ids(self, domain: str, records: Iterable[str]) -> dict[str, int]:
        """{public id: id} of the golden records that Tryton holds, whatever code they have there."""
        wanted = set(records)
        bodies = [{"id": record, "codes": [record]} for record in sorted(wanted)]
        found = {record: held.id for record, held in self.held(domain, bodies).items() if held.mark} if bodies else {}
        found |= {record: self._known[record] for record in wanted - found.keys() if record in self._known}
        if self._to_search(wanted - found.keys()):  # records that were in Tryton before us have codes of their own
            began = time.monotonic()
            for marks in self._scan(domain):
                self._known |= {mark.record: number for number, mark in marks.items()}
            found |= {record: self._known[record] for record in wanted if record in self._known}
            self._missed |= dict.fromkeys(wanted - found.keys(), began)
        return found

    def appeared(self, records: Iterable[str]) -> None:
        """They are there now: the next that refers to one may search for it."""
        for record in records:
            self._missed.pop(record, None)

    def _to_search(self, records: Iterable[str]) -> list[str]:
        """Those that were not searched for in vain just now: to search is to read all of a domain."""
        old = time.monotonic() - MISSED_FOR
        self._missed = {record: at for record, at in self._missed.items() if at > old}
        return [record for record in records if record not in self._missed]

    def pages(self, domain: str, records: Sequence[str] | None) -> Iterator[dict[int, Mark]]:
        """{id: mark} of all that is kept in step, or of the given public ids, page by page."""
        if records is None:
            yield from self._scan(domain)
            return
        size = self._config.page_size
        for start in range(0, len(records), size):
            numbers = self.ids(domain, records[start : start + size]).values()
            yield self._marks.of(mapping.MODELS[domain].name, numbers)

    def _scan(self, domain: str) -> Iterator[dict[int, Mark]]:
        model, size, last = mapping.MODELS[domain].name, self._config.page_size, 0
        while rows := self._rpc.find(model, [["id", ">", last]], ["id"], limit=size, order=[["id", "ASC"]]):
            last = rows[-1]["id"]
            yield self._marks.of(model, [row["id"] for row in rows])

    def rows(self, model: str, ids: Sequence[int], names: Sequence[str]) -> list[Row]:
        if not ids:
            return []
        return self._rpc.read(model, ids, names)

    def names(self, model: Model, rows: Sequence[Row]) -> Callable[[str, int], str | None]:
        """A function that gives the public id of a referenced record; None for one that isn't kept in step."""
        marks: dict[tuple[str, int], str] = {}
        for domain, numbers in _referenced(model, rows).items():
            found = self._marks.of(mapping.MODELS[domain].name, sorted(numbers))
            marks |= {(domain, number): mark.record for number, mark in found.items()}
        return lambda domain, number: marks.get((domain, number))

    def lookup(self, ref: Ref, values: Iterable[Any]) -> dict[Any, int]:
        """{value: id} of those that Tryton holds."""
        wanted = {value for value in values if value is not None}
        if ref.domain:
            found: dict[Any, int] = self.ids(ref.domain, wanted)
        else:
            rows = self._rpc.find(ref.model, [[ref.key, "in", sorted(wanted)]], [ref.key]) if wanted else []
            found = {row[ref.key]: row["id"] for row in rows}
        return found

    def root(self) -> dict[str, int]:
        """{"root": id} of the analytic root account that cost centers hang under."""
        code = self._config.cost_center_root
        rows = self._rpc.find("analytic_account.account", [["code", "=", code], ["type", "=", "root"]], ["id"])
        if not rows:
            raise PeerError(f"There is no analytic root account {code}; make it in Tryton.", ErrorClass.PROTOCOL)
        return {"root": rows[0]["id"]}

    def probe(self, model: Model, module: str) -> None:
        """Raises PeerError when the fields that are kept in step can't be read."""
        try:
            self._rpc.find(model.name, [], [*fields(model)], limit=1)
        except PeerError as error:
            text = f"{model.name} can't be read; is the module {module} active? {error}"
            raise PeerError(text, error.error_class) from error


def _referenced(model: Model, rows: Sequence[Mapping[str, Any]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for name, ref in model.refs.items():
        if ref.domain:
            found.setdefault(ref.domain, set()).update(row[name] for row in rows if row.get(name))
    for name, children in model.rows.items():
        inside = [child for row in rows for child in row.get(f"{name}.") or ()]
        for domain, numbers in _referenced(children.model, inside).items():
            found.setdefault(domain, set()).update(numbers)
    return found
