"""Search as you type, over golden records, with the matching engine's own idea of what is the same.

A text becomes what it asks for (``mdm.terms``), widened by the words that there are (``mdm.vocabulary``). Records that
have every part come first; if they are few, those that lack some. How much of the text a record covers, rare words
counting for more, is its score. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from typing import NamedTuple

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from matching.standardise.text import unique
from mdm.canonical import DOMAINS
from mdm.engine import read_with_own_words
from mdm.lookup import code_systems
from mdm.models import GoldenRecord, SearchDocument
from mdm.terms import CODE, asked, shown
from mdm.vocabulary import Part, widen

STATUSES = ("live", "draft", "retired")  # in the order in which equals are shown
LENGTH = 200  # characters of a text that are read
PARTS = 6  # words of a text by which records are found, the rarest; the others only rank them
SHORT = 2  # letters of an unfinished word that finds nothing by itself where another word does
CAP = 250  # records that are ranked; where there are more, they are as good as each other
FEW = 5  # with fewer records that have every part, those that lack some are looked at, too
ENOUGH = 2_000  # records: a lone unfinished word need not stand for more words than these have
ROUND = 0.1  # share of the score for how much of the record's name the text covers

# MATERIALIZED: planned as if all rows were wanted, else a limit of few makes PostgreSQL read the whole table for them
FIND_SQL = """
WITH found AS MATERIALIZED (
    SELECT golden_id, status, own, terms FROM mdm_searchdocument WHERE domain = %s AND status = ANY(%s) AND ({})
)
SELECT golden_id, status, own, terms FROM found LIMIT %s
"""
CODED_SQL = """
SELECT c.golden_id, s.slug, c.code FROM unnest(%s::bigint[], %s::text[]) AS q(system, code)
JOIN mdm_crosswalk c ON c.code_system_id = q.system AND c.code = q.code AND c.known_to IS NULL
JOIN mdm_codesystem s ON s.id = c.code_system_id
WHERE c.valid_from <= %s AND (c.valid_to IS NULL OR c.valid_to > %s) LIMIT %s
"""

Row = tuple[int, str, int, list[str]]  # golden id, status, number of own terms, terms


@dataclass(frozen=True, slots=True)
class Hit:
    """A golden record that a text may mean. ``score``: 0 to 1; ``why``: what of the text it has, in a few words."""

    public_id: str
    domain: str
    name: str
    status: str
    score: float
    why: str


class Like(NamedTuple):
    """A record found by its terms. ``status``: its place in the order of statuses."""

    score: float
    status: int
    golden: int
    why: str

    @property
    def standing(self) -> tuple[float, int, float, int]:
        """The best comes first; scores that differ by less than a hundredth are equal."""
        return -round(self.score, 2), self.status, -self.score, self.golden


def search(domain: str | None, text: str, *, limit: int = 20, status: Sequence[str] = STATUSES) -> list[Hit]:
    """The records of a domain, or of all, that a text may mean, best first: exact codes and ids, then by score.

    Equals come in the order of ``status``. The id of a merged record leads to its survivor.
    """
    text = text.replace("\0", "").lstrip()[:LENGTH]
    if not text.strip():
        return []
    read_with_own_words()
    domains = [domain] if domain else list(DOMAINS)
    exact = named(text.strip(), domains)
    alike = sorted((like for one in domains for like in _alike(one, text, limit, status)), key=lambda a: a.standing)
    found = {pk: Like(1.0, 0, pk, why) for pk, why in exact.items()}
    for like in alike[: limit + len(exact)]:
        found.setdefault(like.golden, like)
    rows = GoldenRecord.objects.filter(pk__in=found, status__in=status).defer("provenance").in_bulk()
    hits = [(rows[pk], like) for pk, like in found.items() if pk in rows]
    return [_hit(row, like) for row, like in hits[:limit]]


def _hit(row: GoldenRecord, like: Like) -> Hit:
    return Hit(row.public_id, row.domain, row.name, row.status, round(like.score, 4), like.why)


def _alike(domain: str, text: str, limit: int, status: Sequence[str]) -> list[Like]:
    """Records of a domain with what their terms are worth for the text."""
    parts = widen(domain, asked(domain, text))
    return [_like(row, parts, status) for row in _find(domain, parts, limit, status)]


def _like(row: Row, parts: Sequence[Part], order: Sequence[str]) -> Like:
    golden, status, own, terms = row
    every, mine = set(terms), set(terms[:own])
    best = [(part.bits, *part.best(every, mine)) for part in parts]
    covered = sum(bits * worth for bits, worth, _ in best) / sum(bits for bits, _, _ in best)
    said = unique(term for _, _, term in best)
    share = sum(term in mine for term in said) / own if own else 0.0
    return Like((1 - ROUND) * covered + ROUND * share, order.index(status), golden, _why(said))


def _why(terms: Iterable[str]) -> str:
    """The terms that were found, codes first, else as they were typed: "code 4817016, foley, 16 fr"."""
    return ", ".join(shown(term) for term in sorted(terms, key=lambda term: term[0] != CODE))


def _find(domain: str, parts: Sequence[Part], limit: int, status: Sequence[str]) -> list[Row]:
    """Records that have every part, those of the first status first; where they are few, those that lack some."""
    telling = _telling(parts)
    wanted = [_terms(part, alone=len(telling) == 1) for part in telling]
    if not wanted:
        return []
    literal = [part.sure if part.is_common else terms for part, terms in zip(telling, wanted, strict=True)]
    if sum(map(len, literal)) < sum(map(len, wanted)):
        found = _run(domain, [literal], status[:1])
        if len(found) == CAP:
            return found  # none that has a common word misspelt could be better
    found = _run(domain, [wanted], status[:1])
    if len(found) < limit and len(status) > 1:
        found += _run(domain, [wanted], status[1:])
    for either in _loosened(wanted):
        if len(found) < FEW:
            found += _run(domain, either, status)
    return list({row[0]: row for row in found}.values())


def _loosened(wanted: Sequence[list[str]]) -> list[list[list[list[str]]]]:
    """What to look for instead, step by step: all parts but one, half of them, the rarest alone."""
    sizes = [size for size in dict.fromkeys((len(wanted) - 1, len(wanted) // 2)) if size > 1]
    steps = [[list(some) for some in combinations(wanted, size)] for size in sizes]
    return [*steps, [list(wanted[:1])]] if len(wanted) > 1 else []


def _telling(parts: Iterable[Part]) -> list[Part]:
    """The parts to find records by, the rarest first. A letter or two that may become any word tell least."""
    known = sorted((part for part in parts if part.worth), key=lambda part: part.records)
    longer = [part for part in known if not part.asked.prefixes or len(part.asked.prefixes[0]) > SHORT]
    return (longer or known)[:PARTS]


def _terms(part: Part, *, alone: bool) -> list[str]:
    """The terms of which a record needs one; of those of a lone part the best, until enough records have them."""
    terms = sorted(part.worth, key=lambda term: (-part.worth[term], term))
    if not alone:
        return terms
    before = accumulate((part.counts[term] for term in terms), initial=0)
    return [term for term, records in zip(terms, before, strict=False) if records < ENOUGH]


def _run(domain: str, either: Sequence[Sequence[list[str]]], status: Sequence[str]) -> list[Row]:
    """Up to ``CAP`` records in one of these states that have a term of each list, for one of these sets of lists."""
    condition = " OR ".join("(" + " AND ".join(["terms && %s"] * len(lists)) + ")" for lists in either)
    values = [terms for lists in either for terms in lists]
    with connection.cursor() as cursor:
        cursor.execute(FIND_SQL.format(condition), [domain, list(status), *values, CAP])
        return [(golden, state, own, terms) for golden, state, own, terms in cursor.fetchall()]


def matching(domain: str, text: str) -> Q:
    """A filter on golden records of a domain: every part of the text, or the text as a whole is a code or id of it."""
    text = text.replace("\0", "").lstrip()[:LENGTH]
    read_with_own_words()
    parts = widen(domain, asked(domain, text))
    documents = SearchDocument.objects.filter(domain=domain) if parts else SearchDocument.objects.none()
    for part in parts:
        documents = documents.filter(terms__overlap=part.sure)
    return Q(pk__in=documents.values("golden")) | Q(pk__in=list(named(text.strip(), [domain])))


def named(text: str, domains: Collection[str]) -> dict[int, str]:
    """Records that the text as a whole is a public id or a code of, and which: {golden id: "code 4711 of erp-item"}."""
    found = {pk: f"code {code} of {slug}" for pk, slug, code in with_code(text, domains)}
    if text[:4].upper() == "MDM-":
        same = GoldenRecord.objects.filter(public_id=text.upper(), domain__in=domains)
        for record in same.select_related("merged_into"):
            merged = f", merged into {record.survivor.public_id}" if record.merged_into else ""
            found[record.survivor.pk] = f"id {record.public_id}{merged}"
    return found


def with_code(text: str, domains: Collection[str], limit: int = 50) -> list[tuple[int, str, str]]:
    """(golden id, code system, code) of the records of which this is a code now, in any system of these domains."""
    systems = [system for system in code_systems.all() if system.domain in domains]
    wanted = [(system.pk, code) for system in systems if (code := system.normalise(text))]
    today = timezone.localdate()
    with connection.cursor() as cursor:
        cursor.execute(CODED_SQL, [[pk for pk, _ in wanted], [code for _, code in wanted], today, today, limit])
        return [(golden, slug, code) for golden, slug, code in cursor.fetchall()]
