"""Exports: all of a filtered list as CSV or Excel, written by a worker row by row, so that size doesn't matter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from openpyxl import Workbook

from mdm import filters, permissions
from mdm.canonical import DOMAINS, Kind
from mdm.changes import Change
from mdm.exceptions import Refused
from mdm.interrupts import fresh_connection
from mdm.models import Export, User
from mdm.rows import from_column
from mdm.spreadsheet import csv_lines, harmless

log = structlog.get_logger(__name__)

KEPT = dt.timedelta(days=7)
STALE = dt.timedelta(minutes=15)  # a writer that has not finished by then is dead
CHUNK = 2_000
EXCEL_ROWS = 1_048_575  # besides the headings
MOST_WAITING = 5  # of one user
State = Export.State


@transaction.atomic
def ask(*, wanted: filters.Filter, columns: Sequence[str], format: str, actor: User) -> Export:
    """Have a worker write what a filter finds."""
    permissions.require(actor, permissions.VIEW)
    if format not in Export.Format.values:
        raise Refused("Choose CSV or Excel.")
    if Export.objects.filter(user=actor, state__in=(State.WAITING, State.WRITING)).count() >= MOST_WAITING:
        raise Refused(f"{MOST_WAITING} of your exports are still being written. Wait for one of them.")
    known = [name for name in columns if name in wanted.domain.by_name]
    made = Export.objects.create(
        user=actor, domain=wanted.domain.name, format=format, filter=wanted.parameters, columns=known
    )
    Change.begin(actor, "export.asked").audit(about=made, after={"domain": made.domain, "filter": made.filter})
    transaction.on_commit(lambda: wake(made.pk))
    return made


def wake(export_id: int) -> None:
    """Tell a worker. If the broker is away, upkeep finds the export."""
    from mdm.tasks import write_export

    try:
        write_export.delay(export_id)
    except (OperationalError, ConnectionError):
        log.warning("broker away, upkeep will write this export", export=export_id)


def run(export_id: int) -> Export:
    """Write the file, unless somebody else does. What goes wrong is kept for its owner to see, and not tried again."""
    taken = Export.objects.filter(pk=export_id, state=State.WAITING).update(
        state=State.WRITING, asked_at=timezone.now()
    )
    export = Export.objects.get(pk=export_id)
    if not taken:
        return export
    path = Path(settings.MEDIA_ROOT) / "exports" / f"{export.pk}.{export.format}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        export.rows = _write(export, path)
        export.state, export.path = State.DONE, str(path.relative_to(settings.MEDIA_ROOT))
        export.finished_at = timezone.now()
        export.save()
    except Refused as refused:
        _failed(export, path, refused.message)
    except Exception as error:
        fresh_connection()
        _failed(export, path, f"{type(error).__name__}. Ask for it again; if it fails again, for fewer records.")
        raise
    return export


def _failed(export: Export, path: Path, why: str) -> None:
    path.unlink(missing_ok=True)
    export.state, export.error, export.path, export.finished_at = State.FAILED, why[:500], "", timezone.now()
    export.save()


def _write(export: Export, path: Path) -> int:
    """Returns how many records."""
    table, rows = _rows(export), 0
    if export.format == Export.Format.CSV:
        with path.open("w", encoding="utf-8", newline="") as file:
            return sum(file.write(line) > 0 for line in csv_lines(table)) - 2  # byte order mark and headings
    book = Workbook(write_only=True)
    sheet = book.create_sheet(DOMAINS[export.domain].plural)
    try:
        for rows, row in enumerate(table):
            if rows > EXCEL_ROWS:
                raise Refused(f"Excel holds {EXCEL_ROWS:,} rows; this has more. Export it as CSV.")
            sheet.append([harmless(cell) for cell in row])
    finally:
        sheet.close()  # it writes to a file of its own until then
    book.save(path)
    return rows


def _rows(export: Export) -> Iterator[Sequence[Any]]:
    """Headings, then one row per record, read with a server-side cursor."""
    wanted = filters.parse(export.domain, export.filter)
    specs = [wanted.domain.by_name[name] for name in export.columns]
    yield ["Id", "Name", "Status", "Version", "Changed", *(spec.label for spec in specs)]
    paths = [
        f"{export.domain}__{spec.name}__public_id" if spec.kind is Kind.REFERENCE else f"{export.domain}__{spec.name}"
        for spec in specs
    ]
    base = ("public_id", "name", "status", "version", "updated_at")
    for row in wanted.rows().order_by("pk").values_list(*base, *paths).iterator(chunk_size=CHUNK):
        *head, changed = row[: len(base)]
        cells = (
            value if spec.kind is Kind.REFERENCE else _said(from_column(spec, value))
            for spec, value in zip(specs, row[len(base) :], strict=True)
        )
        yield [*head, changed.isoformat(timespec="seconds"), *cells]


def _said(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


@transaction.atomic
def expire(*, now: dt.datetime) -> int:
    """Delete the files of exports whose time is over, and put those of dead writers back; returns how many went."""
    Export.objects.filter(state=State.WRITING, asked_at__lt=now - STALE).update(state=State.WAITING)
    over = list(Export.objects.filter(state=State.DONE, finished_at__lt=now - KEPT))
    for export in over:
        (Path(settings.MEDIA_ROOT) / export.path).unlink(missing_ok=True)
    Export.objects.filter(pk__in=[export.pk for export in over]).update(state=State.EXPIRED)
    left = Export.objects.filter(state=State.WAITING, asked_at__lt=now - dt.timedelta(minutes=1))
    for pk in left.values_list("pk", flat=True):
        transaction.on_commit(partial(wake, pk))
    return len(over)
