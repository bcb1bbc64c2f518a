import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0016_drift_answers"),
        ("sync", "0004_inbound_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="drift",
            name="answers",
            field=models.JSONField(blank=True, default=dict, help_text="{field: pushed, proposed or pinned}"),
        ),
        migrations.AlterField(
            model_name="drift",
            name="resolution",
            field=models.CharField(blank=True, help_text="Once nothing of it is open: the last answer.", max_length=20),
        ),
        migrations.CreateModel(
            name="LocalException",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("field", models.CharField(help_text="An attribute of the canonical model.", max_length=60)),
                (
                    "value",
                    models.JSONField(help_text="As the target holds it, in the form that payloads have.", null=True),
                ),
                ("reason", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        help_text="Who is asked when it ends.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="local_exceptions",
                        to="mdm.goldenrecord",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="exceptions", to="sync.target"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)), fields=["until"], name="local_exception_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("target", "record", "field"),
                        name="local_exception_one_live_per_field",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("until__gt", models.F("created_at"))), name="local_exception_lasts"
                    ),
                ],
            },
        ),
    ]
