"""Which column is which attribute: suggested from the headings, checked against the file, applied to each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

from mdm.canonical import Domain, Kind
from mdm.scalars import Cell
from mdm.values import CODE, IGNORE, PSEUDO_PATHS, paths, why_no_path
from sync.inbound.domains import GL_ACCOUNT, domain_of
from sync.inbound.errors import BadMapping, WrongColumns
from sync.inbound.headings import HEADINGS, NOTHING, OWN_CODE
from sync.inbound.table import fold

Mapped = Mapping[str, str | Sequence[str]]  # column heading to a path, or to several
SURE, WORTH_ASKING = 0.97, 0.8


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A path for a column; ``confidence`` 0 to 1, where 0.97 and more may be taken unseen. No path: nothing fits."""

    column: str
    path: str
    confidence: float


def suggest(domain: str, columns: Iterable[str]) -> list[Suggestion]:
    """One suggestion a column, each path at most once: the surest column gets it."""
    known = _spellings(domain)
    offers = []
    for position, column in enumerate(columns):
        found = process.extract(fold(column), list(known), scorer=fuzz.ratio, limit=8, score_cutoff=100 * WORTH_ASKING)
        offers += [(score / 100, position, column, path) for word, score, _ in found for path in known[word]]
    taken: dict[int, Suggestion] = {}
    for confidence, position, column, path in sorted(offers, key=lambda offer: (-offer[0], offer[1])):
        if position not in taken and path not in {given.path for given in taken.values()} - {IGNORE}:
            taken[position] = Suggestion(column, path, round(confidence, 2))
    return [taken.get(position, Suggestion(column, IGNORE, 0.0)) for position, column in enumerate(columns)]


@lru_cache(maxsize=16)
def _spellings(domain: str) -> dict[str, list[str]]:
    """Folded headings and the paths they may mean: the vocabulary's own names and labels, and what systems write."""
    model = domain_of(domain)
    known: dict[str, list[str]] = {}

    def add(word: str, path: str) -> None:
        places = known.setdefault(fold(word), [])
        if path not in places:
            places.append(path)

    add(OWN_CODE, CODE)
    for entry in model.fields:
        if entry.kind is not Kind.CHILDREN:
            add(entry.name, entry.name)
            add(entry.label, entry.name)
    for path, words in (HEADINGS[domain] | {IGNORE: NOTHING}).items():
        for word in words.split("|"):
            add(word, path)
    for path in paths(model):
        if path not in PSEUDO_PATHS:
            add(path, path)
    return known


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked mapping of one file: which cells go where, and what every row has besides."""

    columns: tuple[str, ...]
    targets: tuple[tuple[int, str], ...]  # cell position, path
    constants: Mapping[str, str]

    def cells(self, row: Sequence[Cell]) -> dict[str, Cell]:
        """The row by paths. Two columns of a list are told apart by position."""
        named: dict[str, Cell] = dict(self.constants)
        for position, path in self.targets:
            named[path] = row[position]
        return named

    def column_of(self, path: str) -> str:
        """The heading a path is read from, for messages; the path itself if it is a constant or missing."""
        return next((self.columns[position] for position, target in self.targets if target == path), path)


def plan(domain: Domain, columns: Sequence[str], mapping: Mapped, constants: Mapping[str, str]) -> Plan:
    """Check a mapping against a file's columns.

    Headings match regardless of case, blanks and punctuation. A chart of accounts without a code column takes the
    name as code.

    Raises:
        WrongColumns: the file lacks columns; the message names the nearest it has.
        BadMapping: a path doesn't exist, two columns go to one path, or none is the code.
    """
    positions = _positions(columns, mapping)
    targets = [(positions[column], path) for column, path in pairs(mapping) if path != IGNORE]
    check(domain, mapping, constants)
    if CODE not in {path for _position, path in targets}:
        targets += [(position, CODE) for position, path in targets if path == "name"]
    return Plan(tuple(columns), tuple(targets), dict(constants))


def check(domain: Domain, mapping: Mapped, constants: Mapping[str, str]) -> None:
    """Whether any file could be read by it. Raises ``BadMapping`` as ``plan`` does."""
    mapped = [path for _column, path in pairs(mapping) if path != IGNORE]
    every = [*mapped, *constants]
    strange = {path: why for path in every if (why := why_no_path(domain, path))}
    twice = sorted({path for path in every if every.count(path) > 1})
    has_code = CODE in mapped or (domain is GL_ACCOUNT and CODE not in every and "name" in mapped)
    wrong = list(strange.values())
    if twice:
        wrong.append(f"several columns go to {', '.join(twice)}")
    if not has_code:
        wrong.append(f"no column is mapped to {CODE}, the record's own code in its system")
    if wrong:
        text = f"The mapping can't be used: {'; '.join(wrong)}."
        raise BadMapping(text, strange=list(strange), twice=twice, has_code=has_code)


def pairs(mapping: Mapped) -> list[tuple[str, str]]:
    """(column, path) of a mapping whose columns may go to several paths."""
    return [(column, path) for column, to in mapping.items() for path in ([to] if isinstance(to, str) else to)]


def _positions(columns: Sequence[str], mapping: Mapped) -> dict[str, int]:
    exact = {name: position for position, name in enumerate(columns)}
    folded = {fold(name): position for position, name in reversed(list(enumerate(columns)))}
    wanted = {column for column, path in pairs(mapping) if path != IGNORE}
    found = {name: exact.get(name, folded.get(fold(name), -1)) for name in mapping if name in wanted}
    if lacking := [name for name, position in found.items() if position < 0]:
        raise WrongColumns(_lacking(lacking, columns), columns=list(columns), lacking=lacking)
    return found


def _lacking(lacking: Sequence[str], columns: Sequence[str]) -> str:
    def hint(name: str) -> str:
        near = process.extractOne(name, columns, scorer=fuzz.WRatio, score_cutoff=60)
        return f"{name!r} (nearest: {near[0]!r})" if near else f"{name!r}"

    return (
        f"The file has no column {', '.join(map(hint, lacking))}. Its columns are: {', '.join(columns)}. "
        "Mend the mapping or export the file again; nothing was changed."
    )
