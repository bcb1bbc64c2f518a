import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0005_calibration"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="relation",
            name="relation_once",
        ),
        migrations.AddField(
            model_name="relation",
            name="site",
            field=models.ForeignKey(
                blank=True,
                help_text="The location that it holds for; empty: everywhere.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="mdm.goldenrecord",
            ),
        ),
        migrations.AddConstraint(
            model_name="relation",
            constraint=models.UniqueConstraint(
                fields=("kind", "subject", "object", "site", "valid_from"), name="relation_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="relation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_from__isnull", True),
                    ("valid_to__isnull", True),
                    ("valid_from__lte", models.F("valid_to")),
                    _connector="OR",
                ),
                name="relation_ends_no_sooner_than_it_begins",
            ),
        ),
    ]
