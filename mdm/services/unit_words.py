"""What a system calls units: said by an administrator, heeded at once by lookups and what lands, and read into what is
stored batch by batch.

A code system notes how far its records have been read with the new words: a run that was cut short goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction

from mdm import permissions, unit_schemes
from mdm.bulk import insert, update
from mdm.changes import Change
from mdm.engine import engine_for
from mdm.exceptions import InvalidValue
from mdm.locks import lock_name
from mdm.models import CodeSystem, SourceRecord, SourceRevision, User
from mdm.services import ingest
from mdm.units import nearby
from mdm.values import UOM_LENGTH, has_units, units_anew

BATCH = 500
State = SourceRecord.State


@transaction.atomic
def set_units(*, code_system: CodeSystem, units: Mapping[str, str], actor: User) -> CodeSystem:
    """What the system calls units, in place of what was said before: {its word: any spelling that Concord knows}."""
    permissions.require(actor, permissions.ADMINISTER)
    said = {word.strip().upper(): text.strip() for word, text in units.items()}
    for word, text in said.items():
        if not 0 < len(word) <= UOM_LENGTH:
            raise InvalidValue(f"A unit's word has 1 to {UOM_LENGTH} characters; {word[:20]!r} hasn't.")
        if unit_schemes.read(text) is None:
            raise InvalidValue(f"Concord knows no unit {text[:20]!r}. Near it are {', '.join(nearby(text))}.")
    lock_name("mapping", code_system.slug)  # what is landing with the old words is stored first
    row = (
        CodeSystem.objects.select_for_update(of=("self",), no_key=True).select_related("system").get(pk=code_system.pk)
    )
    before, row.units = row.units, said
    if before != said and has_units(row.domain):
        row.units_after = 0
    row.save(update_fields=["units", "units_after"])
    Change.begin(actor, "code_system.units").audit(about=row, before=before, after=said)
    return row


@transaction.atomic
def step() -> int:
    """Read a system's new words into one batch of its records; how many were looked at. What they can't read stays."""
    unread = CodeSystem.objects.filter(units_after__isnull=False).order_by("pk")
    system = unread.select_for_update(no_key=True).first()  # who lands records of it refers to it
    if system is None:
        return 0
    later = SourceRecord.objects.filter(code_system=system, pk__gt=system.units_after)
    batch = list(later.select_for_update().order_by("pk")[:BATCH])
    _read_anew(system, batch)
    system.units_after = batch[-1].pk if len(batch) == BATCH else None
    system.save(update_fields=["units_after"])
    return len(batch)


def _read_anew(system: CodeSystem, batch: Sequence[SourceRecord]) -> None:
    """A record that says something else by the new words is resolved anew: it keeps its link, what it says changes."""
    before = {record.pk: (record.version, record.values) for record in batch}
    changed = [record for record in batch if _changes(system, record)]
    if not changed:
        return
    insert(
        [
            SourceRevision(source=r, version=version, raw=r.raw, values=values, ingest_id=r.ingest_id)
            for r in changed
            for version, values in [before[r.pk]]
        ]
    )
    engine = engine_for(system.domain)
    for record in changed:
        record.content_hash = ingest.content_hash(record.values, record.uom)
        record.standardised = engine.standardise(ingest.independent(record))
        record.dictionaries, record.version = engine.dictionaries, record.version + 1
        if record.state in (State.LINKED, State.REVIEW):
            record.state = State.PENDING
    update(changed)
    ingest.write_keys(engine, changed, replaced=[record.pk for record in changed])
    Change.begin(User.objects.system(), "code_system.units_read").audit(about=system, after={"changed": len(changed)})


def _changes(system: CodeSystem, record: SourceRecord) -> bool:
    """Read the record's units by its system's words; whether it says something else now."""
    read = units_anew(record.domain, record.values, record.written, system.units)
    if read.problems or all(record.values.get(name) == value for name, value in read.values.items()):
        return False
    record.values, record.written = {**record.values, **read.values}, read.written
    return True
