"""Lookups read past what was corrected, and find what a record was at an instant without sorting its whole history.

The tables are large: indexes are built beside the work that goes on, new ones before old ones go.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

# History tables are made by simple-history; these two are asked what a record was at an instant.
HISTORIES = {"goldenrecord": "id", "item": "golden_id"}


def of_history(table, key):
    name = f"{table}_history_of_record"
    return migrations.RunSQL(
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON mdm_historical{table} ({key}, history_date, history_id)",
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("mdm", "0020_issues_by_day")]

    operations = [
        AddIndexConcurrently(
            model_name="crosswalk",
            index=models.Index(
                fields=["code_system", "code", "known_to"],
                include=("golden", "uom", "preferred", "valid_from", "valid_to", "known_from"),
                name="crosswalk_of_code",
            ),
        ),
        AddIndexConcurrently(
            model_name="crosswalk",
            index=models.Index(
                fields=["golden", "code_system", "known_to"],
                include=("code", "uom", "preferred", "valid_from", "valid_to", "known_from"),
                name="crosswalk_of_record",
            ),
        ),
        RemoveIndexConcurrently(model_name="crosswalk", name="crosswalk_lookup"),
        RemoveIndexConcurrently(model_name="crosswalk", name="crosswalk_of_golden"),
        migrations.AlterField(
            model_name="crosswalk",
            name="code_system",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="mdm.codesystem",
            ),
        ),
        *(of_history(table, key) for table, key in HISTORIES.items()),
    ]
