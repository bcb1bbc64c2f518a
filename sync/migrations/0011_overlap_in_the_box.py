"""When a webhook's old secret ends lies with the secrets now. A rotation that is under way ends with the upgrade."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0010_target_on_drift")]

    operations = [migrations.RemoveField(model_name="webhook", name="old_secret_until")]
