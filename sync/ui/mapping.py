"""The mapping table: a file's columns, their first values, and where each goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mdm.canonical import Field, Kind
from mdm.exceptions import ConcordError
from mdm.models import User
from mdm.ui import words
from mdm.values import CODE, IGNORE, UOM, UPDATED_AT, parse_row, paths, why_no_path
from sync.inbound import blank, services
from sync.inbound import mapping as inbound
from sync.inbound.domains import domain_of
from sync.inbound.errors import BadMapping
from sync.inbound.mapping import SURE, Suggestion, pairs
from sync.models import FeedRun

PSEUDO = {IGNORE: "Leave out", UOM: "Unit of the code", UPDATED_AT: "Changed at"}
PREFIX, OWN = "column.", "code"  # fields of the form: where each column goes, and which one is the record's own code
Choices = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # group, ((path, label), …)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    number: int
    samples: tuple[str, ...]
    path: str
    confidence: float
    saved: bool
    is_code: bool  # the record's own code in its system; may be an attribute besides
    cleaned: tuple[str, ...] = ()  # what the first values become
    refused: str = ""  # why the first value that can't be read can't

    @property
    def left_out(self) -> bool:
        return self.path == IGNORE and not self.is_code

    @property
    def unsure(self) -> bool:
        return not self.saved and self.path != IGNORE and self.confidence < SURE

    @property
    def input(self) -> str:
        return f"{PREFIX}{self.name}"


@dataclass(frozen=True, slots=True)
class MappingTable:
    columns: tuple[Column, ...] = ()
    choices: Choices = ()
    error: str = ""
    sheets: tuple[str, ...] = ()  # of a workbook

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
    own = _own_code(run, seen.suggestions)
    columns = tuple(
        _column(run, number, suggestion, [row[number] for row in seen.sample], is_code=suggestion.column == own)
        for number, suggestion in enumerate(seen.suggestions)
    )
    return MappingTable(columns, choices(run.domain), sheets=tuple(seen.sheets))


def _own_code(run: FeedRun, suggestions: Sequence[Suggestion]) -> str:
    """The column of the record's own code: the saved one, else the one whose heading says so or says "code"."""
    kept = [column for column, path in pairs(run.mapping) if path == CODE]
    hinted = [s.column for wanted in (CODE, "code") for s in suggestions if s.path == wanted]
    return next(iter(kept or hinted), "")


def _column(run: FeedRun, number: int, offer: Suggestion, samples: list[str], *, is_code: bool) -> Column:
    shown = tuple(dict.fromkeys(text.strip()[:60] for text in samples if text and text.strip()))[:3]
    path = offer.path if offer.path != CODE else IGNORE
    if run.mapping:
        kept = [to for column, to in pairs(run.mapping) if column == offer.column and to != CODE]
        path = kept[0] if kept else IGNORE
    saved = offer.column in run.mapping
    cleaned, refused = clean(run.domain, path, shown)
    return Column(offer.column, number, shown, path, offer.confidence, saved, is_code, cleaned=cleaned, refused=refused)


def clean(domain: str, path: str, samples: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """What an import would make of values at a path, and why it would put aside the first that it can't read."""
    model = domain_of(domain)
    if path in (IGNORE, CODE, *PSEUDO) or why_no_path(model, path):
        return (), ""
    spec, texts = model.by_name[path.partition(".")[0]], []
    for sample in samples:
        parsed = parse_row(model, {CODE: "x", path: sample})
        if parsed.problems:
            return (), parsed.problems[0].message
        texts += [_said(spec, path, value) for value in parsed.values.values()]
    return tuple(dict.fromkeys(texts)), ""


def _said(spec: Field, path: str, value: Any) -> str:
    if spec.kind is Kind.CHILDREN:
        part = path.rpartition(".")[2]
        child = next(c for c in spec.children if c.name == part)
        return words.display(child, value[0].get(part))
    return str(value) if spec.kind is Kind.REFERENCE else words.display(spec, value)


def chosen(posted: Mapping[str, str]) -> dict[str, list[str]]:
    """Column heading to paths, as posted; columns left out are left out."""
    picked = {name.removeprefix(PREFIX): path for name, path in posted.items() if name.startswith(PREFIX)}
    mapping = {name: [path] for name, path in picked.items() if path and path != IGNORE}
    if own := posted.get(OWN):
        mapping[own] = [CODE, *mapping.get(own, [])]
    return mapping


def check(run: FeedRun) -> None:
    """Refuse to start what no file can be read by. Raises ``BadMapping``."""
    inbound.check(domain_of(run.domain), run.mapping, run.constants)


def said(domain: str, error: ConcordError) -> str:
    """Why it can't be imported so, in the words of the mapping screen; what is not about columns is said as it is."""
    if not isinstance(error, BadMapping):
        return error.message
    found = [] if error.details["has_code"] else ["Choose the column that holds the record’s own code, under Own code."]
    for path in error.details["twice"]:
        found.append(f"Several columns become {_label(domain, path)}. Leave all but one of them out, under Becomes.")
    for path in error.details["strange"]:
        found.append(f"This mapping names “{path}”, which such records don’t have. Choose anew, under Becomes.")
    return " ".join(found)


def _label(domain: str, path: str) -> str:
    known = PSEUDO | {CODE: "the record’s own code"} | {p: text for _, group in choices(domain) for p, text in group}
    return known.get(path, path)


@cache
def choices(domain: str) -> Choices:
    """Every path a column can go to, by group, with the words a person would use."""
    model = domain_of(domain)
    grouped: dict[str, list[tuple[str, str]]] = {"Record": [(path, PSEUDO[path]) for path in PSEUDO]}
    for path in paths(model):
        if path not in (CODE, *PSEUDO):
            spec = model.by_name[path.partition(".")[0]]
            grouped.setdefault(spec.group, []).append((path, blank.label(spec, path)))
    return tuple((group, tuple(found)) for group, found in grouped.items())
