"""With tens of thousands of open reviews the queue is read off its index, and no page counts them all."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mdm.models import SourceSystem, WorkItem
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


def test_the_queue_of_one_system_is_read_and_counted_off_an_index_of_its_own(many):
    erp, user = SourceSystem.objects.get(code="erp"), kit.steward()
    WorkItem.objects.filter(pk__gt=many.pk + NUMBER // 2).update(system=erp)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mdm_workitem")
    for asked in (Asked(system="scm"), Asked(system="erp"), Asked(system="nobody"), Asked(system="scm", domain="item")):
        rows = asked.rows(user)
        for plan in (rows[:51].explain(), rows.order_by().values("pk")[:1001].explain()):
            assert "work_item_of_system" in plan, asked
            assert "Sort" not in plan
    assert {entry.system for entry in queue(user, Asked(system="scm")).entries} == {many.system.name}
    assert not queue(user, Asked(system="nobody")).entries


def test_a_work_item_names_the_system_of_its_source(many):
    assert many.system == many.source.code_system.system
    WorkItem.objects.filter(pk=many.pk).update(source=kit.source("erp", "E1"))
    many.refresh_from_db()
    assert many.system.code == "erp"


def test_going_on_behind_an_item_does_not_read_what_lies_before_it(many):
    start = WorkItem.objects.filter(title="15000").get()
    with CaptureQueriesContext(connection) as asked:
        page = queue(kit.steward(), Asked(start=str(start.pk)))
    assert [entry.item.title for entry in page.entries[:2]] == ["15001", "15002"]
    (sql,) = (q["sql"] for q in asked.captured_queries if 'ORDER BY "mdm_workitem"."priority" DESC' in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS OFF) {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Cond" in plan
    assert "Rows Removed by Filter: 1" in plan or "Rows Removed" not in plan  # the item itself, at most
