from django.db import migrations, models
from django.utils import timezone

STATES = [
    ("waiting", "Waiting"),
    ("running", "Being made"),
    ("done", "Ready"),
    ("failed", "Failed"),
    ("expired", "Deleted"),
]
KNOWN = models.Q(("state__in", [name for name, _ in STATES]))
TELLING = [("domainexport", "began_at"), ("domainexport", "finished_at")]


class Migration(migrations.Migration):
    """Exports, exports of a domain and downtime packs are jobs of one kind: they count how many workers began them."""

    dependencies = [("mdm", "0017_indexes_of_what_waits")]

    operations = [
        migrations.RemoveConstraint("export", "export_state_is_known"),
        migrations.RemoveConstraint("downtimepack", "downtime_pack_state_is_known"),
        migrations.RenameField("export", "asked_at", "requested_at"),
        migrations.AlterField("export", "requested_at", models.DateTimeField(default=timezone.now)),
        migrations.AddField("export", "began_at", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(
            "UPDATE mdm_export SET state = 'running', began_at = requested_at WHERE state = 'writing'",
            "UPDATE mdm_export SET state = 'writing' WHERE state = 'running'",
        ),
        *(
            migrations.AddField(
                model,
                "attempts",
                models.PositiveSmallIntegerField(default=0, help_text="How many workers have begun it."),
            )
            for model in ("export", "domainexport")
        ),
        *(
            migrations.AlterField(model, "state", models.CharField(choices=STATES, default="waiting", max_length=8))
            for model in ("export", "domainexport", "downtimepack")
        ),
        *(migrations.AlterField(model, name, models.DateTimeField(blank=True, null=True)) for model, name in TELLING),
        migrations.AddConstraint("export", models.CheckConstraint(condition=KNOWN, name="export_state_is_known")),
        migrations.AddConstraint(
            "downtimepack", models.CheckConstraint(condition=KNOWN, name="downtime_pack_state_is_known")
        ),
    ]
