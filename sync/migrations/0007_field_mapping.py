from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_target_settings"),
    ]

    operations = [
        migrations.AddField(
            model_name="target",
            name="mapping",
            field=models.JSONField(
                blank=True, default=dict, help_text="See sync.fieldmap; empty: as the adapter has it."
            ),
        ),
    ]
