"""The golden payload: what targets, the API and the change feed see."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from mdm.canonical import DOMAINS, Kind
from mdm.models import Delivered
from mdm.services import merge, publish
from tests.mdm import kit

pytestmark = pytest.mark.django_db

FULL: dict[str, dict[str, Any]] = {
    "supplier": {"name": "Brightwater Surgical", "addresses": [{"purpose": "ordering", "city": "Salem"}]},
    "cost_center": {"code": "4100", "name": "Surgery"},
    "location": {"name": "OR 4", "location_type": "room", "cost_center": "C1"},
    "item": kit.CATHETER
    | {
        "implant": False,
        "preferred_supplier": "S1",
        "packaging": [{"uom": "EA", "quantity": 1, "gtin": "00614141999996"}, {"uom": "BX", "quantity": 10}],
        "supplier_parts": [{"supplier": "S1", "number": "X-9", "price": "12.50", "currency": "USD"}],
    },
}
CODES = {"supplier": "S1", "cost_center": "C1", "location": "L1", "item": "E1"}


def hospital() -> None:
    for domain, values in FULL.items():
        kit.feed("erp", {CODES[domain]: values}, domain)


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_canonical_name_is_a_key_and_null_when_not_stated(domain: str) -> None:
    hospital()
    golden = kit.golden("erp", CODES[domain], domain)
    payload = publish.payload(golden)
    assert {k: payload[k] for k in ("id", "domain", "version", "status", "merged_into")} == {
        "id": golden.public_id, "domain": domain, "version": golden.version, "status": "live", "merged_into": None,
    }  # fmt: skip
    assert list(payload["attributes"]) == [f.name for f in DOMAINS[domain].fields]
    for spec in DOMAINS[domain].fields:
        stated = payload["attributes"][spec.name]
        assert (stated is None) == (spec.name not in FULL[domain])
        if spec.kind is Kind.CHILDREN and stated:
            assert all(list(row) == [c.name for c in spec.children] for row in stated)


def test_references_are_named_by_public_id_and_name() -> None:
    hospital()
    supplier = kit.golden("erp", "S1", "supplier")
    named = {"id": supplier.public_id, "name": "Brightwater Surgical"}
    attributes = publish.payload(kit.golden("erp", "E1"))["attributes"]
    assert attributes["preferred_supplier"] == named
    assert attributes["supplier_parts"][0] | {"price": "12.50"} == attributes["supplier_parts"][0]
    assert attributes["supplier_parts"][0]["supplier"] == named


def test_a_reference_to_a_merged_record_names_the_survivor() -> None:
    hospital()
    kit.feed("scm", {"T1": {"name": "Zephyr Instruments", "duns": "150483782"}}, "supplier")
    loser = kit.golden("erp", "S1", "supplier")
    survivor = kit.golden("scm", "T1", "supplier")
    type(survivor).objects.filter(pk=survivor.pk).update(created_at=timezone.now() - dt.timedelta(days=1))
    merge.merge(survivor=survivor, loser=loser, actor=kit.steward(), reason="One firm")
    named = publish.payload(kit.golden("erp", "E1"))["attributes"]["preferred_supplier"]
    assert named["id"] == survivor.public_id
    assert publish.payload(kit.fresh(loser))["merged_into"] == survivor.public_id


def test_codes_tell_system_kind_unit_and_which_is_preferred() -> None:
    hospital()
    codes = publish.payload(kit.golden("erp", "E1"))["codes"]
    assert codes == [
        {"system": "erp", "code_system": "erp-item", "kind": "primary", "code": "E1", "uom": "", "preferred": True},
        {"system": "public", "code_system": "gtin", "kind": "gtin", "code": "00614141999996", "uom": "EA",
         "preferred": True},
    ]  # fmt: skip


def test_many_payloads_take_no_more_queries_than_one(django_assert_max_num_queries: Any) -> None:
    hospital()
    kit.feed(
        "mms",
        {
            f"M{n}": kit.STAPLER | {"catalogue_number": f"Q{n}7", "description": f"Tool {n} of kind {n}"}
            for n in range(30)
        },
    )
    ids = [kit.golden("mms", f"M{n}").pk for n in range(30)] + [kit.golden("erp", "E1").pk]
    with django_assert_max_num_queries(8):
        assert set(publish.payloads(ids)) == set(ids)


def test_what_a_system_was_told_last_is_what_counts_as_its_echo() -> None:
    hospital()
    golden, system = kit.golden("erp", "E1"), kit.code_system("erp").system
    for version in (1, 2):
        publish.record_delivery(system=system, versions={golden.pk: (version, {"brand": f"v{version}"})})
    row = Delivered.objects.get()
    assert (row.version, row.values) == (2, {"brand": "v2"})
