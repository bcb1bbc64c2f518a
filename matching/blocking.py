"""Keys: strings that two records share if they may be the same. They find candidates, and they are what is locked.

A key depends on its record alone, so the keys of a stored record never change because another one arrived. Broad keys
(a phone, a code) come with refined ones (a word and a size), because a key that too many records share finds nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .columns import Ints
from .standardise.dictionaries import word_set
from .standardise.text import skeleton, unique

LIMIT = 32  # keys per record
CAP = 200  # a key that more records of a side share makes no pairs


def informative(words: Sequence[str], count: int) -> list[str]:
    """The words most likely to be rare: not common in the trade, then the longest; each as its ``skeleton``."""
    known = word_set("common")
    ranked = sorted(words, key=lambda word: (word in known, -min(len(word), 8), word))
    return unique(skeleton(word) for word in ranked if len(word) >= 2)[:count]


def pairs_of(kind: str, parts: Iterable[str]) -> list[str]:
    """One key for every two of ``parts``, whatever their order."""
    return [f"{kind}:{a}+{b}" for a, b in combinations(sorted(set(parts)), 2)]


def crossed(kind: str, first: Iterable[str], second: Iterable[str]) -> list[str]:
    """One key for every combination of a part of each."""
    others = list(second)
    return [f"{kind}:{a}+{b}" for a in first for b in others]


def limited(*groups: Iterable[str]) -> list[str]:
    """The keys of all groups, each once, at most ``LIMIT``; earlier groups are surer and come first."""
    return unique(key for group in groups for key in group)[:LIMIT]


@dataclass(frozen=True)
class Candidates:
    """Pairs of row numbers that share keys, best first per left row.

    ``worth``: the sum of one over how many records have each shared key; many broad keys never outdo a rare one.
    """

    left: Ints
    right: Ints
    worth: np.ndarray


def candidates(
    left: Sequence[Sequence[str]], right: Sequence[Sequence[str]], *, cap: int = CAP, best: int = 60
) -> Candidates:
    """Pairs of records that share a key: ``best`` per left row, ranked by how rare the shared keys are.

    Args: the keys of every left and every right record; the same object twice finds duplicates (then left < right).
    """
    index = _index(right, cap)
    dedupe = left is right
    rows, found, worths = [], [], []
    for row, keys in enumerate(left):
        worth: dict[int, float] = defaultdict(float)
        for key in keys:
            hits = index.get(key, ())
            for other in hits:
                worth[other] += 1.0 / len(hits)
        others = [o for o in worth if not dedupe or o != row]
        others = sorted(others, key=lambda o: -worth[o])[:best]
        rows += [row] * len(others)
        found += others
        worths += [worth[o] for o in others]
    return _as_pairs(rows, found, worths, dedupe=dedupe)


def _index(records: Sequence[Sequence[str]], cap: int) -> dict[str, list[int]]:
    index: dict[str, list[int]] = defaultdict(list)
    for row, keys in enumerate(records):
        for key in keys:
            index[key].append(row)
    return {key: rows for key, rows in index.items() if len(rows) <= cap}


def _as_pairs(rows: list[int], found: list[int], worths: list[float], *, dedupe: bool) -> Candidates:
    left, right = np.asarray(rows, dtype=np.int64), np.asarray(found, dtype=np.int64)
    worth = np.asarray(worths, dtype=np.float64)
    if dedupe:
        pairs = np.stack([np.minimum(left, right), np.maximum(left, right)])
        _, first = np.unique(pairs, axis=1, return_index=True)
        left, right, worth = pairs[0, first], pairs[1, first], worth[first]
    return Candidates(left, right, worth)
