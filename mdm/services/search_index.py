"""What search reads, kept in step with golden records: in the transaction that writes them, a batch at a time.

A record's terms are those of the source records that speak for it, which are standardised already, and of its own
values where a person decided one of them. Words are only ever added here: nobody waits for anybody else's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from matching import recipe_for
from mdm.arrays import numbers, texts
from mdm.bulk import copy_rows, update
from mdm.candidates import Candidate, standardised
from mdm.locks import lock_name
from mdm.models import GoldenRecord, SearchDocument, SearchWord, SourceRecord
from mdm.rows import load_values
from mdm.terms import ALL, slips, terms

GROWTH = 1.2  # words are counted anew when a domain has grown by this factor
PERSONS = ("override", "hold")  # in an attribute's provenance: a person's word, in no source record

MISSING_SQL = """
SELECT q.word FROM unnest(%s::text[]) AS q(word)
WHERE NOT EXISTS (SELECT FROM mdm_searchword w WHERE w.domain = %s AND w.word = q.word COLLATE "C")
"""
COUNT_SQL = """
UPDATE mdm_searchword w SET records = c.records
FROM (SELECT term, count(*) AS records FROM mdm_searchdocument, unnest(terms) AS term
      WHERE domain = %s GROUP BY term) c
WHERE w.domain = %s AND w.word = c.term AND w.records <> c.records
"""


Document = tuple[int, str, int, list[str]]  # golden id, status, number of own terms, terms


class Spoken(NamedTuple):
    """A golden record, the source records that speak for it, and its values, which count where it has a say itself."""

    golden: GoldenRecord
    sources: Sequence[SourceRecord]
    values: Mapping[str, Any]


def refresh(domain: str, spoken: Sequence[Spoken], *, fresh: Iterable[int] = ()) -> int:
    """Write the terms of these golden records where they changed; how many. ``fresh``: those that have none yet."""
    sources = [source for one in spoken for source in one.sources]
    loaded = standardised.load([_candidate(source) for source in sources])
    stds = {source.pk: std for source, std in zip(sources, loaded, strict=True)}
    return _write(domain, [_document(domain, one, stds) for one in spoken], set(fresh))


def refresh_silent(domain: str, goldens: Sequence[GoldenRecord]) -> int:
    """The same for records that no source speaks for any more: by the values they had last."""
    if not goldens:
        return 0
    values = load_values(domain, [golden.pk for golden in goldens])
    return refresh(domain, [Spoken(golden, (), values[golden.pk]) for golden in goldens])


def restate(golden: GoldenRecord) -> None:
    """Follow a record's status."""
    SearchDocument.objects.filter(pk=golden.pk).update(status=golden.status)


def _candidate(source: SourceRecord) -> Candidate:
    return Candidate(
        source.pk, source.golden_id, source.state, source.code_system_id,
        source.version, source.ingest_id, source.first_seen_at, source.dictionaries,
    )  # fmt: skip


def has_own_say(golden: GoldenRecord, sources: Sequence[SourceRecord]) -> bool:
    """Whether a record's values say what no source record does: a person decided one, or no source is left."""
    return not sources or any(why.get("source") in PERSONS for why in golden.provenance.values())


def _document(domain: str, spoken: Spoken, stds: Mapping[int, Mapping[str, Any]]) -> Document:
    golden, sources, values = spoken
    said = [(stds[source.pk], source.values) for source in sources]
    if has_own_say(golden, sources):
        said.insert(0, (recipe_for(domain).standardise(values), values))
    parts = [part["number"] for _, stated in said for part in _parts(stated)]
    found, own = terms(domain, [std for std, _ in said], parts)
    return golden.pk, str(golden.status), own, found


def _parts(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Suppliers' part numbers."""
    return [part for part in values.get("supplier_parts") or () if part.get("number")]


def _write(domain: str, documents: Sequence[Document], fresh: set[int]) -> int:
    standing = SearchDocument.objects.in_bulk([pk for pk, *_ in documents if pk not in fresh])
    new = [row for row in documents if row[0] not in standing]
    changed = [row for row in documents if row[0] in standing and row != _as_it_stands(standing[row[0]])]
    rows = ((pk, domain, status, own, texts(said)) for pk, status, own, said in new)
    copy_rows("mdm_searchdocument", ("golden_id", "domain", "status", "own", "terms"), rows)
    update(
        [
            SearchDocument(golden_id=pk, domain=domain, status=status, own=own, terms=said)
            for pk, status, own, said in changed
        ]
    )
    add_words(domain, Counter(term for *_, said in (*new, *changed) for term in said))
    return len(new) + len(changed)


def _as_it_stands(document: SearchDocument) -> Document:
    return document.golden_id, document.status, document.own, document.terms


def add_words(domain: str, counts: Mapping[str, int]) -> None:
    """Add the words that are new. One that another worker has not committed yet is written twice, not waited for."""
    with connection.cursor() as cursor:
        cursor.execute(MISSING_SQL, [texts(counts), domain])
        missing = [word for (word,) in cursor.fetchall()]
    rows = ((domain, word, counts[word], numbers(slips(word))) for word in missing)
    copy_rows("mdm_searchword", ("domain", "word", "records", "slips"), rows)


@transaction.atomic
def recount(domain: str, *, force: bool = False) -> bool:
    """Count how many records have each word, if the domain has grown enough since; True if so."""
    lock_name("statistics", f"search:{domain}")
    total = GoldenRecord.objects.filter(domain=domain).count()
    last = SearchWord.objects.filter(domain=domain, word=ALL).first()
    if not total or (not force and last is not None and total < last.records * GROWTH):
        return False
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, [domain, domain])
    last = last or SearchWord(domain=domain, word=ALL)
    last.records = total
    last.save()
    return True
