"""One of many values, given as one array."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mdm.models import GoldenRecord, SourceRecord
from mdm.models.among import Numbers
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def test_rows_by_key_by_text_and_by_what_they_refer_to() -> None:
    ingest = kit.land("erp", {code: {"description": f"Catheter {code}"} for code in ("A", "B,C", '"D"')})
    one, two = kit.source("erp", "A"), kit.source("erp", "B,C")
    assert set(SourceRecord.objects.filter(pk__among={one.pk, two.pk})) == {one, two}
    assert list(SourceRecord.objects.filter(code__among=["B,C", "E"])) == [two]
    assert SourceRecord.objects.filter(code_system__among=[one.code_system_id]).count() == 3
    assert not SourceRecord.objects.exclude(ingest__among=[ingest.pk]).exists()


def test_keys_that_django_need_not_look_at() -> None:
    kit.land("erp", {code: {"description": f"Catheter {code}"} for code in ("A", "B")})
    one = kit.source("erp", "A")
    assert list(SourceRecord.objects.filter(pk__among=Numbers([one.pk]))) == [one]
    assert SourceRecord.objects.filter(code_system__among=Numbers([one.code_system_id])).count() == 2
    assert not SourceRecord.objects.filter(pk__among=Numbers([])).exists()


def test_no_values_no_rows() -> None:
    assert not GoldenRecord.objects.filter(pk__among=[]).exists()


def test_a_thousand_values_are_one_parameter() -> None:
    with CaptureQueriesContext(connection) as asked:
        list(GoldenRecord.objects.filter(pk__among=range(1000)).values_list("pk"))
    assert "ANY" in asked[0]["sql"]
    assert "IN (" not in asked[0]["sql"]
