"""Migrations after the first release don't stand in the way of work on large tables (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

UP_TO_THE_FIRST_RELEASE = {"mdm": 23, "sync": 13}  # they meet empty tables
LARGE = {
    "attempt", "auditentry", "changeevent", "crosswalk", "delivered", "goldenrecord", "inboundrecord", "item", "lane",
    "letter", "location", "matchkey", "packaginglevel", "qualityissue", "searchdocument", "sourcerecord",
    "sourcerevision", "supplier", "workitem",
}  # fmt: skip


def locking(operations: Sequence[Operation]) -> Iterator[str]:
    """Tables that these would lock for as long as it takes to read them."""
    for operation in operations:
        if type(operation) is migrations.AddIndex and operation.model_name.lower().removeprefix("historical") in LARGE:
            yield operation.model_name
        elif isinstance(operation, migrations.RunSQL | migrations.SeparateDatabaseAndState):
            text = str(getattr(operation, "sql", "")).upper()
            if "CREATE INDEX" in text and "CONCURRENTLY" not in text:
                yield text[:60]


def test_indexes_of_large_tables_are_built_beside_the_work():
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if int(name[:4]) > UP_TO_THE_FIRST_RELEASE.get(app, 9999):
            assert list(locking(migration.operations)) == [], f"{app} {name}: use AddIndexConcurrently"


def test_what_would_lock_a_large_table_is_recognised():
    index = models.Index(fields=["code"], name="some_index")
    told = [
        migrations.AddIndex("crosswalk", index),
        migrations.AddIndex("HistoricalItem", index),
        migrations.AddIndex("savedview", index),
        AddIndexConcurrently("crosswalk", index),
        migrations.RunSQL("CREATE INDEX some_index ON mdm_crosswalk (code)"),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY some_index ON mdm_crosswalk (code)"),
    ]
    found = list(locking(told))
    assert found == ["crosswalk", "HistoricalItem", "CREATE INDEX SOME_INDEX ON MDM_CROSSWALK (CODE)"]


def test_every_large_table_is_one():
    loader = MigrationLoader(None)
    known = {name for app, name in loader.project_state().models if app in UP_TO_THE_FIRST_RELEASE}
    assert known >= LARGE, LARGE - known
