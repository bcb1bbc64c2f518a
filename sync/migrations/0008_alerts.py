import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0007_field_mapping"),
    ]

    operations = [
        migrations.AddField(
            model_name="target",
            name="objectives",
            field=models.JSONField(blank=True, default=dict, help_text="See sync.objectives; empty: no alerts."),
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("lag", "Changes take too long"),
                            ("success", "Too many messages fail"),
                            ("unreachable", "Does not answer"),
                        ],
                        max_length=12,
                    ),
                ),
                ("measured", models.FloatField(help_text="Seconds, or a share; the newest.")),
                ("objective", models.FloatField()),
                ("since", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "mailed",
                    models.CharField(blank=True, help_text="What was told last: opened or ended.", max_length=6),
                ),
                ("called", models.CharField(blank=True, help_text="The same, of the webhook.", max_length=6)),
                (
                    "due_at",
                    models.DateTimeField(
                        blank=True, help_text="When it may next be told; null: all is told.", null=True
                    ),
                ),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, help_text="In vain, since the last that was told."),
                ),
                ("error", models.CharField(blank=True, max_length=300)),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="alerts", to="sync.target"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="alert_due")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["lag", "success", "unreachable"])), name="alert_kind_is_known"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("target", "kind"),
                        name="alert_one_open_per_kind",
                    ),
                ],
            },
        ),
    ]
