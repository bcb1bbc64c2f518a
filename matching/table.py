"""Whole tables, standardised into columns of numbers, by several processes where there are many rows.

A record's tokens are numbered as they arrive; no standardised record is kept. A million items take some hundred MB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from .blocking import numbered
from .columns import Bools, Column, Ints, Vocabulary, by_column
from .parallel import processes, spread
from .recipe import Recipe
from .records import Std, Values

CHUNK = 1_000  # records that a process takes at once
MANY = 3_000  # records from which on starting other processes pays

Vocabularies = dict[str, Vocabulary]
Keys = tuple[Ints, Ints]  # how many each record has, and all of them end to end


@dataclass(frozen=True)
class Table:
    """The columns of a table by name, the keys of its records as numbers, and which of the records are critical."""

    size: int
    columns: Mapping[str, Column]
    keys: Column
    critical: Bools


@dataclass(frozen=True)
class Packed:
    """A chunk of records as it travels between processes: per column the counts and the local numbers of its tokens."""

    tokens: Mapping[str, list[str]]  # of each space
    columns: Mapping[str, tuple[Ints, Ints]]
    keys: Keys
    size: int
    critical: Bools | None = None  # none of them, unless told


def tabulate(recipe: Recipe, tables: Sequence[Sequence[Values]], vocabularies: Vocabularies) -> list[Table]:
    """Standardise tables that are to be compared: they share their ``vocabularies`` (by space)."""

    def chunk(part: tuple[int, int]) -> Packed:
        table, start = part
        some = tables[table][start : start + CHUNK]
        critical = np.fromiter(map(recipe.critical, some), dtype=np.bool_, count=len(some))
        return replace(pack(recipe, [recipe.standardise(one) for one in some]), critical=critical)

    starts = [range(0, len(values), CHUNK) for values in tables]
    parts = [(table, start) for table, begins in enumerate(starts) for start in begins]
    chunks = spread(chunk, parts, workers=processes(sum(map(len, tables)), MANY))
    return [assemble(recipe, islice(chunks, len(begins)), vocabularies) for begins in starts]


def pack(recipe: Recipe, stds: Sequence[Std], keys: Keys | None = None) -> Packed:
    """Standardised records as columns. ``keys``: theirs, where they are known; counts per record and hashed keys."""
    local: Vocabularies = {}
    columns = {}
    said = by_column(stds, recipe.spaces)
    for name, space in recipe.spaces.items():
        vocabulary = local.setdefault(space, Vocabulary())
        column = vocabulary.column(said[name])
        columns[name] = column.counts.astype(np.int32), column.ids.astype(np.int32)
    tokens = {space: vocabulary.tokens for space, vocabulary in local.items()}
    return Packed(tokens, columns, keys or _keys(recipe, stds), len(stds))


def _keys(recipe: Recipe, stds: Sequence[Std]) -> Keys:
    keys = [recipe.keys(std) for std in stds]
    counts = np.fromiter(map(len, keys), dtype=np.int32, count=len(keys))
    return counts, numbered([*chain.from_iterable(keys)])


def assemble(recipe: Recipe, chunks: Iterable[Packed], vocabularies: Vocabularies) -> Table:
    """Chunks of records, in order, as one table; their tokens are numbered in ``vocabularies``."""
    counts: dict[str, list[Ints]] = {name: [] for name in recipe.spaces}
    ids: dict[str, list[Ints]] = {name: [] for name in recipe.spaces}
    keys: list[Keys] = []
    critical: list[Bools] = [np.zeros(0, dtype=np.bool_)]
    size = 0
    for chunk in chunks:
        known = {
            space: vocabularies.setdefault(space, Vocabulary()).intern(tokens).astype(np.int32)
            for space, tokens in chunk.tokens.items()
        }
        for name, (own, numbers) in chunk.columns.items():
            counts[name].append(own)
            ids[name].append(known[recipe.spaces[name]][numbers] if len(numbers) else numbers)
        keys.append(chunk.keys)
        critical.append(np.zeros(chunk.size, dtype=np.bool_) if chunk.critical is None else chunk.critical)
        size += chunk.size
    columns = {name: _column(counts[name], ids[name]) for name in recipe.spaces}
    return Table(size, columns, _column([c for c, _ in keys], [n for _, n in keys]), np.concatenate(critical))


def _column(counts: Sequence[Ints], ids: Sequence[Ints]) -> Column:
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), *counts]).cumsum()
    whole: Any = np.concatenate([*ids]) if ids else np.empty(0, dtype=np.int64)
    return Column(offsets, whole)
