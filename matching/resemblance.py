"""Which tokens resemble each other without being equal: slips of the keyboard, cut words, contractions, lost units."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, LCSseq

from .standardise import sizes
from .standardise.dictionaries import dictionary

Match = tuple[int, int, float]
_CONSONANTS = re.compile(r"[a-z][^aeiou]+")
SLIP, TWO_SLIPS, CUT, CONTRACTED, NO_UNIT = 0.9, 0.8, 0.85, 0.7, 0.8


def alike_words(left: Sequence[str], right: Sequence[str]) -> list[Match]:
    """Words that are one or two slips apart, or one of which is the other cut short or without vowels.

    Both begin with the same letter. Words that stand for two values of one axis never do ("medial" and "median" may,
    "superior" and "inferior", "cuff" and "cuffless" don't).
    """
    found: dict[tuple[int, int], float] = {}
    groups = _by_initial(right)
    for initial, mine in _by_initial(left).items():
        theirs = groups.get(initial, [])
        for i, j, similarity in _compare_group([left[i] for i in mine], [right[j] for j in theirs]):
            key = (mine[i], theirs[j])
            found[key] = max(similarity, found.get(key, 0.0))
    return [(i, j, s) for (i, j), s in found.items() if left[i] != right[j] and not _opposed(left[i], right[j])]


def _by_initial(words: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for number, word in enumerate(words):
        if len(word) >= 2 and word.isalpha():
            groups[word[0]].append(number)
    return groups


def _opposed(a: str, b: str) -> bool:
    if a.endswith("less") != b.endswith("less"):
        return True
    axes = dictionary("variants")
    return a in axes and b in axes and axes[a] != axes[b] and axes[a].split(":")[0] == axes[b].split(":")[0]


def _compare_group(left: list[str], right: list[str]) -> Iterator[Match]:
    yield from _slips(left, right)
    yield from _cut(left, right)
    yield from ((i, j, s) for j, i, s in _cut(right, left))
    yield from _contracted(left, right)
    yield from ((i, j, s) for j, i, s in _contracted(right, left))


def _slips(left: list[str], right: list[str]) -> Iterator[Match]:
    mine = [i for i, word in enumerate(left) if len(word) >= 5]
    theirs = [j for j, word in enumerate(right) if len(word) >= 5]
    if not (mine and theirs):
        return
    distances = process.cdist(
        [left[i] for i in mine], [right[j] for j in theirs], scorer=OSA.distance, score_cutoff=2, dtype=np.uint8
    )
    for row, column in zip(*np.nonzero((distances > 0) & (distances <= 2)), strict=True):
        i, j, distance = mine[row], theirs[column], distances[row, column]
        if distance == 1:
            yield i, j, SLIP
        elif min(len(left[i]), len(right[j])) >= 8:
            yield i, j, TWO_SLIPS


def _cut(short: list[str], long: list[str]) -> Iterator[Match]:
    """Words of ``short`` (three letters and more) that begin a word of ``long``."""
    order = sorted(range(len(long)), key=long.__getitem__)
    words = [long[j] for j in order]
    for i, stem in enumerate(short):
        if len(stem) < 3:
            continue
        at = bisect_left(words, stem)
        while at < len(words) and words[at].startswith(stem):
            if len(words[at]) > len(stem):
                yield i, order[at], CUT
            at += 1


def _contracted(short: list[str], long: list[str]) -> Iterator[Match]:
    """Words of ``short`` without vowels after the first letter, whose letters a word of ``long`` has in this order."""
    mine = [i for i, word in enumerate(short) if _CONSONANTS.fullmatch(word)]
    if not (mine and long):
        return
    kept = process.cdist([short[i] for i in mine], long, scorer=LCSseq.similarity, dtype=np.uint8)
    lengths = np.array([len(short[i]) for i in mine])[:, None]
    wholes = np.array([len(word) for word in long])[None, :]
    fits = (kept == lengths) & (wholes >= lengths + 2) & (wholes <= 4 * lengths)
    yield from ((mine[row], int(column), CONTRACTED) for row, column in zip(*np.nonzero(fits), strict=True))


def alike_sizes(left: Sequence[str], right: Sequence[str]) -> list[Match]:
    """A number without a unit and the same number with one: "14" and "14mm"; "17" and "170mm" (from centimetres)."""
    found = [(i, j, NO_UNIT) for i, j in _bare_to_unit(left, right)]
    return found + [(i, j, NO_UNIT) for j, i in _bare_to_unit(right, left)]


def _bare_to_unit(bare: Sequence[str], full: Sequence[str]) -> Iterator[tuple[int, int]]:
    numbers = {token: i for i, token in enumerate(bare) if not sizes.split(token)[1]}
    for j, token in enumerate(full):
        for text in dict.fromkeys(sizes.as_bare(token)):
            if text in numbers:
                yield numbers[text], j
