"""Exports: every published record of a domain as one file, all as of the same moment, made by a worker."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from mdm import jobs, permissions
from mdm.canonical import DOMAINS, Field, Kind
from mdm.changes import Change
from mdm.models import ChangeEvent, DomainExport, GoldenRecord, User
from mdm.moment import one_moment
from mdm.services import publish

BATCH = 500
KEPT = dt.timedelta(days=7)
LOST = dt.timedelta(minutes=40)  # longer than a worker may take for one
State = DomainExport.State


@transaction.atomic
def ask(*, domain: str, format: str, actor: User) -> DomainExport:
    """Have a file made. The same that waits already is that one."""
    permissions.require(actor, permissions.VIEW)
    waiting = DomainExport.objects.filter(domain=domain, format=format, requester=actor, state=State.WAITING).first()
    if waiting is not None:
        return waiting
    made = DomainExport.objects.create(domain=domain, format=format, requester=actor)
    Change.begin(actor, "export").audit(about=made, after={"domain": domain, "format": format})
    transaction.on_commit(partial(jobs.wake, "export_domain", str(made.pk)))
    return made


def idle(*, patience: dt.timedelta = jobs.PATIENCE) -> list[Any]:
    """Ids of those that no worker seems to have heard of, or whose worker died."""
    return jobs.idle(DomainExport, lost=LOST, patience=patience)


def make(pk: Any) -> bool:
    """Make one, unless another worker does. A failure is kept with it."""
    export = jobs.take(DomainExport, pk)
    if export is None:
        return False
    with jobs.carried_out(export):
        _write(export)
    return True


def place(export: DomainExport) -> Path:
    return Path(settings.MEDIA_ROOT) / "domain-exports" / f"{export.pk}.{export.format}"


def _write(export: DomainExport) -> None:
    path = place(export)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    with draft.open("wb") as file, one_moment():
        export.position = ChangeEvent.objects.aggregate(last=Max("position"))["last"] or 0
        writer = _ndjson if export.format == DomainExport.Format.NDJSON else _parquet
        export.records = writer(file, export.domain)
    export.size, export.sha256 = draft.stat().st_size, _digest(draft)
    os.replace(draft, path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _batches(domain: str) -> Iterator[list[publish.Payload]]:
    """Every published record that is not merged, by id."""
    last = 0
    while True:
        rows = GoldenRecord.objects.filter(domain=domain, approved_version__gt=0, pk__gt=last)
        ids = list(rows.exclude(status="merged").order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not ids:
            return
        last = ids[-1]
        shown = publish.payloads(ids)
        yield [shown[pk] for pk in ids]


def _ndjson(file: BinaryIO, domain: str) -> int:
    count = 0
    for batch in _batches(domain):
        file.writelines(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in batch)
        count += len(batch)
    return count


def _parquet(file: BinaryIO, domain: str) -> int:
    """One column per attribute; references as {id, name}, children as lists of structures, amounts as text."""
    own = [pa.field(spec.name, _type(spec)) for spec in DOMAINS[domain].fields]
    code = pa.struct(
        [(n, pa.string()) for n in ("system", "code_system", "kind", "code", "uom")] + [("preferred", pa.bool_())]
    )
    head = [("id", pa.string()), ("version", pa.int64()), ("status", pa.string()), ("codes", pa.list_(code))]
    schema = pa.schema([*head, *own])
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(domain):
            rows = [{name: one[name] for name, _ in head} | _typed(domain, one["attributes"]) for one in batch]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(batch)
    return count


_TYPES = {Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.DATE: pa.date32(), Kind.LIST: pa.list_(pa.string())}


def _type(spec: Field) -> Any:
    if spec.kind is Kind.CHILDREN:
        return pa.list_(pa.struct([(child.name, _type(child)) for child in spec.children]))
    if spec.kind is Kind.REFERENCE:
        return pa.struct([("id", pa.string()), ("name", pa.string())])
    return _TYPES.get(spec.kind, pa.string())


def _typed(domain: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {spec.name: _value(spec, attributes[spec.name]) for spec in DOMAINS[domain].fields}


def _value(spec: Field, value: Any) -> Any:
    if value is None:
        return None
    if spec.kind is Kind.CHILDREN:
        return [{child.name: _value(child, row[child.name]) for child in spec.children} for row in value]
    return dt.date.fromisoformat(value) if spec.kind is Kind.DATE else value


def forget_old() -> int:
    """Delete files that are a week old, with what is known of them."""
    old = DomainExport.objects.filter(finished_at__lt=timezone.now() - KEPT)
    for export in old:
        place(export).unlink(missing_ok=True)
    return old.delete()[0]
