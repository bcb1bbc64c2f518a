from django.db import migrations, models


def follow_again(apps, schema_editor):
    """Rules in force were followed by the records that their proposal named only; the rest follows now."""
    apps.get_model("mdm", "Policy").objects.filter(kind="survivorship", active=True).update(followed_to=0)


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0012_bulk_failures"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="followed_to",
            field=models.BigIntegerField(
                blank=True,
                help_text="The golden record up to which all were rebuilt under these survivorship rules; null: nothing to do.",
                null=True,
            ),
        ),
        migrations.RunPython(follow_again, migrations.RunPython.noop),
    ]
