"""HL7 as others write it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from mdm.values import parse_values
from sync.adapters.hl7v2_mllp.client import Hl7Adapter
from sync.adapters.options import Secrets
from sync.adapters.values import comparable
from sync.inbound import hl7v2
from sync.inbound.formats import Action, BadProfile, UnreadableMessage
from sync.inbound.hl7_text import read as segments
from tests.sync.adapters import factory
from tests.sync.inbound.messages import M05, M15, M16, SUPPLIER, hl7, item

ADAPTER = Hl7Adapter({"host": "127.0.0.1", "port": 1}, Secrets({}))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)


def read(body: bytes, **profile):
    return list(hl7v2.parse(body, profile=profile))


def test_an_item_with_vendor_units_and_price():
    first, second = read(hl7(M16))
    assert first.values["packaging"] == [
        {"uom": "EA", "quantity": "1", "orderable": "N"}, {"uom": "CA", "quantity": "12", "orderable": "Y"},
    ]  # fmt: skip
    assert first.values["supplier_parts"][1] == {
        "supplier": "SUP-42", "number": "ACM-0165", "uom": "CA", "price": "120.00", "currency": "USD",
    }  # fmt: skip
    assert (first.values["unspsc"], first.values["preferred_supplier"]) == ("42142500", "SUP-42")
    assert second.values["description"] == "STAPLER LINEAR CUTTER 60MM & RELOAD"
    assert (first.partial, second.partial) == (True, False)


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("20260701120000", "2026-07-01T16:00:00+00:00"),  # summer time there
        ("20261201120000.25", "2026-12-01T17:00:00+00:00"),
        ("20260701120000+0200", "2026-07-01T10:00:00+00:00"),
        ("20240229", "2024-02-29T05:00:00+00:00"),
        ("20230229", None),
        ("yesterday", None),
    ],
)
def test_a_time_without_a_zone_is_that_of_the_site(said, utc):
    with timezone.override("America/New_York"):
        when = hl7v2.moment(said)
    assert (when and when.astimezone(dt.UTC).isoformat()) == utc


@pytest.mark.parametrize(("event", "waits"), [("MDC", True), ("MDL", True), ("MUP", False)])
def test_a_retirement_that_is_to_come_waits_until_then(event, waits):
    message = item("1", event=event)
    assert message.count(b"1.1||") == 1
    (early,) = read(message.replace(b"1.1||", b"1.1|29991231|"))
    (now,) = read(message.replace(b"1.1||", b"1.1|20200101|"))
    assert [bool(early.problems), bool(now.problems)] == [waits, False]
    if waits:
        assert "2999-12-31" in early.problems[0]


def test_an_inventory_item_of_m15():
    (one,) = read(hl7(M15))
    assert (one.code, one.values) == (
        "90210", {"description": "GLOVE EXAM NITRILE MEDIUM PF", "manufacturer": "MEDLINE", "base_uom": "BX"},
    )  # fmt: skip


def test_places_of_a_hospital_with_parent_address_and_cost_center():
    unit, bed = read(hl7(M05, "latin-1"))
    assert unit.values == {
        "name": "Unidad quirúrgica 4 East", "location_type": "unit", "line1": "1 Main St", "city": "Springfield",
        "state": "IL", "postcode": "62701", "country": "USA", "phone": "(217)555-0100", "lifecycle": "active",
        "active_from": "20250101", "cost_center": "6100",
    }  # fmt: skip
    assert (bed.code, bed.values["parent"], bed.values["location_type"]) == ("4E-136-B", "4E", "bed")
    assert [p.code for p in read(hl7(M05, "latin-1"), location_key=[4, 1, 2])] == ["GENHOSP-4E", "GENHOSP-4E-136"]


def test_a_supplier_in_our_segments():
    (one,) = read(hl7(SUPPLIER))
    assert one.values["dba_names"] == ["Acme", "Acme Medical"]
    assert one.values["addresses"][0]["purpose"] == "remit_to"


@pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)
def test_what_our_adapter_writes_comes_back_as_it_was(domain):
    message = factory.message(domain)
    (one,) = read(ADAPTER.render(message), absent="clear")
    assert (one.code, one.domain) == (message.record, domain)
    assert comparable(domain, parse_values(domain, one.values).values) == ADAPTER.expected(message)


@pytest.mark.parametrize("marks", ["|^~\\&", "#$%!@", "|^~\\&#", "|~^\\&"])
def test_delimiters_are_those_that_msh_states(marks):
    usual = item("1").decode()
    swapped = usual.translate(str.maketrans("|^~\\&", marks[:5])).encode()
    assert [(p.code, p.values) for p in read(swapped)] == [(p.code, p.values) for p in read(item("1"))]


@pytest.mark.parametrize("head", ["MSH||||", "MSH|^^~\\&|", "MSH|a~\\&|", "MSHx^~\\&x", "MSH|^~\\&#$|", "MSH\r"])
def test_impossible_delimiters_are_refused(head):
    with pytest.raises(UnreadableMessage):
        read(head.encode() + b"A|B\r")


@pytest.mark.parametrize(
    ("stated", "codec"),
    [
        ("8859/1", "latin-1"),
        ("8859/15", "iso8859-15"),
        ("UNICODE UTF-8", "utf-8"),
        ("", "utf-8"),
        ("UNICODE", "utf-16"),
    ],
)
def test_character_sets_are_those_that_msh_18_states(stated, codec):
    body = hl7(M05.replace("8859/1", stated), codec)
    assert read(body)[0].values["name"] == "Unidad quirúrgica 4 East"


def test_bytes_that_the_character_set_has_not_are_refused_until_the_profile_says_what_they_are():
    body = hl7(M05.replace("8859/1", ""), "latin-1")
    with pytest.raises(UnreadableMessage, match="MSH-18 is empty"):
        read(body)
    assert read(body, charset="8859/1")[0].values["name"] == "Unidad quirúrgica 4 East"
    with pytest.raises(UnreadableMessage, match="KLINGON"):
        read(hl7(M05.replace("8859/1", "KLINGON")))


@given(TEXT)
def test_whatever_a_value_holds_the_message_keeps_its_segments_and_the_value(text):
    message = factory.message("item", description=text)
    body = ADAPTER.render(message)
    plain = ADAPTER.render(factory.message("item", description="x"))
    found = list(segments(body))
    assert [s.name for s in found] == [s.name for s in segments(plain)]
    assert next(s for s in found if s.name == "ITM").get(2) == message.payload["attributes"]["description"]


@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_being_refused(noise):
    for body in (noise, hl7(M16)[:40] + noise, hl7(M16) + noise, b"MSH|^~\\&|" + noise):
        try:
            read(body)
        except UnreadableMessage:
            continue


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [("MFN^M16^MFN_M16", "ADT^A01", "type ADT"), ("MFI|INV", "MFX|INV", "no MFI"), ("MFE|", "XFE|", "no MFE")],
)
def test_what_is_no_master_file_is_refused(old, new, why):
    with pytest.raises(UnreadableMessage, match=why):
        read(hl7(M16, **{old: new}))


@pytest.mark.parametrize(
    "profile",
    [
        {"feilds": {}},
        {"absent": "maybe"},
        {"fields": {"thing": {}}},
        {"fields": {"item": {"colour": "ZIT-1"}}},
        {"fields": {"item": {"brand": "ITM5"}}},
        {"files": {"VEN": "vendor"}},
    ],
)
def test_a_profile_that_can_not_be_followed_is_refused(profile):
    with pytest.raises(BadProfile):
        hl7v2.check(profile)


def test_the_profile_moves_fields_and_names_files():
    body = hl7(M16, INV="STOCK") + b"ZVN|1|2|HALDEN BRAND\r"
    (_, second) = read(body, files={"STOCK": "item"}, fields={"item": {"brand": "ZVN-3", "catalogue_number": ""}})
    assert second.values["brand"] == "HALDEN BRAND"
    assert "catalogue_number" not in second.values


def test_reactivation_and_deactivation_are_told_apart():
    actions = [read(item("1", event=event))[0].action for event in ("MAD", "MUP", "MDC", "MDL", "MAC")]
    assert actions == [Action.PUT, Action.PUT, Action.RETIRE, Action.RETIRE, Action.REVIVE]
