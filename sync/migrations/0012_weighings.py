import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0011_overlap_in_the_box"),
    ]

    operations = [
        migrations.CreateModel(
            name="Weighing",
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
                (
                    "after",
                    models.BigIntegerField(default=0, help_text="Golden records up to this one have been dealt with."),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="weighings", to="sync.target"
                    ),
                ),
            ],
            options={
                "ordering": ["target", "domain"],
                "constraints": [
                    models.UniqueConstraint(fields=("target", "domain"), name="weighing_one_per_target_and_domain")
                ],
            },
        ),
    ]
