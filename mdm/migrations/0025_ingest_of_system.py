"""Whether a system has sent something lately is one look at an index, however much it has sent before."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("mdm", "0024_changed_pairs"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="ingest",
            index=models.Index(fields=["code_system", "started_at"], name="ingest_of_system"),
        ),
        migrations.AlterField(
            model_name="ingest",
            name="code_system",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ingests",
                to="mdm.codesystem",
            ),
        ),
    ]
