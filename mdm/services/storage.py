"""Golden records written set-wise, with what simple-history does for one row done for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql

from mdm import arrays
from mdm.bulk import give_ids, insert, maker, next_values, update
from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.models import ATTRIBUTES, GoldenRecord
from mdm.rows import CHILD_TABLES, ChildTable, columns_of, fill, read
from mdm.survivorship import child_key


def new_goldens(domain: str, count: int, change: Change) -> list[GoldenRecord]:
    """Draft golden records with ids and public ids, not yet written."""
    prefix, golden = DOMAINS[domain].prefix, maker(GoldenRecord)
    made = [
        golden(public_id=f"MDM-{prefix}-{number:06d}", domain=domain, created_at=change.at, updated_at=change.at)
        for number in next_values(f"mdm_public_id_{domain}", count)
    ]
    give_ids(made)
    return made


def write(change: Change, rows: Sequence[models.Model], *, created: Collection[int] = ()) -> None:
    """Write rows by primary key, and one history row each. ``created``: primary keys that are new."""
    fresh: list[models.Model] = []
    standing: list[models.Model] = []
    for row in rows:
        (fresh if row.pk in created else standing).append(row)
    insert(fresh)
    update(standing)
    add_history(change, fresh, "+")
    add_history(change, standing, "~")


REMEMBER = """
INSERT INTO {history} ({columns}, history_date, history_user_id, history_change_reason, history_type)
SELECT {columns}, %s, %s, %s, %s FROM {table} WHERE {key} = ANY(%s) ORDER BY {key}
"""


def add_history(change: Change, rows: Sequence[models.Model], kind: str) -> None:
    """One history row each, of what stands in the table now: "+" created, "~" changed, "-" about to go. Rows of one
    change share its time, for as-of views.
    """
    if not rows:
        return
    model: Any = type(rows[0])
    meta, history = model._meta, model.history.model._meta
    columns = [field.column for field in history.model.tracked_fields]
    statement = sql.SQL(REMEMBER).format(
        history=sql.Identifier(history.db_table),
        table=sql.Identifier(meta.db_table),
        key=sql.Identifier(meta.pk.column),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    about = change.at, change.actor.pk, str(change.id), kind
    with connection.cursor() as cursor:
        cursor.execute(statement, [*about, arrays.numbers(row.pk for row in rows)])


def write_attributes(
    change: Change,
    domain: str,
    values: Mapping[int, Mapping[str, Any]],
    extra: Mapping[int, Mapping[str, Any]],
    *,
    created: set[int],
) -> None:
    """Write the attribute rows and children of golden records from canonical values (references as ids)."""
    made = maker(ATTRIBUTES[domain])
    specs = DOMAINS[domain].by_name
    rows = [made(golden_id=pk, **columns_of(specs, stated), **extra.get(pk, {})) for pk, stated in values.items()]
    write(change, rows, created=created)
    for table in CHILD_TABLES[domain]:
        _write_children(change, table, {pk: stated.get(table.name) or [] for pk, stated in values.items()}, created)


def _write_children(
    change: Change, table: ChildTable, wanted: Mapping[int, Sequence[Mapping[str, Any]]], created: set[int]
) -> None:
    have = _existing_children(table, [pk for pk in wanted if pk not in created])
    fresh, altered = [], []
    for parent, rows in wanted.items():
        for position, stated in enumerate(rows, start=1):
            row = have.pop((parent, *_key(table, stated)), None)
            if row is None:
                fresh.append(_filled(table, table.model(**{table.parent: parent}), stated, position))
            elif _differs(table, row, stated, position):
                altered.append(_filled(table, row, stated, position))
    gone = list(have.values())
    add_history(change, gone, "-")
    if gone:
        table.model._default_manager.filter(pk__in=[row.pk for row in gone]).delete()
    give_ids(fresh)
    write(change, [*fresh, *altered], created={row.pk for row in fresh})


def _existing_children(table: ChildTable, parents: Sequence[int]) -> dict[tuple[Any, ...], models.Model]:
    if not parents:
        return {}
    rows: Iterable[models.Model] = table.model._default_manager.filter(**{f"{table.parent}__in": parents})
    return {(getattr(r, table.parent), *_key(table, read(r, table.spec.children))): r for r in rows}


def _key(table: ChildTable, stated: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(part or None for part in child_key(table.spec, stated))


def _filled(table: ChildTable, row: models.Model, stated: Mapping[str, Any], position: int) -> models.Model:
    fill(row, table.spec.children, stated)
    if table.name == "packaging":
        row.position = position  # type: ignore[attr-defined]
    return row


def _differs(table: ChildTable, row: models.Model, stated: Mapping[str, Any], position: int) -> bool:
    before = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    probe = _filled(table, table.model(**before), stated, position)
    return any(getattr(probe, name) != value for name, value in before.items())
