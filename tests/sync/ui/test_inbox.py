"""The screens of received messages."""

from __future__ import annotations

import pytest

from mdm.models import WorkItem
from sync.inbound import taking, tasks
from tests.mdm import kit
from tests.sync.inbound.messages import M15, M16, deliver, hl7, item, outcomes, source
from tests.sync.ui.conftest import browser
from tests.sync.ui.test_imports import text_of

pytestmark = pytest.mark.django_db
PLACE = "/imports/messages/"


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(tasks.take_messages, "delay", calls.append)
    return calls


def strange():
    return deliver(source(), hl7(M15, INV="XYZ", **{"M15": "Z77"}))


def test_messages_to_mend_are_listed_first_and_the_question_leads_to_them(steward):
    bad, good = strange(), deliver(source(), hl7(M16))
    page = text_of(steward.get(PLACE))
    assert "L-77" in page
    assert "XYZ" in page
    assert good.message_id not in page
    assert good.message_id in text_of(steward.get(f"{PLACE}?state=done&source=ehr"))
    item = WorkItem.objects.get(kind="feed_problem")
    assert f"{PLACE}?source=ehr" in steward.get(f"/work/{item.pk}/").content.decode()
    assert bad.is_open


def test_a_message_is_shown_as_received_with_what_became_of_its_records(steward):
    message = deliver(source(), hl7(M16, **{"MFE|MAD|01J0X1.2": "MFE|XXX|01J0X1.2"}))
    page = text_of(steward.get(f"{PLACE}{message.pk}/"))
    assert "MFI|INV^^HL70175|HMDM|UPD|||AL" in page
    assert "MFE-1 is 'XXX'" in page
    assert kit.golden("ehr", "ITM-1").name in page


def test_processing_again_and_giving_up_by_hand(steward):
    bad = strange()
    source(profile={"files": {"XYZ": "item"}})
    answer = steward.post(f"{PLACE}again/", {"message": bad.pk, "alone": "1"})
    assert answer["Location"] == f"{PLACE}{bad.pk}/"
    taking.take(bad.source)
    assert outcomes(bad) == ["new"]
    other = deliver(source(), item("9", event="XXX"))
    assert steward.post(f"{PLACE}discard/", {"message": other.pk}).status_code == 422
    steward.post(f"{PLACE}discard/", {"message": other.pk, "reason": "theirs to mend"})
    other.refresh_from_db()
    assert other.state == "discarded"


def test_all_of_a_source_are_processed_again_at_once(steward):
    several = [deliver(source(), item(str(n), event="XXX")) for n in range(3)]
    steward.post(f"{PLACE}again/", {"whole": "ehr"})
    for one in several:
        one.refresh_from_db()
    assert {one.state for one in several} == {"received"}


def test_an_administrator_mends_how_messages_are_read_on_the_page():
    bad, admin = strange(), browser("ada", "administrator")
    assert admin.post(f"{PLACE}{bad.pk}/profile/", {"profile": "{nonsense"}).status_code == 422
    assert "unknown settings" in text_of(admin.post(f"{PLACE}{bad.pk}/profile/", {"profile": '{"file": 1}'}))
    admin.post(f"{PLACE}{bad.pk}/profile/", {"profile": '{"files": {"XYZ": "item"}}'})
    bad.source.refresh_from_db()
    taking.take(bad.source)
    assert outcomes(bad) == ["new"]


def test_a_steward_sees_how_messages_are_read_and_does_not_change_it(steward):
    bad = strange()
    assert b"readonly" in steward.get(f"{PLACE}{bad.pk}/").content
    assert steward.post(f"{PLACE}{bad.pk}/profile/", {"profile": "{}"}).status_code == 403


def test_pages_go_on_where_the_one_before_ended(steward, monkeypatch):
    monkeypatch.setattr("sync.ui.inbox.SHOWN", 2)
    for n in range(3):
        deliver(source(), item(f"m{n}", event="XXX"))
    first = steward.get(PLACE).content.decode()
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "m0" in text_of(steward.get(PLACE + following))
    assert "m0" not in text_of(steward.get(PLACE))


def test_an_empty_installation_says_how_to_begin(steward):
    assert "set_source" in text_of(steward.get(PLACE))
