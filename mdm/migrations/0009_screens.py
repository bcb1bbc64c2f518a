import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0008_workplace"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "domain",
                    models.CharField(
                        choices=[
                            ("supplier", "Supplier"),
                            ("cost_center", "Cost center"),
                            ("location", "Location"),
                            ("item", "Item"),
                        ],
                        max_length=12,
                    ),
                ),
                ("format", models.CharField(choices=[("csv", "CSV"), ("xlsx", "Excel")], max_length=4)),
                ("filter", models.JSONField(default=dict, help_text="As mdm.filters.Filter.parameters.")),
                ("columns", models.JSONField(default=list, help_text="Names of attributes, in order.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("writing", "Being written"),
                            ("done", "Ready"),
                            ("failed", "Failed"),
                            ("expired", "Deleted"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("rows", models.PositiveIntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("path", models.CharField(blank=True, help_text="Below MEDIA_ROOT.", max_length=255)),
                ("seen", models.BooleanField(default=False, help_text="Its owner has been told that it is ready.")),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
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
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=models.Q(("sterile__isnull", False)), fields=["sterile"], name="item_sterile"),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=models.Q(("latex", ""), _negated=True), fields=["latex"], name="item_latex"),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("lifecycle", ""), _negated=True), fields=["lifecycle"], name="item_lifecycle"
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("mri_safety", ""), _negated=True), fields=["mri_safety"], name="item_mri_safety"
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=models.Q(("implant__isnull", False)), fields=["implant"], name="item_implant"),
        ),
        migrations.AddIndex(
            model_name="location",
            index=models.Index(
                condition=models.Q(("location_type", ""), _negated=True),
                fields=["location_type"],
                name="location_location_type",
            ),
        ),
        migrations.AddIndex(
            model_name="supplier",
            index=models.Index(
                condition=models.Q(("supplier_type", ""), _negated=True),
                fields=["supplier_type"],
                name="supplier_supplier_type",
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
        migrations.AddField(
            model_name="export",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="exports", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(fields=["user", "-id"], name="export_of_user"),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "writing", "done", "failed", "expired"])),
                name="export_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "done"), _negated=True), models.Q(("path", ""), _negated=True), _connector="OR"
                ),
                name="export_done_has_a_file",
            ),
        ),
    ]
