"""The mapping table: a file's columns, their first values, and where each goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from mdm.canonical import Domain, Field, Kind
from mdm.exceptions import ConcordError
from mdm.models import User
from mdm.values import CODE, IGNORE, UOM, UPDATED_AT, paths
from sync.inbound import services
from sync.inbound.domains import domain_of
from sync.inbound.mapping import SURE
from sync.models import FeedRun

PSEUDO = {CODE: "The record’s own code", UOM: "Unit of the code", UPDATED_AT: "Changed at", IGNORE: "Leave out"}
PREFIX = "column."
Choices = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # group, ((path, label), …)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    number: int
    samples: tuple[str, ...]
    path: str
    confidence: float
    saved: bool

    @property
    def left_out(self) -> bool:
        return self.path == IGNORE

    @property
    def unsure(self) -> bool:
        return not self.saved and not self.left_out and self.confidence < SURE

    @property
    def input(self) -> str:
        return f"{PREFIX}{self.name}"


@dataclass(frozen=True, slots=True)
class MappingTable:
    columns: tuple[Column, ...] = ()
    choices: Choices = ()
    error: str = ""
    steps: tuple[str, ...] = field(default=("Upload", "Map columns", "Run"))

    @property
    def sure(self) -> int:
        return sum(not c.unsure and not c.left_out for c in self.columns)

    @property
    def unsure(self) -> int:
        return sum(c.unsure for c in self.columns)

    @property
    def left_out(self) -> int:
        return sum(c.left_out for c in self.columns)


def mapping_of(run: FeedRun, user: User) -> MappingTable:
    """The file's columns with what is saved for them, else what their headings suggest."""
    try:
        seen = services.inspect(run=run, actor=user)
    except ConcordError as error:
        return MappingTable(error=error.message)
    columns = tuple(
        _column(
            run, number, suggestion.column, suggestion.path, suggestion.confidence, [r[number] for r in seen.sample]
        )
        for number, suggestion in enumerate(seen.suggestions)
    )
    return MappingTable(columns, choices(run.domain))


def _column(run: FeedRun, number: int, name: str, path: str, confidence: float, samples: list[str]) -> Column:
    shown = tuple(dict.fromkeys(text.strip()[:60] for text in samples if text and text.strip()))[:3]
    if not run.mapping:
        return Column(name, number, shown, path, confidence, saved=False)
    kept = run.mapping.get(name, IGNORE)
    return Column(name, number, shown, kept if isinstance(kept, str) else kept[0], 1.0, saved=name in run.mapping)


def chosen(posted: Mapping[str, str]) -> dict[str, str]:
    """Column heading to path, as posted; columns left out are left out."""
    picked = {name.removeprefix(PREFIX): path for name, path in posted.items() if name.startswith(PREFIX)}
    return {name: path for name, path in picked.items() if path and path != IGNORE}


@cache
def choices(domain: str) -> Choices:
    """Every path a column can go to, by group, with the words a person would use."""
    model = domain_of(domain)
    grouped: dict[str, list[tuple[str, str]]] = {"Record": [(path, PSEUDO[path]) for path in PSEUDO]}
    for path in paths(model):
        if path not in PSEUDO:
            spec = model.by_name[path.partition(".")[0]]
            grouped.setdefault(spec.group, []).append((path, _label(model, spec, path)))
    return tuple((group, tuple(found)) for group, found in grouped.items())


def _label(model: Domain, spec: Field, path: str) -> str:
    if spec.kind is not Kind.CHILDREN:
        return spec.label
    _, key, part = path.split(".")
    child = next(c for c in spec.children if c.name == part)
    keys = dict(next(c for c in spec.children if c.name == spec.child_key).choices)
    return f"{spec.label} {keys.get(key, key)}: {child.label}"
