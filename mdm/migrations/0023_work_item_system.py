"""Work items name the system of their source, so that a queue of one system is read off an index of its own.

The trigger keeps it true however an item is made, by code of the release before as well.
"""

import django.db.models.deletion
from django.db import migrations, models

NAMED = """
CREATE FUNCTION concord_work_item_names_its_system() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.system_id := (SELECT c.system_id FROM mdm_sourcerecord s JOIN mdm_codesystem c ON c.id = s.code_system_id
                      WHERE s.id = NEW.source_id);
    RETURN NEW;
END $$;
CREATE TRIGGER names_its_system BEFORE INSERT OR UPDATE OF source_id ON mdm_workitem
    FOR EACH ROW WHEN (NEW.source_id IS NOT NULL) EXECUTE FUNCTION concord_work_item_names_its_system();
UPDATE mdm_workitem w SET system_id = c.system_id
    FROM mdm_sourcerecord s JOIN mdm_codesystem c ON c.id = s.code_system_id
    WHERE s.id = w.source_id AND w.system_id IS NULL;
"""

NAMED_BACK = """
DROP TRIGGER names_its_system ON mdm_workitem;
DROP FUNCTION concord_work_item_names_its_system();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("mdm", "0022_fewer_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="workitem",
            name="system",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                help_text="The source's system, by which queues are filtered. A trigger sets it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="mdm.sourcesystem",
            ),
        ),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(
                condition=models.Q(
                    ("kind__in", ("possible_match", "possible_duplicate", "new_record", "weak_link")),
                    ("state", "open"),
                ),
                fields=["system", "-priority", "due_at", "id"],
                name="work_item_of_system",
            ),
        ),
        migrations.RunSQL(NAMED, NAMED_BACK),
    ]
