"""Exports: all of a filtered list as CSV or Excel, written by a worker row by row, so that size doesn't matter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from openpyxl import Workbook

from mdm import filters, jobs, permissions
from mdm.canonical import DOMAINS, Kind
from mdm.changes import Change
from mdm.exceptions import Refused
from mdm.models import Export, User
from mdm.rows import from_column
from mdm.spreadsheet import csv_lines, harmless

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
    if Export.objects.filter(user=actor, state__in=(State.WAITING, State.RUNNING)).count() >= MOST_WAITING:
        raise Refused(f"{MOST_WAITING} of your exports are still being written. Wait for one of them.")
    known = [name for name in columns if name in wanted.domain.by_name]
    made = Export.objects.create(
        user=actor, domain=wanted.domain.name, format=format, filter=wanted.parameters, columns=known
    )
    Change.begin(actor, "export.asked").audit(about=made, after={"domain": made.domain, "filter": made.filter})
    transaction.on_commit(partial(jobs.wake, "write_export", made.pk))
    return made


def idle() -> list[Any]:
    """Ids of those that no worker seems to have heard of, or whose worker died."""
    return jobs.idle(Export, lost=STALE)


def make(export_id: int) -> bool:
    """Write the file, unless somebody else does. A failure is kept with it."""
    export = jobs.take(Export, export_id)
    if export is None:
        return False
    path = Path(settings.MEDIA_ROOT) / "exports" / f"{export.pk}.{export.format}"
    with jobs.carried_out(export):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            export.rows = _write(export, path)
            export.path = str(path.relative_to(settings.MEDIA_ROOT))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return True


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
    """Delete the files of exports whose time is over; returns how many went."""
    over = list(Export.objects.filter(state=State.DONE, finished_at__lt=now - KEPT))
    for export in over:
        (Path(settings.MEDIA_ROOT) / export.path).unlink(missing_ok=True)
    Export.objects.filter(pk__in=[export.pk for export in over]).update(state=State.EXPIRED)
    return len(over)
