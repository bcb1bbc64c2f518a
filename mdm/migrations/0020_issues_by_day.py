from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0019_units_as_written"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="qualityissue",
            index=models.Index(fields=["opened_at"], name="quality_issue_opened"),
        ),
        migrations.AddIndex(
            model_name="qualityissue",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False)), fields=["closed_at"], name="quality_issue_closed"
            ),
        ),
    ]
