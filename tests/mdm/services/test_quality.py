"""Quality issues open and close with what the sources say; references wait for the records they name."""

from __future__ import annotations

import pytest

from mdm.models import GoldenRecord, PendingReference
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def issues(golden: GoldenRecord) -> list[tuple[str, str]]:
    return list(golden.quality_issues.filter(closed_at__isnull=True).values_list("rule", "path"))


def test_an_invalid_identifier_is_an_issue_until_it_is_mended() -> None:
    run = kit.land("erp", {})
    from mdm.services import ingest, resolve
    from mdm.values import parse_values

    for gtin in ("00614141999990", "00614141999996"):
        parsed = parse_values("item", kit.CATHETER | {"gtin": gtin})
        row = ingest.Row(2, "E1", parsed.values, {}, invalid=parsed.invalid)
        ingest.land(ingest=run, rows=[row])
        resolve.resolve_all(domain="item", actor=kit.steward())
        expected = [("invalid_identifier", "gtin")] if parsed.invalid else []
        assert issues(kit.golden("erp", "E1")) == expected
    assert kit.golden("erp", "E1").quality_issues.count() == 1


def test_an_issue_that_stays_is_the_same_issue() -> None:
    values = kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX"}]}
    kit.feed("erp", {"E1": values})
    first = kit.golden("erp", "E1").quality_issues.get()
    kit.feed("erp", {"E1": values | {"brand": "SoftFlow"}})
    assert kit.golden("erp", "E1").quality_issues.get() == first


def test_a_reference_waits_for_the_record_it_names_and_finds_it() -> None:
    kit.feed(
        "erp",
        {"E1": kit.CATHETER | {"preferred_supplier": "V1", "supplier_parts": [{"supplier": "V2", "number": "X"}]}},
    )
    golden = kit.golden("erp", "E1")
    assert issues(golden) == [
        ("unknown_reference", "preferred_supplier"),
        ("unknown_reference", "supplier_parts.supplier"),
    ]
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}, "V2": {"name": "Zephyr Instruments"}}, "supplier")
    assert issues(golden) == []
    item = kit.fresh(golden).item
    assert item.preferred_supplier == kit.golden("erp", "V1", "supplier")
    assert item.supplier_parts.get().supplier == kit.golden("erp", "V2", "supplier")
    assert not PendingReference.objects.exists()
    assert not kit.rebuild()


def test_a_code_means_what_the_source_that_uses_it_means_by_it() -> None:
    kit.feed("erp", {"1": {"name": "Brightwater Surgical"}}, "supplier")
    kit.feed("scm", {"1": {"name": "Zephyr Instruments"}}, "supplier")
    kit.feed("scm", {"S1": kit.STAPLER | {"preferred_supplier": "1"}})
    assert kit.golden("scm", "S1").item.preferred_supplier == kit.golden("scm", "1", "supplier")


def test_sizes_are_taken_from_the_text() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    sizes = {(s["value"], s["unit"]) for s in kit.golden("erp", "E1").item.size_attributes}
    assert ("16", "fr") in sizes
