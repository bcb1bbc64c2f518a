"""Catalogues as others write them, held to their own counts, and as we write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mdm.values import parse_values
from sync.adapters.values import comparable
from sync.adapters.x12_sftp import catalog
from sync.adapters.x12_sftp.x12 import USUAL, Envelope, split
from sync.inbound import x12
from sync.inbound.formats import Action, BadProfile, UnreadableMessage
from sync.inbound.x12_acks import acknowledge
from tests.mdm import kit
from tests.sync.adapters import factory
from tests.sync.inbound.messages import catalogue, deliver, outcomes, source

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BROKEN = {
    "too few segments": ("SE*", "SE*9"),
    "another set number": ("*0001~\nGE", "*0002~\nGE"),
    "a missing set": ("GE*1", "GE*2"),
    "another group number": ("GE*1*77", "GE*1*78"),
    "a missing group": ("IEA*1", "IEA*2"),
    "another interchange": ("IEA*1*000000905", "IEA*1*000000906"),
}


def read(body: bytes, **profile):
    return list(x12.parse(body, profile=profile))


def ack(body: bytes, kind: str = "997") -> list[list[str]]:
    return split(acknowledge(x12.envelope_of(body), kind=kind, now=NOW, control=12), "*", "~")


def test_a_vendors_catalogue_is_read_by_its_qualifiers():
    first, second = read(catalogue())
    assert (first.code, first.domain, first.action) == ("ACM-0165", "item", Action.PUT)
    assert first.values == {
        "description": "CATHETER FOLEY 16FR 5CC SILICONE COATED",
        "manufacturer": "HALDEN MEDICAL INC",
        "catalogue_number": "HM-0165-S16",
        "gtin": "00380740000011",
        "base_uom": "EA",
        "packaging": [{"uom": "CA", "quantity": "12"}],
        "supplier_parts": [
            {"supplier": "SUP-42", "number": "ACM-0165", "uom": "CA", "price": "120.00", "currency": "USD"}
        ],
    }
    assert (second.code, second.action) == ("ACM-0999", Action.RETIRE)


def test_the_profile_says_which_number_is_the_senders_own():
    assert [p.code for p in read(catalogue(), code=["IN"])] == ["10442", ""]
    assert [p.code for p in read(catalogue(), code=["MG", "VC"])] == ["HM-0165-S16", "ACM-0999"]
    for wrong in ({"code": "VC"}, {"code": ["VCX"]}, {"codes": ["VC"]}):
        with pytest.raises(BadProfile):
            x12.check(wrong)


def test_other_delimiters_and_line_ends_are_the_same_catalogue():
    usual = read(catalogue())
    other = catalogue().replace(b"~\n", b"\x1c").replace(b"*", b"\x1d").replace(b">", b"\x1f")
    assert [p.values for p in read(other)] == [p.values for p in usual]
    assert [p.values for p in read(catalogue().replace(b"~\n", b"~"))] == [p.values for p in usual]
    assert [p.values for p in read(catalogue().replace(b"~\n", b"~\r\n"))] == [p.values for p in usual]


def test_our_own_catalogue_comes_back_as_it_was():
    message = factory.message("item", version=3)
    stated = comparable("item", message.payload["attributes"])
    loop = catalog.render(message, stated).decode()
    envelope = Envelope("CONCORD", "SUPPLY", "P", 7, NOW)
    (entry,) = read(envelope.wrap([loop], USUAL, loop.count("~"), 1).encode(), code=["IN"])
    assert (entry.code, entry.action) == (message.record, Action.PUT)
    values = parse_values("item", entry.values)
    assert not values.problems
    assert comparable("item", values.values) == stated


@pytest.mark.parametrize("wrong", BROKEN.values(), ids=BROKEN)
def test_counts_and_control_numbers_that_do_not_fit_are_found(wrong):
    body = catalogue().replace(wrong[0].encode(), wrong[1].encode())
    found = x12.envelope_of(body)
    assert [part.text for part in (found, *found.groups, *found.groups[0].sets) if part.fault]


@pytest.mark.parametrize("name", ["a missing set", "another group number", "a missing group", "another interchange"])
def test_an_interchange_that_contradicts_itself_is_not_taken(name):
    old, new = BROKEN[name]
    with pytest.raises(UnreadableMessage, match="contradicts itself"):
        read(catalogue().replace(old.encode(), new.encode()))


@pytest.mark.parametrize("cut", range(120, len(catalogue()) - 12, 61))
def test_a_catalogue_that_breaks_off_is_never_taken_for_a_whole_one(cut):
    with pytest.raises(UnreadableMessage):
        read(catalogue()[:cut])


@pytest.mark.parametrize("body", [b"", b"ISA", b"ISA" + b"A" * 200, b"MSH|", b"ISA*00*" + b" " * 200, b"\xff\xfe\x00"])
def test_what_is_no_interchange_is_refused(body):
    with pytest.raises(UnreadableMessage):
        read(body)


def test_an_isa_segment_that_ends_within_itself_is_refused():
    within = catalogue().replace(b"*^*00501", b"*~*00501", 1)
    assert within != catalogue()
    for look in (read, x12.envelope_of, lambda body: x12.identify(body, profile={})):
        with pytest.raises(UnreadableMessage, match="ISA"):
            look(within)


@pytest.mark.parametrize("kind", ["997", "999"])
def test_an_acknowledgement_is_not_acknowledged(kind):
    answer = acknowledge(x12.envelope_of(catalogue()), kind=kind, now=NOW, control=12)
    assert acknowledge(x12.envelope_of(answer.encode()), kind=kind, now=NOW, control=13) == ""
    alone = acknowledge(x12.envelope_of(catalogue()[:-20]), kind=kind, now=NOW, control=12)  # cut off: TA1 says so
    assert "TA1" in alone


def test_a_segment_without_end_is_refused():
    with pytest.raises(UnreadableMessage, match="terminator"):
        read(catalogue() + b"x" * 200_000)


def test_one_broken_set_does_not_keep_the_others_out():
    two = catalogue(sets=2)
    broken = two.replace(b"SE*19*0002", b"SE*18*0002")
    assert broken != two
    entries = read(broken)
    assert [p.code for p in entries] == ["ACM-0165", "ACM-0999", ""]
    assert "18" in entries[-1].problems[0]
    segments = ack(broken)
    assert ["AK2", "832", "0001"] in segments
    assert ["AK5", "A"] in segments
    assert ["AK5", "R", "4"] in segments
    assert ["AK9", "P", "2", "2", "1"] in segments


@pytest.mark.parametrize("kind", ["997", "999"])
def test_acknowledgements_hold_to_their_own_counts_and_name_what_they_answer(kind):
    text = acknowledge(x12.envelope_of(catalogue()), kind=kind, now=NOW, control=12)
    found = x12.envelope_of(text.encode())
    assert not [part.text for part in (found, *found.groups, *found.groups[0].sets) if part.fault]
    assert (found.header[6].strip(), found.header[8].strip()) == ("GENHOSP", "ACME")
    segments = ack(catalogue(), kind)
    assert segments[1] == ["TA1", "000000905", "261126", "1200", "A", "000"]
    assert [s[:3] for s in segments if s[0] == "AK1"] == [["AK1", "SC", "77"]]
    assert [s for s in segments if s[0] in ("AK5", "IK5", "AK9")] == [
        ["AK5" if kind == "997" else "IK5", "A"], ["AK9", "A", "1", "1", "1"],
    ]  # fmt: skip


def test_a_refused_interchange_is_acknowledged_as_refused():
    segments = ack(catalogue().replace(b"IEA*1*000000905", b"IEA*1*000000906"))
    assert segments[1][4:] == ["R", "001"]
    assert [s for s in segments if s[0] == "AK9"] == [["AK9", "R", "1", "1", "0"]]


@pytest.mark.django_db
def test_a_catalogue_becomes_golden_records_and_the_same_item_of_another_system_is_recognised():
    kit.feed("erp", {"E1": kit.CATHETER})
    message = deliver(source("acme", format="x12"), catalogue(), message_id="")
    assert (message.message_id, message.kind, message.state) == ("ACME-000000905", "832", "partly")
    assert outcomes(message) == ["new", "refused"]  # the second retires what nobody knows
    assert kit.golden("acme", "ACM-0165") == kit.golden("erp", "E1")
