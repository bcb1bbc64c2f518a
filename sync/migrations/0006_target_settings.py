import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Lanes of critical records that wait already overtake as well.
URGENT = """
UPDATE sync_lane l SET urgent = true FROM mdm_goldenrecord g
WHERE g.id = l.record_id AND g.criticality = 'high' AND NOT l.urgent
"""


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0016_drift_answers"),
        ("sync", "0005_drift_answers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TargetVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("content", models.JSONField()),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.AddField(
            model_name="lane",
            name="urgent",
            field=models.BooleanField(db_default=False, help_text="Its record is of high criticality."),
        ),
        migrations.AddField(
            model_name="target",
            name="critical_first",
            field=models.BooleanField(
                default=True, help_text="Records of high criticality overtake the others that wait."
            ),
        ),
        migrations.AddField(
            model_name="target",
            name="per_minute",
            field=models.PositiveIntegerField(blank=True, help_text="Messages at most; empty: no limit.", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="schedule",
            field=models.JSONField(
                blank=True, default=dict, help_text="See sync.schedule; empty: at once, at any time."
            ),
        ),
        migrations.AddField(
            model_name="target",
            name="version",
            field=models.PositiveIntegerField(
                default=0, help_text="Of its settings: the number of the newest one kept."
            ),
        ),
        migrations.AddIndex(
            model_name="lane",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False), ("urgent", True)),
                fields=["target", "due_at"],
                name="lane_urgent",
            ),
        ),
        migrations.AddConstraint(
            model_name="target",
            constraint=models.CheckConstraint(
                condition=models.Q(("per_minute__gte", 1)), name="target_throttle_lets_something_through"
            ),
        ),
        migrations.AddField(
            model_name="targetversion",
            name="actor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="targetversion",
            name="target",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="sync.target"
            ),
        ),
        migrations.AddConstraint(
            model_name="targetversion",
            constraint=models.UniqueConstraint(fields=("target", "number"), name="target_version_once"),
        ),
        migrations.RunSQL(URGENT, migrations.RunSQL.noop),
    ]
