"""Checks and label batches, which people answer; change requests that propose rules."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Check",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("known", "A pair whose answer is known"),
                            ("blind", "A pair that somebody else has decided"),
                            ("sample", "An automatic link"),
                            ("label", "A pair to learn from"),
                        ],
                        max_length=8,
                    ),
                ),
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
                (
                    "expected",
                    models.BooleanField(
                        blank=True, help_text="The known or first answer; never shown to whoever is asked.", null=True
                    ),
                ),
                ("planned_at", models.DateTimeField(auto_now_add=True)),
                ("same", models.BooleanField(blank=True, help_text="The answer.", null=True)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="LabelBatch",
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
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name_plural": "label batches",
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="changerequest",
            name="policy",
            field=models.OneToOneField(
                blank=True,
                help_text="The version of the rules that is proposed.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="change_request",
                to="mdm.policy",
            ),
        ),
        migrations.AddField(
            model_name="changerequest",
            name="touched",
            field=models.ManyToManyField(
                blank=True,
                help_text="What the proposed rules would decide differently; looked at anew once they are in force.",
                related_name="+",
                to="mdm.sourcerecord",
            ),
        ),
        migrations.AlterField(
            model_name="changerequest",
            name="expected_version",
            field=models.PositiveIntegerField(
                help_text="The version of the subject, or of the rules in force, that the approver sees."
            ),
        ),
        migrations.AlterField(
            model_name="changerequest",
            name="path",
            field=models.CharField(blank=True, help_text='An attribute; of rules, which: "match:item".', max_length=80),
        ),
        migrations.AddConstraint(
            model_name="changerequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "policy"), ("policy__isnull", False)),
                    models.Q(models.Q(("kind", "policy"), _negated=True), ("policy__isnull", True)),
                    _connector="OR",
                ),
                name="change_request_of_rules_names_them",
            ),
        ),
        migrations.AddField(
            model_name="check",
            name="answered_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="check",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                help_text="Whose answer is expected.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="check",
            name="first",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mdm.sourcerecord"
            ),
        ),
        migrations.AddField(
            model_name="check",
            name="planned_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="check",
            name="second",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="mdm.sourcerecord"
            ),
        ),
        migrations.AddField(
            model_name="labelbatch",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="check",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="checks",
                to="mdm.labelbatch",
            ),
        ),
        migrations.AddConstraint(
            model_name="labelbatch",
            constraint=models.CheckConstraint(
                condition=models.Q(("domain__in", ["supplier", "cost_center", "location", "item"])),
                name="label_batch_domain_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="check",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", True)), fields=["domain", "id"], name="check_open"
            ),
        ),
        migrations.AddIndex(
            model_name="check",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", False)), fields=["domain", "kind"], name="check_answered"
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["known", "blind", "sample", "label"])), name="check_kind_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(("first__lt", models.F("second"))), name="check_pair_is_ordered"
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answered_at__isnull", True), ("answered_by__isnull", True), ("same__isnull", True)),
                    models.Q(("answered_at__isnull", False), ("answered_by__isnull", False), ("same__isnull", False)),
                    _connector="OR",
                ),
                name="check_answer_says_who_and_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("answered_by__isnull", True),
                    ("decided_by__isnull", True),
                    models.Q(("answered_by", models.F("decided_by")), _negated=True),
                    _connector="OR",
                ),
                name="check_nobody_answers_about_their_own",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("expected__isnull", True), ("kind__in", ("sample", "label"))),
                    models.Q(
                        ("decided_by__isnull", False), ("expected__isnull", False), ("kind__in", ("known", "blind"))
                    ),
                    _connector="OR",
                ),
                name="check_expected_names_who",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("batch__isnull", False), ("kind", "label")),
                    models.Q(models.Q(("kind", "label"), _negated=True), ("batch__isnull", True)),
                    _connector="OR",
                ),
                name="check_label_has_a_batch",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.UniqueConstraint(
                condition=models.Q(("answered_at__isnull", True)),
                fields=("kind", "first", "second"),
                name="check_one_open_per_kind_and_pair",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.UniqueConstraint(
                fields=("answered_by", "first", "second"), name="check_asks_nobody_twice"
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(condition=models.Q(("action", "split")), fields=["at"], name="audit_entry_splits"),
        ),
    ]
