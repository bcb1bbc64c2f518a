"""What the database itself refuses: rewriting history, and records that are their own ancestors."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION concord_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON mdm_auditentry
    FOR EACH ROW EXECUTE FUNCTION concord_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON mdm_sourcerevision
    FOR EACH ROW EXECUTE FUNCTION concord_append_only();
CREATE TRIGGER append_only BEFORE DELETE ON mdm_changeevent
    FOR EACH ROW EXECUTE FUNCTION concord_append_only();
CREATE TRIGGER append_only BEFORE DELETE ON mdm_goldenrecord
    FOR EACH ROW EXECUTE FUNCTION concord_append_only();
CREATE TRIGGER append_only BEFORE DELETE ON mdm_judgement
    FOR EACH ROW EXECUTE FUNCTION concord_append_only();

CREATE FUNCTION concord_event_gets_its_position_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.position IS NOT NULL OR to_jsonb(NEW) - 'position' <> to_jsonb(OLD) - 'position' THEN
        RAISE EXCEPTION 'a change event only ever gets its position' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER position_once BEFORE UPDATE ON mdm_changeevent
    FOR EACH ROW EXECUTE FUNCTION concord_event_gets_its_position_once();

CREATE FUNCTION concord_crosswalk_is_only_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.known_to IS NULL AND NEW.known_to IS NOT NULL
       AND to_jsonb(NEW) - 'known_to' = to_jsonb(OLD) - 'known_to' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a crosswalk row is closed, never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER only_closed BEFORE UPDATE OR DELETE ON mdm_crosswalk
    FOR EACH ROW EXECUTE FUNCTION concord_crosswalk_is_only_closed();
"""

APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON mdm_auditentry;
DROP TRIGGER append_only ON mdm_sourcerevision;
DROP TRIGGER append_only ON mdm_changeevent;
DROP TRIGGER append_only ON mdm_goldenrecord;
DROP TRIGGER append_only ON mdm_judgement;
DROP TRIGGER position_once ON mdm_changeevent;
DROP TRIGGER only_closed ON mdm_crosswalk;
DROP FUNCTION concord_append_only(), concord_event_gets_its_position_once(), concord_crosswalk_is_only_closed();
"""

# TG_ARGV[0]: the key column that parent_id points to
NO_CYCLE = """
CREATE FUNCTION concord_no_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own bigint := (to_jsonb(NEW) ->> TG_ARGV[0])::bigint;
    found boolean;
BEGIN
    IF NEW.parent_id IS NULL OR (TG_OP = 'UPDATE' AND NEW.parent_id IS NOT DISTINCT FROM OLD.parent_id) THEN
        RETURN NULL;
    END IF;
    EXECUTE format(
        'WITH RECURSIVE up(id) AS (SELECT $1 UNION SELECT t.parent_id FROM up JOIN %I t ON t.%I = up.id
         WHERE t.parent_id IS NOT NULL) SELECT EXISTS (SELECT 1 FROM up WHERE id = $2)',
        TG_TABLE_NAME, TG_ARGV[0]) INTO found USING NEW.parent_id, own;
    IF found THEN
        RAISE EXCEPTION 'record % would be its own ancestor', own USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = TG_TABLE_NAME || '_no_cycle';
    END IF;
    RETURN NULL;
END $$;
"""

TREES = {"mdm_supplier": "golden_id", "mdm_location": "golden_id", "mdm_costcenter": "golden_id", "mdm_glaccount": "id"}
NO_CYCLE += "".join(
    f"CREATE TRIGGER no_cycle AFTER INSERT OR UPDATE ON {table} "
    f"FOR EACH ROW EXECUTE FUNCTION concord_no_cycle('{key}');\n"
    for table, key in TREES.items()
)
NO_CYCLE_BACK = "".join(f"DROP TRIGGER no_cycle ON {table};\n" for table in TREES) + "DROP FUNCTION concord_no_cycle();"

DOMAINS = ("item", "supplier", "location", "cost_center")
SEQUENCES = "".join(f"CREATE SEQUENCE mdm_public_id_{d};\n" for d in DOMAINS) + "CREATE SEQUENCE mdm_event_position;"
SEQUENCES_BACK = "".join(f"DROP SEQUENCE mdm_public_id_{d};\n" for d in DOMAINS) + "DROP SEQUENCE mdm_event_position;"


class Migration(migrations.Migration):
    dependencies = [("mdm", "0001_initial")]
    operations = [
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(NO_CYCLE, NO_CYCLE_BACK),
        migrations.RunSQL(SEQUENCES, SEQUENCES_BACK),
    ]
