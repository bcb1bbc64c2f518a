"""Versions of a record as FHIR has them: ``vread`` and ``_history``, read from the history of what was published.

A version is shown as it was when it began. Ids are of the content (``mdm.fhir.resources``): codes that joined without a
new version gave it another id meanwhile, which is known as long as it is the one in force.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from mdm import past
from mdm.exceptions import NotFound
from mdm.fhir import resources, search
from mdm.fhir.resources import Resource
from mdm.models import ChangeEvent, GoldenRecord

MOST = 20  # on a page: each is put together from its own history
RESULT = {"_count", "_cursor", "_format", "_pretty"}
LARGEST = 2**31 - 1


def of(event: ChangeEvent, fhir: str) -> Resource:
    return resources.of_payload(past.payload(event.record, event.recorded_at), event.recorded_at, fhir)


def read(record: GoldenRecord, vid: str, fhir: str) -> Resource:
    """The version of this id. Raises ``NotFound``."""
    number = vid.partition("-")[0]
    version = int(number) if number.isascii() and number.isdecimal() and len(number) <= 10 else 0
    if version == record.version:
        (now,) = resources.of_records([record], fhir)
        if now["meta"]["versionId"] == vid:
            return now
    event = published(record=record).filter(version=min(version, LARGEST)).first()
    if event is not None:
        then = of(event, fhir)
        if then["meta"]["versionId"] == vid:
            return then
    raise NotFound(f"{record.public_id} has no version {vid[:64]}. Its _history lists those that it has.")


def parse(
    told: QuerySet[ChangeEvent], given: QueryDict, *, lenient: bool
) -> tuple[list[tuple[str, str]], QuerySet[ChangeEvent]]:
    """The filters that were used, and the versions that fit them. Raises ``ValidationError``."""
    unknown = sorted(set(given) - RESULT - {"_since"})
    if unknown and not lenient:
        raise ValidationError({name[:80]: "Unknown. Known are: _since, _count." for name in unknown})
    if since := given.get("_since"):
        begin = search.period(since)[0]
        # of records that changed since, for which there is an index
        return [("_since", since)], told.filter(recorded_at__gte=begin, record__updated_at__gte=begin)
    return [], told


def published(**of: Any) -> QuerySet[ChangeEvent]:
    """What targets and readers were told."""
    return ChangeEvent.objects.filter(published=True, **of).select_related("record__merged_into")
