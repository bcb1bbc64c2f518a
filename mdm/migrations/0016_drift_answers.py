from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0015_downtime"),
    ]

    operations = [
        migrations.AlterField(
            model_name="changerequest",
            name="kind",
            field=models.CharField(
                choices=[
                    ("merge", "Merge two golden records"),
                    ("retire", "Retire a golden record"),
                    ("guarded_value", "Change a guarded value"),
                    ("policy", "Change a policy"),
                    ("substitute", "Allow a substitute"),
                    ("target_value", "Take over a target's value"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="workitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("possible_match", "Possible match"),
                    ("possible_duplicate", "Possible duplicate"),
                    ("new_record", "New record"),
                    ("weak_link", "Link in doubt"),
                    ("invalid_data", "Invalid data"),
                    ("feed_problem", "Feed problem"),
                    ("change_request", "Change to approve"),
                    ("failed_delivery", "Failed delivery"),
                    ("local_exception", "Local exception ended"),
                ],
                max_length=20,
            ),
        ),
    ]
