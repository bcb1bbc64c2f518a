"""From messages to source records and golden records: in order, once, and what is bad put aside."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.exceptions import NeedsReason, Refused
from mdm.models import AuditEntry, GoldenRecord, SourceRecord, User, WorkItem
from sync import alone
from sync.inbound import landing, messages, taking, tasks
from sync.models import InboundMessage, InboundRecord
from tests.mdm import kit
from tests.sync.inbound.kit import footprint
from tests.sync.inbound.messages import M05, M15, M16, SUPPLIER, deliver, hl7, item, outcomes, send, source

pytestmark = pytest.mark.django_db


def said(code: str = "IT-9") -> str:
    return kit.source("ehr", code).values["description"]


@pytest.mark.parametrize(
    ("text", "domain", "codes", "charset"),
    [
        (M16, "item", {"ITM-1", "ITM-2"}, "utf-8"),
        (M15, "item", {"90210"}, "utf-8"),
        (M05, "location", {"4E", "4E-136-B"}, "latin-1"),
        (SUPPLIER, "supplier", {"SUP-42"}, "utf-8"),
    ],
)
def test_master_files_become_golden_records(text, domain, codes, charset):
    message = deliver(source(), hl7(text, charset))
    assert (message.state, set(outcomes(message))) == ("done", {"new"})
    records = SourceRecord.objects.filter(domain=domain)
    assert set(records.values_list("code", flat=True)) == codes
    assert not records.exclude(state="linked").exists()
    assert GoldenRecord.objects.filter(domain=domain).count() == len(codes)
    assert {r.source_record.code for r in message.records.all()} == codes
    assert AuditEntry.objects.filter(action="inbound.taken").exists()


def test_an_item_that_another_system_has_already_is_recognised():
    kit.feed("erp", {"E1": kit.CATHETER})
    deliver(source(), hl7(M16, SILICONE="SILICONE COATED", BARD="HALDEN MEDICAL", **{"0165SI16": "HM-0165-S16"}))
    assert kit.golden("ehr", "ITM-1") == kit.golden("erp", "E1")
    assert kit.golden("ehr", "ITM-2") != kit.golden("erp", "E1")


def test_an_update_leaves_what_it_does_not_say_and_deletes_what_it_says_is_null():
    ehr = source()
    deliver(ehr, hl7(M16))
    deliver(ehr, item("u1", code="ITM-1", description="CATHETER FOLEY 16FR"))
    kept = kit.source("ehr", "ITM-1").values
    assert (kept["description"], kept["manufacturer"]) == ("CATHETER FOLEY 16FR", "BARD")
    assert len(kept["packaging"]) == 2
    null = hl7(item("u2", code="ITM-1", description="CATHETER FOLEY 16FR").decode().replace("\r", "\n"))
    deliver(ehr, null.replace(b"16FR|A", b'16FR|A|||||""|""'))
    assert "manufacturer" not in kit.source("ehr", "ITM-1").values


def test_a_source_whose_messages_are_whole_records_clears_what_they_lack():
    ehr = source(profile={"absent": "clear"})
    deliver(ehr, hl7(M16))
    deliver(ehr, item("u1", code="ITM-1", description="CATHETER FOLEY 16FR"))
    assert set(kit.source("ehr", "ITM-1").values) == {"description", "lifecycle"}


def test_deactivating_retires_and_reactivating_brings_back_what_was_known():
    ehr = source()
    deliver(ehr, item("1"))
    assert outcomes(deliver(ehr, item("2", description="", event="MDC"))) == ["retired"]
    assert kit.source("ehr", "IT-9").state == "retired"
    deliver(ehr, item("3", description="", event="MAC"))
    assert (kit.source("ehr", "IT-9").state, said()) == ("linked", "NEEDLE SPINAL 22GA 3.5IN")


def test_one_bad_record_is_put_aside_and_the_others_are_taken():
    message = deliver(source(), hl7(M16, **{"MFE|MUP|01J0X1.1": "MFE|XXX|01J0X1.1"}))
    assert (message.state, outcomes(message)) == ("partly", ["refused", "new"])
    assert "MFE-1 is 'XXX'" in message.records.get(position=1).problems[0]
    assert "1 of 2 records" in message.reason
    assert WorkItem.objects.get(kind="feed_problem").state == "open"


def test_messages_put_aside_are_taken_once_the_mapping_is_mended():
    ehr = source(profile={"fields": {"item": {"gtin": "ITM-2"}}})
    strange = deliver(ehr, hl7(M15, INV="XYZ", **{"M15": "Z77"}))
    assert (strange.state, "XYZ" in strange.reason) == ("quarantined", True)
    source(profile={"files": {"XYZ": "item"}})
    assert messages.process_again(messages=[strange], actor=kit.steward()) == 1
    taking.take(ehr)
    strange.refresh_from_db()
    assert (strange.state, strange.reason, outcomes(strange)) == ("done", "", ["new"])
    assert not WorkItem.objects.filter(kind="feed_problem", state="open").exists()


def test_a_message_processed_again_changes_nothing_that_it_has_said():
    ehr = source()
    message = deliver(ehr, hl7(M16))
    before = footprint()
    messages.process_again(messages=[message], actor=kit.steward())
    taking.take(ehr)
    assert outcomes(message) == ["unchanged", "unchanged"]
    assert footprint() == before


def test_an_old_message_processed_late_leaves_alone_what_something_newer_said():
    ehr = source()
    deliver(ehr, item("0"))
    old = deliver(ehr, item("1", description="OLD").replace(b"MUP", b"???"))
    deliver(ehr, item("2"))  # newer, though it changes nothing
    InboundMessage.objects.filter(pk=old.pk).update(payload=item("1", description="OLD"))
    messages.process_again(messages=[old], actor=kit.steward())
    taking.take(ehr)
    old.refresh_from_db()
    assert (old.state, outcomes(old), said()) == ("done", ["superseded"], "NEEDLE SPINAL 22GA 3.5IN")


def test_a_file_that_came_later_is_newer_as_well():
    ehr = source()
    old = deliver(ehr, item("1", description="OLD"))
    kit.feed("ehr", {"IT-9": {"description": "FROM THE FILE"}})
    messages.process_again(messages=[old], actor=kit.steward())
    taking.take(ehr)
    assert (outcomes(old), said()) == (["superseded"], "FROM THE FILE")


def test_messages_are_taken_in_the_order_in_which_they_came():
    ehr = source()
    for n in range(5):
        send(ehr, item(f"m{n}", description=f"NEEDLE {n}"))
    taking.take(ehr)
    assert said() == "NEEDLE 4"
    assert kit.source("ehr", "IT-9").version == 5


def test_one_message_may_say_several_things_of_a_code_one_after_the_other():
    both = item("1").decode() + "MFE|MDC|1.2||IT-9|CE\rMFE|MAC|1.3||IT-9|CE\rITM|IT-9|NEEDLE SPINAL 25GA|A\r"
    message = deliver(source(), both.encode())
    assert outcomes(message) == ["new", "retired", "changed"]
    assert said() == "NEEDLE SPINAL 25GA"


def test_a_worker_that_dies_between_chunks_leaves_what_it_did_and_another_goes_on(monkeypatch):
    ehr = source()
    monkeypatch.setattr(taking, "CHUNK", 1)
    message = send(ehr, hl7(M16))
    calls = []

    def die(message, chunk):
        calls.append(chunk)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return landing.land(message, chunk)

    monkeypatch.setattr(taking, "land", die)
    assert taking.take(ehr) is False
    message.refresh_from_db()
    assert (message.state, message.taken, message.attempts) == ("received", 1, 1)
    taking.take(ehr)
    message.refresh_from_db()
    assert (message.state, message.landed, outcomes(message)) == ("done", 2, ["new", "new"])


def test_a_message_that_nobody_gets_done_is_put_aside_so_that_others_go_on(monkeypatch):
    ehr = source()
    bad, good = send(ehr, item("1")), send(ehr, item("2", code="IT-10"))

    def fail(message, chunk):
        if message.pk == bad.pk:
            raise RuntimeError("a bug")
        return landing.land(message, chunk)

    monkeypatch.setattr(taking, "land", fail)
    for _ in range(taking.MOST_ATTEMPTS + 1):
        taking.take(ehr)
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("quarantined", "done")
    assert "5 times" in bad.reason


def test_a_worker_that_was_overtaken_writes_nothing_more():
    ehr = source()
    message = send(ehr, item("1"))
    stale = taking._next(ehr)
    InboundMessage.objects.filter(pk=message.pk).update(attempts=2)  # another worker has begun it
    assert taking._take(stale) is False
    assert not InboundRecord.objects.exists()


def test_giving_up_needs_a_reason_and_closes_the_question():
    message = send(source(), b"nonsense")
    with pytest.raises(NeedsReason):
        messages.discard(messages=[message], actor=kit.steward(), reason=" ")
    assert messages.discard(messages=[message], actor=kit.steward(), reason="a test of theirs") == 1
    message.refresh_from_db()
    assert message.state == "discarded"
    assert not WorkItem.objects.filter(kind="feed_problem", state="open").exists()
    with pytest.raises(Refused):
        messages.discard(messages=[message], actor=kit.steward(), reason="again")


def test_payloads_are_forgotten_after_their_time_but_not_those_somebody_must_look_at(settings):
    ehr = source()
    done, bad, new = deliver(ehr, item("1")), send(ehr, b"nonsense"), send(ehr, item("2"))
    later = timezone.now() + dt.timedelta(days=settings.INBOUND_KEEP_DAYS, minutes=1)
    assert messages.prune(now=later) == 1
    for message in (done, bad, new):
        message.refresh_from_db()
    assert [m.payload is None for m in (done, bad, new)] == [True, False, False]
    with pytest.raises(Refused, match="payload"):
        messages.process_again(messages=[done], actor=kit.steward())


def test_outcomes_are_forgotten_but_for_the_newest_of_each_code(settings):
    ehr = source()
    first, second = deliver(ehr, item("1")), deliver(ehr, item("2", description="NEEDLE SPINAL 25GA"))
    other = deliver(ehr, item("3", code="IT-10"))
    later = timezone.now() + dt.timedelta(days=settings.INBOUND_KEEP_OUTCOMES_DAYS, minutes=1)
    assert messages.prune_outcomes() == 0
    assert messages.prune_outcomes(now=later) == 1
    assert [message.records.count() for message in (first, second, other)] == [0, 1, 1]


def test_a_clock_that_is_ahead_makes_nothing_the_most_recent_for_years():
    deliver(source(), item("1").replace(b"|20260101|", b"|29991231|"))
    assert kit.source("ehr", "IT-9").source_updated_at <= timezone.now()
    deliver(source(), item("2", description="NEEDLE SPINAL 25GA").replace(b"|20260101|", b"|29991231|"))
    assert kit.source("ehr", "IT-9").source_updated_at <= timezone.now()
    deliver(source(), item("3", description="NEEDLE SPINAL 27GA"))
    assert kit.source("ehr", "IT-9").source_updated_at.year == 2026


def test_the_sweep_finds_messages_whose_wake_up_was_lost(told):
    ehr = source()
    send(ehr, item("1"))
    told.clear()
    tasks.sweep_messages()
    assert told == [ehr.pk]
    tasks.take_messages(ehr.pk)
    assert said()


def test_nul_and_control_characters_lose_nothing_but_themselves():
    message = deliver(source(), item("1", description="NEEDLE\x00SPINAL"))
    assert message.state == "partly"
    assert "NEEDLE" in str(message.records.get().problems)
    ok = deliver(source(), item("2", description="NEEDLE \\X0D0A\\SPINAL \\.br\\22GA"))
    assert (ok.state, said()) == ("done", "NEEDLE SPINAL 22GA")


def test_payloads_are_read_only_where_they_are_parsed():
    ehr = source()
    with CaptureQueriesContext(connection) as asked:
        send(ehr, hl7(M16))
        send(ehr, hl7(M16))
        conflict, wrong = send(ehr, item("01J0X1")), send(ehr, b"nonsense")
        messages.process_again(messages=[wrong], actor=kit.steward())
        taking._put_aside(wrong, "It can't be read.")
        messages.discard(messages=[conflict, wrong], actor=kit.steward(), reason="Nobody's")
    assert payloads_read(asked) == 0
    with CaptureQueriesContext(connection) as asked:
        taking.take(ehr)
    assert payloads_read(asked) == 2, "of the next message, and when there is none"


def payloads_read(asked: CaptureQueriesContext) -> int:
    texts = [str(query["sql"]) for query in asked]
    return sum('"payload"' in text.partition(" FROM ")[0] for text in texts if text.startswith("SELECT"))


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_hangs_keeps_nobody_from_taking_the_messages_of_its_source(monkeypatch):
    """Stopped, or on a machine that is gone without a word: its connection stands, and with it the lock."""
    monkeypatch.setattr(alone, "SILENCE", 0.0)
    User.objects.system()
    ehr = source()
    send(ehr, item("1"))
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [alone.INTAKE_LOCKS, ehr.pk])
    while InboundMessage.objects.filter(state="received").exists():  # the database has a second to end the session
        taking.take(ehr)
    assert said() == "NEEDLE SPINAL 22GA 3.5IN"
    with pytest.raises(DatabaseError), other.cursor() as cursor:
        cursor.execute("SELECT 1")
    other.close()
