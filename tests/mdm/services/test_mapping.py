"""Codes that a steward maps: kept as written, compared as their system compares codes, and safe from a feed's race."""

from __future__ import annotations

from typing import Any

import pytest

from mdm.exceptions import ConcordError, Refused
from mdm.models import AuditEntry, CodeSystem, GoldenRecord, SourceRecord
from mdm.services import mapping
from tests.mdm import kit

HALDEN = {"name": "Halden Medical Inc"}


def erp() -> CodeSystem:
    """Suppliers of a system that writes its codes with and without dashes."""
    system = kit.code_system("erp", "supplier")
    CodeSystem.objects.filter(pk=system.pk).update(normaliser="alnum")
    return kit.fresh(system)


def halden() -> GoldenRecord:
    kit.feed("sup", {"V1": HALDEN}, "supplier")
    return kit.golden("sup", "V1", "supplier")


def mapped(system: CodeSystem, code: str, golden: GoldenRecord) -> SourceRecord:
    return mapping.map_code(code_system=system, code=code, golden=golden, actor=kit.steward(), reason="Same vendor")


def only(system: CodeSystem) -> SourceRecord:
    return SourceRecord.objects.get(code_system=system)


@pytest.mark.django_db
def test_a_feed_that_writes_a_mapped_code_otherwise_lands_on_what_the_steward_mapped():
    system, golden = erp(), halden()
    assert mapped(system, " v-9 ", golden).code == "v-9"
    kit.feed("erp", {"V 9": {"name": "HALDEN MED"}, "V.9": {"name": "Another way to write it"}}, "supplier")
    real = kit.source("erp", "V 9", "supplier")
    assert (real.golden, real.values) == (golden, {"name": "HALDEN MED"})
    assert kit.codes(golden)["erp-supplier"] == ["V9"]
    assert not SourceRecord.objects.filter(code="v-9").exists()
    assert AuditEntry.objects.get(action="ingest.land", after__written={"v-9": "V 9"})
    again = kit.land("erp", {"V 9": {"name": "HALDEN MED"}}, "supplier")
    assert (again.new, again.changed, again.unchanged) == (0, 0, 1)
    assert kit.rebuild() == []


@pytest.mark.django_db
@pytest.mark.parametrize("resolved", [True, False])
def test_a_code_that_was_sent_however_written_is_not_mapped_by_hand(resolved):
    system, golden = erp(), halden()
    (kit.feed if resolved else kit.land)("erp", {"v-9": {"name": "Corvane Surgical"}}, "supplier")
    with pytest.raises(Refused, match="has sent a record"):
        mapped(system, "V9", golden)


@pytest.mark.django_db(transaction=True)
def test_mapping_and_landing_of_one_code_at_once_make_one_record():
    system, golden = erp(), halden()

    def steward() -> Any:
        return mapped(system, "V9", golden)

    def landing() -> Any:
        return kit.land("erp", {"v-9": {"name": "HALDEN MED"}}, "supplier")

    kit.steward()
    outcomes = kit.in_threads(steward, landing)
    assert all(isinstance(o, ConcordError) or not isinstance(o, BaseException) for o in outcomes), outcomes
    assert (only(system).code, only(system).values) == ("v-9", {"name": "HALDEN MED"})
