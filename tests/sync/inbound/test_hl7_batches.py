"""Batches of HL7 messages: each message for itself, the envelope told of, whatever is wrong."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from hl7apy.core import Message as Hl7apyMessage
from hl7apy.core import Segment as Hl7apySegment
from hl7apy.parser import parse_message, parse_segment
from hypothesis import given
from hypothesis import strategies as st

from mdm.models import WorkItem
from sync.inbound import hl7_batches, intake, messages, mllp, taking
from sync.inbound.hl7_batches import Envelope, Message
from sync.inbound.ways import MllpConfig
from sync.models import InboundMessage
from tests.mdm import kit
from tests.sync.inbound.messages import M16, hl7, item, source

HERE = MllpConfig(port=0)
FHS = rb"FHS|^~\&|ERP|GENHOSP|CONCORD|MDM|20260101||items.hl7||F-1" + b"\r"
BHS = rb"BHS|^~\&|ERP|GENHOSP|CONCORD|MDM|20260101||items||B-1" + b"\r"


def batch(*bodies: bytes, said: int | str | None = None, head: bytes = BHS) -> bytes:
    return head + b"".join(bodies) + f"BTS|{len(bodies) if said is None else said}\r".encode()


def file(*batches: bytes, said: int | None = None) -> bytes:
    return FHS + b"".join(batches) + f"FTS|{len(batches) if said is None else said}\r".encode()


def held(body: bytes, **options: bool) -> list[Message]:
    return [one for one in hl7_batches.walk(body, **options) if isinstance(one, Message)]


def faults(body: bytes, **options: bool) -> list[str]:
    return [one.fault for one in hl7_batches.walk(body, **options) if isinstance(one, Envelope) and one.fault]


def lines(reply: bytes, *names: str) -> list[str]:
    return [line for line in reply.decode().split("\r") if line[:3] in names]


# ------------------------------------------------------------------------------------------------------- how it is cut
def test_a_file_of_batches_gives_its_messages_as_they_would_come_alone():
    items = [item(f"c{n}") for n in range(4)]
    body = file(batch(*items[:3]), batch(*items[3:]))
    assert [one.body for one in held(body)] == items
    assert [one.name for one in held(body)] == ["B-1/1", "B-1/2", "B-1/3", "B-1/1"]
    assert faults(body) == []


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf", b"\r\n"])
def test_line_ends_and_marks_before_the_first_line_are_those_of_any_system(end, head):
    body = head + file(batch(item("1"), item("2"))).replace(b"\r", end)
    assert [one.body for one in held(body)] == [item(n).replace(b"\r", end) for n in ("1", "2")]
    assert faults(body) == []


def test_messages_that_follow_each_other_without_an_envelope_are_a_batch_and_one_message_is_none():
    assert [one.body for one in held(item("1") + item("2"))] == [item("1"), item("2")]
    assert faults(item("1") + item("2")) == []
    assert [hl7_batches.is_batch(body) for body in (item("1") + item("2"), batch(), item("1"), b"", b"nonsense")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert not hl7_batches.is_batch(item("1", description="MSH|BHS and FHS"))


def test_the_characters_of_mllp_that_some_write_into_files_are_no_part_of_a_message():
    body = b"\x0b" + item("1") + b"\x1c\r\x0b" + item("2") + b"\x1c\r"
    assert [one.body for one in held(body)] == [item("1"), item("2")]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (batch(item("1"), item("2"), said=3), ["BTS-1 says 3 messages, 2 came."]),
        (batch(item("1"), said="one"), ["BTS-1 says one messages, 1 came."]),
        (batch(item("1"), said=""), []),
        (file(batch(item("1")), said=2), ["FTS-1 says 2 batches, 1 came."]),
        (file(batch(said=1), batch(item("1"), said=0)), [
            "BTS-1 says 1 messages, 0 came.", "BTS-1 says 0 messages, 1 came.",
        ]),
        (BHS + item("1") + batch(item("2")), ["It has no BTS."]),
        (FHS + item("1") + b"FTS|1\r", []),
        (item("1") + b"BTS|2\r", ["BTS-1 says 2 messages, 1 came."]),
        (b"BHS||||\r" + item("1") + b"BTS|1\r", [
            "BHS-1 and BHS-2 name no usable delimiters; |^~\\& are the usual ones.",
        ]),
        (batch(item("1"), head=BHS + b"NTE|1|by hand\r"), ["'NTE|1|by hand' belongs to no message."]),
        (b"BHS#$%!@#ERP\r" + item("1") + b"BTS#1#all\r", []),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_envelope_is_told_and_its_messages_are_whole(body, told):
    assert faults(body) == told
    assert all(one.body.startswith(b"MSH") and not one.doubt for one in held(body))


def test_the_last_message_of_a_file_without_its_end_may_be_cut_off_and_of_a_frame_it_is_not():
    cut = (BHS + item("1") + item("2"))[:-20]
    assert [bool(one.doubt) for one in held(cut)] == [False, True]
    assert [bool(one.doubt) for one in held(cut, framed=True)] == [False, False]
    assert faults(cut, framed=True) == ["It has no BTS."]


TOKENS = st.sampled_from(
    [FHS, BHS, b"BTS|1\r", b"FTS\r", b"MSH\r", item("1"), b"junk\r", b"\x0b", b"\x1c\r", b"BHS", b""]
)


@given(st.lists(TOKENS, max_size=12))
def test_no_order_of_segments_breaks_it_and_no_message_is_lost_or_doubled(tokens):
    body = b"".join(tokens)
    starts = sum(line[:4] in (b"MSH|", b"MSH") for line in body.replace(b"\x0b", b"\r").split(b"\r"))
    events = list(hl7_batches.walk(body))
    assert sum(isinstance(one, Message) for one in events) == starts
    assert sum(one.count for one in events if isinstance(one, Envelope) and one.kind == "BHS") == starts


# --------------------------------------------------------------------------------------------------- what becomes of it
@pytest.mark.django_db
def test_a_bad_message_in_the_middle_costs_only_itself_and_the_answer_is_a_batch():
    ehr = source(way="mllp")
    body = file(
        batch(item("1", "IT-1"), hl7(M16, MFN="ADT"), item("3", "IT-3").replace(b"MFI|", b"ZFI|")),
        batch(item("4", "IT-4")),
    )
    reply = mllp.respond(ehr, HERE, body)
    assert [line.split("|")[1] for line in lines(reply, "MSA")] == ["AA", "AR", "AA", "AA"]
    assert lines(reply, "BTS", "FTS") == ["BTS|3", "BTS|1", "FTS|2"]
    taking.take(ehr)
    assert list(InboundMessage.objects.order_by("pk").values_list("message_id", "state")) == [
        ("1", "done"), ("3", "quarantined"), ("4", "done"),
    ]  # fmt: skip
    assert kit.source("ehr", "IT-4").values["description"] == "NEEDLE SPINAL 22GA 3.5IN"


@pytest.mark.django_db
def test_a_batch_sent_again_is_the_same_messages():
    ehr = source(way="mllp")
    nameless = [item("", f"IT-{n}") for n in range(3)]
    body = batch(*nameless, item("9"), said=7)
    replies = [mllp.respond(ehr, HERE, body) for _ in range(2)]
    assert [[line.split("|")[1] for line in lines(reply, "MSA")] for reply in replies] == [["AA"] * 4] * 2
    assert list(InboundMessage.objects.order_by("pk").values_list("message_id", flat=True)) == [
        "B-1/1", "B-1/2", "B-1/3", "9", "BHS B-1",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_wrong_count_is_told_to_the_sender_and_to_a_person_who_gives_it_up():
    ehr = source(way="mllp")
    reply = mllp.respond(ehr, HERE, batch(item("1"), said=2))
    assert lines(reply, "BTS") == ["BTS|1|BTS-1 says 2 messages, 1 came."]
    aside = InboundMessage.objects.get(state="quarantined")
    assert (aside.message_id, aside.reason) == ("BHS B-1", "BTS-1 says 2 messages, 1 came.")
    assert bytes(aside.payload) == BHS + b"BTS|2\r"
    assert WorkItem.objects.filter(kind="feed_problem", state="open").count() == 1
    messages.process_again(messages=[aside], actor=kit.steward())
    taking.take(ehr)
    aside.refresh_from_db()
    assert "envelope of a batch" in aside.reason
    messages.discard(messages=[aside], actor=kit.steward(), reason="They sent it again")
    assert not WorkItem.objects.filter(kind="feed_problem", state="open").exists()


@pytest.mark.django_db
def test_nothing_of_strangers_is_stored_their_envelope_neither():
    body = batch(hl7(M16), said=2)
    reply = mllp.respond(source(way="mllp"), MllpConfig(port=0, senders=("OTHER^PLACE",)), body)
    assert [line.split("|")[1] for line in lines(reply, "MSA")] == ["AR"]
    assert not InboundMessage.objects.exists()


@pytest.mark.django_db
def test_while_the_database_is_away_the_senders_of_a_batch_are_asked_to_send_what_was_not_stored(monkeypatch):
    receive, calls = intake.receive, []

    def away(**given: object) -> object:
        calls.append(given)
        if len(calls) > 1:
            raise OperationalError("gone")
        return receive(**given)

    monkeypatch.setattr("sync.inbound.intake.receive", away)
    reply = mllp.respond(source(way="mllp"), HERE, batch(item("1"), item("2"), said=9))
    assert [line.split("|")[1] for line in lines(reply, "MSA")] == ["AA", "AR"]
    assert len(calls) == 3


@pytest.mark.django_db
def test_messages_whose_sender_wants_no_answer_are_answered_by_an_empty_batch():
    silent = item("1").replace(b"|P|2.6", b"|P|2.6|||NE|NE")
    reply = mllp.respond(source(way="mllp"), HERE, batch(silent))
    assert (lines(reply, "MSA"), lines(reply, "BTS")) == ([], ["BTS|0"])
    assert mllp.respond(source("lab", way="mllp"), HERE, silent + silent) == b""


# ------------------------------------------------------------------------------------------------------------- hl7apy
@pytest.mark.django_db
def test_what_hl7apy_writes_is_taken_and_our_answer_is_read_by_it():
    ehr = source(way="mllp")
    body = "".join(f"{one}\r" for one in (
        envelope("FHS", 11, "F-7"), envelope("BHS", 11, "B-7"), *(made(n) for n in (1, 2)), "BTS|2", "FTS|1",
    )).encode()  # fmt: skip
    reply = mllp.respond(ehr, HERE, body).decode()
    head, back, *rest = reply.split("\r")
    for name, text, theirs in (("FHS", head, "F-7"), ("BHS", back, "B-7")):
        read = parse_segment(text.replace("|", "||", 1), version="2.5.1")  # it counts the first field in MSH only
        assert (read.name, getattr(read, f"{name.lower()}_12").value) == (name, theirs)
        assert getattr(read, f"{name.lower()}_5").value == "ERP"
    answers = "\r".join(rest).split("MSH|")[1:]
    read = [parse_message("MSH|" + text.partition("BTS|")[0], validation_level=1) for text in answers]
    assert [one.msa.msa_2.value for one in read] == ["A-1", "A-2"]
    taking.take(ehr)
    assert kit.source("ehr", "HL7APY-2").values["description"] == "GAUZE SPONGE 2X2"


def envelope(name: str, number: int, text: str) -> str:
    segment = Hl7apySegment(name, version="2.5.1")
    for field, value in {3: "ERP", 4: "GENHOSP", 5: "CONCORD", number: text}.items():
        setattr(segment, f"{name.lower()}_{field}", value)
    cells = segment.to_er7().split("|")  # it writes no delimiters of its own into a lone header
    return "|".join([name, "^~\\&", *cells[3:]])


def made(number: int) -> str:
    message = Hl7apyMessage("MFN_M15", version="2.5.1")
    message.msh.msh_3, message.msh.msh_9, message.msh.msh_10, message.msh.msh_11 = (
        "ERP",
        "MFN^M15^MFN_M15",
        f"A-{number}",
        "P",
    )
    for text in (
        "MFI|INV||UPD|||AL",
        f"MFE|MAD|{number}||HL7APY-{number}|CE",
        f"IIM|HL7APY-{number}|HL7APY-{number}^GAUZE SPONGE {number}X{number}",
    ):
        message.add(parse_segment(text, version="2.5.1"))
    return message.to_er7().rstrip("\r")
