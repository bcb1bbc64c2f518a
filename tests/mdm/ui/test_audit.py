"""The audit log: narrowed, read in pages, taken along as a file."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.utils import timezone

from mdm.changes import Change
from mdm.models import AuditEntry, User
from mdm.services import review
from mdm.ui.readers.audit import Asked, page_of
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def shown(**asked: str) -> list[str]:
    return [entry.action for entry in page_of(Asked.of(asked)).entries]


@pytest.fixture
def log() -> None:
    item = kit.doubtful()
    review.reject(item=item, actor=kit.steward(), reason="Other size")


def test_the_log_is_narrowed_to_a_person_a_kind_a_record_and_days(log):
    today = timezone.localdate(AuditEntry.objects.latest("pk").at).isoformat()
    golden = kit.golden("erp", "E1")
    assert set(shown(who="steward")) >= {"review.reject"}
    assert "resolve" not in shown(who="steward")
    assert set(shown(kind="decisions")) == {"review.reject"}
    assert set(shown(record=golden.public_id.lower())) == {"resolve"}
    assert shown(since=today, until=today)
    assert shown(until="2001-01-01") == []
    for nonsense in ({"kind": "nonsense", "since": "tomorrow"}, {"since": "9999-12-31"}, {"until": "9999-12-31"}):
        assert shown(**nonsense) == shown(), "what makes no sense is left out"


def test_the_log_is_read_in_pages_without_gaps():
    change = Change.begin(kit.steward(), "review.comment")
    for _ in range(130):
        change.audit()
    seen, before = [], ""
    while True:
        page = page_of(Asked(), before)
        seen += [entry.pk for entry in page.entries]
        if page.older is None:
            break
        before = str(page.older)
    assert seen == list(AuditEntry.objects.order_by("-pk").values_list("pk", flat=True))


def test_filters_of_a_large_log_use_an_index():
    system = User.objects.system()
    change = Change.begin(system, "resolve")
    AuditEntry.objects.bulk_create(change.entry() for _ in range(3000))
    Change.begin(kit.steward(), "merge").audit()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mdm_auditentry")
    for asked in (Asked(who="steward"), Asked(kind="identity")):
        assert "Seq Scan on mdm_auditentry" not in asked.entries()[:61].explain(), asked


def test_the_log_is_exported_as_asked_for_and_that_is_audited(everything, log):
    answer = everything.get("/audit/audit.csv?kind=decisions")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert {row["action"] for row in rows} == {"review.reject"}
    assert {row["reason"] for row in rows} == {"Other size"}
    assert AuditEntry.objects.get(action="audit.export").after == {"asked": {"kind": "decisions"}}


def test_an_exported_cell_is_no_formula(everything):
    Change.begin(kit.steward(), "merge", "=HYPERLINK(1)").audit()
    answer = everything.get("/audit/audit.csv?kind=identity")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0]["reason"] == "'=HYPERLINK(1)"


def test_who_may_not_read_the_log_takes_none_along(steward):
    assert steward.get("/audit/audit.csv").status_code == 403
