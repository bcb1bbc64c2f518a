"""The words that golden records have, by which what somebody typed is widened: unfinished, misspelt, without a unit."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from rapidfuzz.distance import OSA

from mdm.terms import ALL, BARE, CODE, VERY_FUZZY, Asked, is_word, slips

WIDEST = 24  # words that one unfinished word may stand for
NEAR = 2_000  # words among which a slip in an unfinished word is looked for
BACKGROUND = 1_000  # records that are assumed to be there before any is, as the engine does
CONTEXT = 0.8  # what a word is worth that stands elsewhere than in the record's own name
COMMON = 2_000  # records that have a word, from which on it is looked for as it is first
LEAST = 0.1  # bits of a word that all records have
SLIP, TWO_SLIPS, ANOTHER_WAY = 0.8, 0.65, 0.85  # what a term is worth that is nearly the one asked for

Known = dict[str, int]  # word → how many records have it

EXACT_SQL = "(SELECT word, records FROM mdm_searchword WHERE domain = %s AND word = ANY(%s))"
NEAR_SQL = "(SELECT word, records FROM mdm_searchword WHERE domain = %s AND slips && %s::int[])"
BEGUN_SQL = """(
SELECT word, records FROM mdm_searchword WHERE domain = %s AND word >= %s AND word < %s
ORDER BY records DESC, word LIMIT %s)"""
# codes are many and nearly all as rare: the first ones, straight from the index
CODES_SQL = BEGUN_SQL.replace("records DESC, word", "word")


@dataclass(slots=True)
class Part:
    """One thing that a text asks for: the terms that stand for it, what each is worth, and how rare it is in bits."""

    asked: Asked
    worth: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # how many records have each of these terms
    bits: float = 0.0

    @property
    def records(self) -> int:
        """At most as many records have it."""
        return sum(self.counts.values())

    @property
    def sure(self) -> list[str]:
        """The terms that are no slip away, if there are any."""
        return [term for term, worth in self.worth.items() if worth > SLIP] or list(self.worth)

    @property
    def is_common(self) -> bool:
        """Many records have it in so many words; looking for its misspellings, too, would take longest here."""
        return sum(self.counts[term] for term in self.sure) >= COMMON

    def best(self, terms: Collection[str], own: Collection[str]) -> tuple[float, str]:
        """What a record's terms are worth here, and the best of them. Its name counts for more than what else it has;
        a code is a code, wherever it stands.
        """
        worth = {t: self.worth[t] * (1.0 if t in own or t[0] == CODE else CONTEXT) for t in self.worth.keys() & terms}
        best = max(worth, key=lambda term: (worth[term], term), default="")
        return worth.get(best, 0.0), best


def widen(domain: str, asked: Sequence[Asked]) -> list[Part]:
    """The parts of a text with all terms that stand for them. One query, two if an unfinished word is misspelt."""
    known = _look_up(domain, asked)
    total = known.pop(ALL, 0) + BACKGROUND
    parts = [Part(one, _worth(one, known)) for one in asked]
    for part in parts:
        if not part.worth and part.asked.prefixes and part.asked.word:
            known |= _begun_nearly(domain, part)
        part.counts = {word: known[word] for word in part.worth}
        best = max(part.worth, key=lambda word: (part.worth[word], known[word]), default="")
        part.bits = max(LEAST, math.log2(total / (known.get(best, 0) + 1)))
    return parts


def _look_up(domain: str, asked: Sequence[Asked]) -> Known:
    exact = [ALL, *(term for one in asked for term in one.exact)]
    statements = [EXACT_SQL]
    values: list[Any] = [domain, exact]
    if numbers := sorted({number for one in asked for number in slips(one.word)}):
        statements.append(NEAR_SQL)
        values += [domain, numbers]
    for prefix in {prefix for one in asked for prefix in one.prefixes}:
        statements.append(CODES_SQL if prefix[0] == CODE else BEGUN_SQL)
        values += [domain, prefix, _after(prefix), WIDEST]
    return _run(" UNION ALL ".join(statements), values)


def _run(statement: str, values: Sequence[Any]) -> Known:
    known: Known = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for word, records in cursor.fetchall():
            known[word] = max(records, known.get(word, 0))  # written twice by workers that met it at once
    return known


def _after(prefix: str) -> str:
    """The end of the range of texts that begin like this, byte by byte."""
    return prefix + "\U0010ffff"


def _worth(asked: Asked, known: Iterable[str]) -> dict[str, float]:
    worth = {}
    for word in known:
        if value := max(_exact(asked, word), _begun(asked, word), _slipped(asked.word, word)):
            worth[word] = value
    return worth


def _exact(asked: Asked, word: str) -> float:
    if word not in asked.exact:
        return 0.0
    return 1.0 if word == asked.exact[0] or word[0] in (CODE, BARE) else ANOTHER_WAY


def _begun(asked: Asked, word: str) -> float:
    """The less of a word is missing, the better: 0.85 to 1."""
    begun = max((len(prefix) for prefix in asked.prefixes if word.startswith(prefix)), default=0)
    return 0.85 + 0.14 * begun / len(word) if begun else 0.0


def _slipped(typed: str, word: str) -> float:
    if not typed or not is_word(word):
        return 0.0
    distance = OSA.distance(typed, word, score_cutoff=2)
    if distance <= 1:
        return SLIP
    return TWO_SLIPS if distance == 2 and min(len(typed), len(word)) >= VERY_FUZZY else 0.0


def _begun_nearly(domain: str, part: Part) -> Known:
    """Words that begin with a slip of the unfinished one; its first two letters are taken as right."""
    typed = part.asked.word
    words = _run(BEGUN_SQL, [domain, typed[:2], _after(typed[:2]), NEAR])
    near = {word: n for word, n in words.items() if is_word(word) and _begins_nearly(word, typed)}
    part.worth = dict.fromkeys(list(near)[:WIDEST], SLIP)
    return near


def _begins_nearly(word: str, typed: str) -> bool:
    lengths = (len(typed) - 1, len(typed), len(typed) + 1)
    return any(OSA.distance(word[:length], typed, score_cutoff=1) <= 1 for length in lengths)
