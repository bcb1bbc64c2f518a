from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="feedrun",
            name="paused",
            field=models.BooleanField(default=False, help_text="Nobody takes it until somebody lets it go on."),
        ),
    ]
