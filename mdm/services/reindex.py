"""Search's index made anew, in bounded memory and beside everything else that goes on."""

from __future__ import annotations

from collections import defaultdict

from django.db import transaction

from mdm.bulk import batched
from mdm.models import GoldenRecord, SourceRecord
from mdm.rows import load_values
from mdm.services import search_index
from mdm.services.search_index import Spoken
from mdm.services.survive import speaking

CHUNK = 1_000


def rebuild(domain: str) -> int:
    """Write every record's terms by its inputs as they are now; how many were not as they should be."""
    ids = GoldenRecord.objects.filter(domain=domain).order_by("pk").values_list("pk", flat=True)
    changed = sum(_rebuild(domain, chunk) for chunk in batched(ids.iterator(chunk_size=CHUNK), CHUNK))
    search_index.recount(domain, force=True)
    return changed


@transaction.atomic
def _rebuild(domain: str, ids: list[int]) -> int:
    """The records are locked, so that nobody changes one between its being read and its terms being written."""
    goldens = list(GoldenRecord.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
    sources: dict[int, list[SourceRecord]] = defaultdict(list)
    for source in SourceRecord.objects.filter(golden__in=ids).defer("raw", "standardised").order_by("pk"):
        sources[source.golden_id or 0].append(source)
    speaks = {golden: speaking(sources[golden.pk]) for golden in goldens}
    values = load_values(domain, [g.pk for g, spoken in speaks.items() if search_index.has_own_say(g, spoken)])
    return search_index.refresh(domain, [Spoken(g, spoken, values.get(g.pk, {})) for g, spoken in speaks.items()])
