"""Tables of records from files: CSV, TSV, gzipped or not, and Parquet."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..files import why

Pair = tuple[str, str]


class BadInput(Exception):
    """A file or an option can't be used. The message says which, and what to do."""


@dataclass(frozen=True)
class Table:
    """``columns``: name → the values of all rows, as text. ``ids``: the column "id"."""

    ids: list[str]
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read a table with a heading. Raises BadInput without an "id" column, or where two rows share an id."""
        columns = _parquet(path) if path.suffix == ".parquet" else _separated(path)
        if "id" not in columns:
            raise BadInput(
                f"{path}: no column named id, but {', '.join(columns)}. Separate columns by commas, in .tsv by tabs, "
                "and name the one that identifies a row id."
            )
        ids = columns["id"]
        if len(set(ids)) < len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise BadInput(f"{path}: two rows have the id {twice!r}; ids must be unique.")
        return cls(ids, columns)

    def column(self, name: str) -> Sequence[str]:
        """The values of a column, a row each. Raises BadInput if there is none of this name."""
        if name not in self.columns:
            raise BadInput(f"There is no column {name!r}; there are {', '.join(self.columns)}.")
        return self.columns[name]


def read_pairs(path: Path) -> set[Pair]:
    """Pairs of ids: two columns; or clusters, as the columns id and cluster, whose members are pairs."""
    columns = _separated(path)
    if len(columns) < 2:
        raise BadInput(f"{path}: two columns of ids are needed, or id and cluster.")
    if list(columns)[:2] == ["id", "cluster"]:
        return _pairs_of_clusters(columns["id"], columns["cluster"])
    first, second = list(columns.values())[:2]
    return set(zip(first, second, strict=True))


def _pairs_of_clusters(ids: Sequence[str], clusters: Sequence[str]) -> set[Pair]:
    members: dict[str, list[str]] = {}
    for one, cluster in zip(ids, clusters, strict=True):
        members.setdefault(cluster, []).append(one)
    return {(a, b) for rows in members.values() for i, a in enumerate(rows) for b in rows[i + 1 :]}


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {why(error)}.") from error
    except csv.Error as error:
        raise BadInput(f"{path} is no table: {error}. Is a quotation mark left open?") from error


def _separated(path: Path) -> dict[str, list[str]]:
    """A heading and rows, separated by commas, or by tabs where the name says .tsv."""
    with _opened(path) as file:
        rows = csv.reader(file, delimiter="\t" if ".tsv" in path.suffixes else ",")
        heading = next(rows, None)
        if not heading:
            raise BadInput(f"{path} is empty; a heading and rows are needed.")
        if twice := {name for name in heading if heading.count(name) > 1}:
            raise BadInput(f"{path}: two columns are named {min(twice)!r}; names must be unique.")
        body = list(_rows(path, rows, len(heading)))
    return {name: list(values) for name, values in zip(heading, zip(*body, strict=True), strict=True)} if body else {
        name: [] for name in heading
    }  # fmt: skip


def _rows(path: Path, rows: Iterable[list[str]], width: int) -> Iterator[list[str]]:
    """An empty line is no row."""
    for number, row in enumerate(rows, start=2):
        if len(row) == width:
            yield row
        elif row:
            raise BadInput(f"{path}, row {number}: {len(row)} fields, the heading has {width}.")


def _parquet(path: Path) -> dict[str, list[str]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise BadInput(f"{path}: reading Parquet needs the package pyarrow.") from error
    try:
        table = parquet.read_table(path)
    except (OSError, ArrowInvalid) as error:
        raise BadInput(f"{path}: {why(error)}.") from error
    return {name: ["" if v is None else str(v) for v in table[name].to_pylist()] for name in table.column_names}
