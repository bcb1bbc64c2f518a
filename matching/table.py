"""Whole tables, standardised into columns of numbers, by several processes where there are many rows.

A record's tokens are numbered as they arrive; no standardised record is kept. A million items take some hundred MB.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import current_process, get_all_start_methods, get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocking import hashed
from .columns import Column, Vocabulary
from .domains import recipe_for
from .recipe import Recipe
from .records import Std, Values

CHUNK = 1_000  # records that a process takes at once
MANY = 3_000  # records from which on starting other processes pays

Vocabularies = dict[str, Vocabulary]
Numbers = NDArray[np.signedinteger[Any]]  # of 32 bits where they are many
Keys = tuple[Numbers, Numbers]  # how many each record has, and all of them end to end


@dataclass(frozen=True)
class Table:
    """The columns of a table by name, and the keys of its records, hashed."""

    size: int
    columns: Mapping[str, Column]
    keys: Column


@dataclass(frozen=True)
class Packed:
    """A chunk of records as it travels between processes: per column the counts and the local numbers of its tokens."""

    tokens: Mapping[str, list[str]]  # of each space
    columns: Mapping[str, tuple[Numbers, Numbers]]
    keys: Keys
    size: int


def processes(size: int, many: int) -> int:
    """How many processes share work of this size. One where processes can't be forked, or where one has threads."""
    apart = "fork" in get_all_start_methods() and threading.active_count() == 1 and not current_process().daemon
    return (os.cpu_count() or 1) if apart and size >= many else 1


def tabulate(recipe: Recipe, values: Sequence[Values], vocabularies: Vocabularies) -> Table:
    """Standardise a table. Tables that are to be compared share their ``vocabularies`` (by space)."""
    return assemble(recipe, _packed(recipe, values), vocabularies)


def _packed(recipe: Recipe, values: Sequence[Values]) -> Iterator[Packed]:
    chunks = (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
    workers = processes(len(values), MANY)
    if workers == 1 or recipe is not recipe_for(recipe.domain):
        yield from (_standardised(recipe, chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        yield from _in_order(pool, partial(_by_domain, recipe.domain), chunks, ahead=2 * workers)


def _in_order(
    pool: ProcessPoolExecutor, work: partial[Packed], chunks: Iterator[Sequence[Values]], *, ahead: int
) -> Iterator[Packed]:
    """Results in order, with no more than ``ahead`` chunks under way: what waits takes memory."""
    waiting = [pool.submit(work, chunk) for chunk in islice(chunks, ahead)]
    while waiting:
        done = waiting.pop(0).result()
        waiting += [pool.submit(work, chunk) for chunk in islice(chunks, 1)]
        yield done


def _by_domain(domain: str, chunk: Sequence[Values]) -> Packed:
    return _standardised(recipe_for(domain), chunk)


def _standardised(recipe: Recipe, chunk: Sequence[Values]) -> Packed:
    return pack(recipe, [recipe.standardise(values) for values in chunk])


def pack(recipe: Recipe, stds: Sequence[Std], keys: Keys | None = None) -> Packed:
    """Standardised records as columns. ``keys``: theirs, where they are known; counts per record and hashed keys."""
    local: Vocabularies = {}
    columns = {}
    for name, space in recipe.spaces.items():
        vocabulary = local.setdefault(space, Vocabulary())
        column = Column.build(vocabulary, [std.get(name, ()) for std in stds])
        columns[name] = column.counts.astype(np.int32), column.ids.astype(np.int32)
    tokens = {space: vocabulary.tokens for space, vocabulary in local.items()}
    return Packed(tokens, columns, keys or _keys(recipe, stds), len(stds))


def _keys(recipe: Recipe, stds: Sequence[Std]) -> Keys:
    keys = [recipe.keys(std) for std in stds]
    counts = np.fromiter(map(len, keys), dtype=np.int32, count=len(keys))
    return counts, np.fromiter((hashed(key) for own in keys for key in own), dtype=np.int64, count=int(counts.sum()))


def assemble(recipe: Recipe, chunks: Iterable[Packed], vocabularies: Vocabularies) -> Table:
    """Chunks of records, in order, as one table; their tokens are numbered in ``vocabularies``."""
    counts: dict[str, list[Numbers]] = {name: [] for name in recipe.spaces}
    ids: dict[str, list[Numbers]] = {name: [] for name in recipe.spaces}
    keys: list[Keys] = []
    size = 0
    for chunk in chunks:
        known = {
            space: np.array(vocabularies.setdefault(space, Vocabulary()).intern(tokens), dtype=np.int32)
            for space, tokens in chunk.tokens.items()
        }
        for name, (own, numbers) in chunk.columns.items():
            counts[name].append(own)
            ids[name].append(known[recipe.spaces[name]][numbers] if len(numbers) else numbers)
        keys.append(chunk.keys)
        size += chunk.size
    columns = {name: _column(counts[name], ids[name]) for name in recipe.spaces}
    return Table(size, columns, _column([c for c, _ in keys], [n for _, n in keys]))


def _column(counts: Sequence[Numbers], ids: Sequence[Numbers]) -> Column:
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), *counts]).cumsum()
    whole: Any = np.concatenate([*ids]) if ids else np.empty(0, dtype=np.int64)
    return Column(offsets, whole)
