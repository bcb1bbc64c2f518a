"""With tens of thousands of open reviews the queue is read off its index, and no page counts them all."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mdm.models import WorkItem
from mdm.ui.readers.queue import Asked, queue
from tests.mdm import kit

pytestmark = pytest.mark.django_db
NUMBER = 20_000
DIFFERENT = ("subject", "title", "due_at")  # each made-up review has its own


@pytest.fixture
def many() -> WorkItem:
    item = kit.doubtful()
    with connection.cursor() as cursor:
        columns = ", ".join(f.column for f in WorkItem._meta.concrete_fields if f.column not in ("id", *DIFFERENT))
        cursor.execute(
            f"INSERT INTO mdm_workitem ({', '.join(DIFFERENT)}, {columns})"  # noqa: S608
            f" SELECT 'made-up:' || n, n::text, now() + n * interval '1 minute', {columns}"
            " FROM mdm_workitem, generate_series(1, %s) n WHERE id = %s",
            [NUMBER, item.pk],
        )
        cursor.execute("ANALYZE mdm_workitem")
    return item


def test_the_queue_is_read_in_order_off_an_index(many):
    plan = Asked().rows(kit.steward())[:51].explain()
    assert "Seq Scan on mdm_workitem" not in plan
    assert "Sort" not in plan


def test_no_page_counts_all_that_is_open(many, steward):
    with CaptureQueriesContext(connection) as asked:
        page = steward.get(f"/review/{many.pk}/").content.decode()
    assert "999+" in page
    assert "≈" in str(queue(kit.steward(), Asked()).total)
    counting = [q["sql"] for q in asked.captured_queries if "count(" in q["sql"].lower() and "mdm_workitem" in q["sql"]]
    assert counting
    assert all("LIMIT" in sql or "resolved_by_id" in sql for sql in counting)
    assert len(asked) <= 32


def test_what_comes_back_later_is_counted_off_an_index_of_its_own(many):
    assert "work_item_later" in Asked().rows(kit.steward(), "later").explain()
