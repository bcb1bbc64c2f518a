"""What is received is kept, once, whatever is wrong with it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone

from mdm.exceptions import Forbidden, NotFound
from mdm.models import AuditEntry, WorkItem
from sync.inbound import intake, messages, taking
from sync.models import InboundMessage
from tests.mdm import kit
from tests.sync.inbound.messages import M16, hl7, item, send, source

pytestmark = pytest.mark.django_db


def test_a_message_is_kept_as_it_came_and_a_worker_is_told(told, django_capture_on_commit_callbacks):
    ehr = source()
    with django_capture_on_commit_callbacks(execute=True):
        message = send(ehr, hl7(M16))
    assert (message.state, message.message_id, message.kind) == ("received", "01J0X1", "MFN^M16")
    assert bytes(message.payload) == hl7(M16)
    assert told == [ehr.pk]
    assert AuditEntry.objects.get(action="inbound.received").after["id"] == "01J0X1"


def test_the_same_message_sent_again_is_the_same_message():
    ehr = source()
    first = send(ehr, hl7(M16))
    again = intake.receive(source=ehr, body=hl7(M16), actor=kit.person("if", "integration"))
    assert (again.message, again.repeated) == (first, True)
    assert InboundMessage.objects.count() == 1


def test_an_id_used_for_something_else_is_a_conflict_that_a_person_decides():
    ehr = source()
    first = send(ehr, item("7", description="NEEDLE SPINAL 22GA"))
    other = send(ehr, item("7", description="NEEDLE SPINAL 25GA"))
    assert (other.state, other.conflicts_with) == ("quarantined", first)
    assert f"Message {first.pk} has the same id" in other.reason
    assert WorkItem.objects.get(kind="feed_problem").subject == "inbound:ehr"
    assert send(ehr, item("7", description="NEEDLE SPINAL 25GA")) == other
    messages.process_again(messages=[other], actor=kit.steward())
    taking.take(ehr)
    assert kit.source("ehr", "IT-9").values["description"] == "NEEDLE SPINAL 25GA"
    assert WorkItem.objects.get(kind="feed_problem").state == "cancelled"


def test_an_id_that_was_used_before_payloads_were_forgotten_is_free_again():
    ehr = source()
    first = send(ehr, item("7"))
    taking.take(ehr)
    later = timezone.now() + dt.timedelta(days=settings.INBOUND_KEEP_DAYS, minutes=1)
    assert messages.prune(now=later) == 1
    other = send(ehr, item("7", description="NEEDLE SPINAL 25GA"))
    assert (other.state, other.conflicts_with) == ("received", None)
    assert send(ehr, item("7")) == first  # the very same is known for good


def test_content_without_an_id_that_comes_back_after_other_content_counts():
    erp = source("erp", format="json")
    said = [
        b'{"records": [{"domain": "item", "code": "1", "values": {"description": "Needle %d"}}]}' % n for n in (1, 2)
    ]
    got = [intake.receive(source=erp, body=said[n], actor=kit.steward()) for n in (0, 0, 1, 0, 0, 1)]
    assert [one.repeated for one in got] == [False, True, False, False, True, False]
    ids = [message.message_id for message in InboundMessage.objects.order_by("pk")]
    assert [name[32:33] for name in ids] == ["", "", "-", "-"]
    taking.take(erp)
    assert kit.source("erp", "1").values["description"] == "Needle 2"
    assert InboundMessage.objects.filter(state="done").count() == 4


def test_an_id_that_no_database_holds_is_kept_readable():
    message = intake.receive(
        source=source(), body=hl7(M16), actor=kit.person("if", "integration"), message_id="ID\0\ud800"
    ).message
    assert message.message_id == "ID\N{REPLACEMENT CHARACTER}?"


def test_the_same_id_of_two_sources_is_two_messages():
    assert send(source("ehr"), hl7(M16)) != send(source("lab"), hl7(M16))


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"<html>", b"MSH", b"MSH|||||", b"MSHAAAAAAA", b"PID|1"])
def test_what_is_no_message_is_kept_and_put_aside(body):
    message = send(source(), body)
    assert message.state == "quarantined"
    assert message.reason
    assert bytes(message.payload) == body


def test_who_may_neither_submit_nor_import_is_refused():
    with pytest.raises(Forbidden):
        intake.receive(source=source(), body=hl7(M16), actor=kit.person("v", "viewer"))


def test_a_source_that_is_off_or_of_another_way_takes_nothing():
    source("ehr", active=False)
    source("lab", way="mllp")
    for code in ("ehr", "lab", "none"):
        with pytest.raises(NotFound, match="no inbound source"):
            intake.source_of(code, "api")
