"""Rows written set-wise are the rows that one by one would have been written."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from mdm import bulk
from mdm.models import AuditEntry, Delivered, GoldenRecord, QualityIssue, SourceRecord, User
from tests.mdm import kit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=[0, 8], ids=["many", "few"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test with rows that count as many, which are copied, and as few, which are inserted."""
    monkeypatch.setattr(bulk, "FEW", request.param)


AWKWARD = ["plain", "tab\there", "back\\slash and \\N", "quote \" and '", "newline\nhere", "Ω 16 Fr", ""]


def records(count: int) -> list[GoldenRecord]:
    now = timezone.now()
    return [
        GoldenRecord(public_id=f"MDM-IT-9{n:05d}", domain="item", created_at=now, updated_at=now, provenance={"n": [n]})
        for n in range(count)
    ]


def test_batches_are_cut_to_size_and_lose_nothing() -> None:
    assert list(bulk.batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(bulk.batched([], 2)) == []


@pytest.mark.parametrize("text", AWKWARD)
def test_text_of_any_kind_is_copied_as_it_is(text: str) -> None:
    row = records(1)[0]
    row.name, row.provenance = text, {"brand": {"value": text}}
    bulk.insert([row])
    stored = GoldenRecord.objects.get(public_id=row.public_id)
    assert (stored.name, stored.provenance) == (row.name, row.provenance)


def test_ids_are_given_before_rows_are_written_and_are_never_reused() -> None:
    first, second = records(2)
    bulk.give_ids([first, second])
    bulk.insert([first, second])
    assert second.pk > first.pk
    later = GoldenRecord.objects.create(
        public_id="MDM-IT-999999", domain="item", created_at=timezone.now(), updated_at=timezone.now()
    )
    assert later.pk > second.pk


def test_nothing_to_write_asks_nothing(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        bulk.insert([])
        bulk.update([])
        bulk.give_ids([])


def test_rows_get_their_times_and_their_defaults() -> None:
    golden = kit.twins()[0]
    bulk.insert([QualityIssue(golden=golden, rule="r", path="p", message="m")])
    issue = QualityIssue.objects.get()
    assert abs(issue.opened_at - timezone.now()) < dt.timedelta(minutes=1)
    assert issue.closed_at is None


def test_all_columns_of_existing_rows_are_written_and_of_no_others() -> None:
    rows = records(3)
    bulk.give_ids(rows)
    bulk.insert(rows)
    rows[0].name, rows[1].version, rows[1].provenance = "changed", 5, {"x": None}
    bulk.update(rows[:2])
    assert list(GoldenRecord.objects.order_by("pk").values_list("name", "version", "provenance")) == [
        ("changed", 0, {"n": [0]}), ("", 5, {"x": None}), ("", 0, {"n": [2]}),
    ]  # fmt: skip
    bulk.update(rows[1:2])  # the staging table is empty again
    assert GoldenRecord.objects.get(pk=rows[0].pk).name == "changed"


def test_a_refused_copy_leaves_the_transaction_usable() -> None:
    rows = records(1)
    bulk.insert(rows)
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert(rows)
    assert GoldenRecord.objects.count() == 1


def test_a_row_without_its_key_lets_the_database_give_one() -> None:
    now = timezone.now()
    bulk.insert([AuditEntry(at=now, actor=User.objects.system(), action="x", change_id=_uuid()) for _ in range(2)])
    assert AuditEntry.objects.filter(action="x").count() == 2


def _uuid() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT gen_random_uuid()")
        return str(cursor.fetchone()[0])


def test_only_rows_that_dont_stand_already_are_inserted() -> None:
    golden = kit.twins()[0]
    system, now = kit.code_system("erp").system, timezone.now()

    def told(values: dict[str, str]) -> list[Delivered]:
        return [Delivered(system=system, golden=golden, version=1, values=values, delivered_at=now)]

    assert bulk.insert_new(told({"brand": "A"}), unique="(system_id, golden_id)") == 1
    assert bulk.insert_new(told({"brand": "B"}), unique="(system_id, golden_id)") == 0
    assert Delivered.objects.get().values == {"brand": "A"}


def test_rows_made_in_number_are_as_the_model_makes_them() -> None:
    make = bulk.maker(SourceRecord)
    one, two = make(code="A", values={"x": 1}), make(code="B")
    expected = SourceRecord(code="B")
    assert {f.attname: getattr(two, f.attname) for f in SourceRecord._meta.concrete_fields} == {
        f.attname: getattr(expected, f.attname) for f in SourceRecord._meta.concrete_fields
    }
    assert one.values == {"x": 1}
    two.values["y"] = 2
    assert make(code="C").values == {}
    assert two._state.adding
