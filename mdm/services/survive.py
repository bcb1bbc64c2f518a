"""Survivorship on the database: rebuild golden records from their inputs, and write what changed.

Every service that touches links, overrides or holds ends here, so a golden record is always the pure function of its
inputs that ``mdm.survivorship`` defines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone

from mdm import policies
from mdm.canonical import DOMAINS
from mdm.changes import Change, audit_all
from mdm.known import Known
from mdm.models import AuditEntry, ChangeEvent, GoldenRecord, Override, SourceRecord
from mdm.rows import canonical, load_values
from mdm.services import crosswalk, guard, hierarchy, quality, search_index
from mdm.services.events import announce
from mdm.services.references import References, store_pending
from mdm.services.storage import write, write_attributes
from mdm.signals import GoldenChange
from mdm.survivorship import OverrideInput, Policy, SourceInput, Survived, survive

Status = GoldenRecord.Status
Kinds = ChangeEvent.Kind
REFERENCES = {name: frozenset(f.name for f in domain.references) for name, domain in DOMAINS.items()}
SILENCED = "ingest.retire"  # the action that retires what no system speaks for any more


@dataclass(slots=True)
class Rebuilt:
    """One golden record on its way: what it was, what its inputs make of it."""

    golden: GoldenRecord
    before: dict[str, Any]
    sources: list[SourceRecord]
    survived: Survived
    is_new: bool
    changed: tuple[str, ...] = ()
    status: str = ""
    kind: str = field(default="")


def recompute(
    change: Change,
    domain: str,
    golden_ids: Collection[int],
    *,
    fresh: Mapping[int, GoldenRecord] | None = None,
    founders: Mapping[int, list[SourceRecord]] | None = None,
    relinked: Collection[int] = (),
    approved: Collection[tuple[int, str]] = (),
    kinds: Mapping[int, str] | None = None,
) -> list[GoldenChange]:
    """Rebuild these golden records and write those that changed, with history, audit, events and lanes.

    ``fresh``: records made in this transaction, not yet written; ``founders``: their sources, if at hand.
    ``relinked``: records whose sources or codes changed; they get a version even if no attribute did.
    ``approved``: (golden id, attribute) that a second person approved.
    ``kinds``: the event kind where it isn't created / updated / published / retired, e.g. for merges.
    """
    fresh = fresh or {}
    existing = _locked(change, set(golden_ids) - set(fresh))
    built = _rebuild(change.known, domain, existing | dict(fresh), set(fresh), founders or {})
    guard.hold(change, domain, built, approved=set(approved))
    hierarchy.break_cycles(domain, built)
    needed = policies.required(change.known, domain)
    codes_changed = crosswalk.set_identifiers(
        change,
        domain,
        {b.golden.pk: b.survived.values for b in built},
        existing=[b.golden.pk for b in built if not b.is_new],
    )
    silenced = _silenced(existing.values())
    written = []
    for record in built:
        touched = record.golden.pk in relinked or record.golden.pk in codes_changed
        _decide(record, needed, touched=touched, silenced=record.golden.pk in silenced)
        if kinds and record.golden.pk in kinds:
            record.kind = kinds[record.golden.pk]
        if record.kind:
            written.append(record)
    _write(change, domain, written)
    _refresh_provenance([b for b in built if not b.kind])
    _index(domain, built, existing, fresh)
    quality.refresh(built)
    return announce(change, [(r.golden, r.kind, r.changed) for r in written])


def _index(domain: str, built: Sequence[Rebuilt], existing: Mapping[int, GoldenRecord], fresh: Collection[int]) -> None:
    """Search finds the records by what their sources say now."""
    spoken = [search_index.Spoken(b.golden, speaking(b.sources), b.survived.values) for b in built]
    search_index.refresh(domain, spoken, fresh=fresh)
    silent = existing.keys() - {b.golden.pk for b in built}
    search_index.refresh_silent(domain, [existing[pk] for pk in sorted(silent)])


def _locked(change: Change, golden_ids: Collection[int]) -> dict[int, GoldenRecord]:
    """The records, locked; of those that were merged meanwhile, the survivors, with the sources linked since."""
    goldens = _lock(golden_ids)
    merged = {pk: g.merged_into_id for pk, g in goldens.items() if g.merged_into_id}
    if not merged:
        return goldens
    stray = list(SourceRecord.objects.filter(golden__in=merged).select_related("code_system").order_by("pk"))
    for source in stray:
        source.golden_id = merged[source.golden_id or 0]
    SourceRecord.objects.bulk_update(stray, ["golden"])
    crosswalk.move_sources(change, stray)
    goldens = {pk: golden for pk, golden in goldens.items() if pk not in merged}
    return goldens | _lock({pk for pk in merged.values() if pk not in goldens})


def _lock(golden_ids: Collection[int]) -> dict[int, GoldenRecord]:
    rows = GoldenRecord.objects.select_for_update(no_key=True).filter(pk__among=golden_ids).order_by("pk")
    return {golden.pk: golden for golden in rows}


def _silenced(goldens: Iterable[GoldenRecord]) -> set[int]:
    """Records that Concord itself retired, because no system spoke for them any more."""
    retired = [golden.pk for golden in goldens if golden.status == Status.RETIRED]
    if not retired:
        return set()
    entries = AuditEntry.objects.filter(golden__in=retired, after__status=Status.RETIRED).order_by("pk")
    return {pk for pk, action in dict(entries.values_list("golden", "action")).items() if action == SILENCED}


def preview(
    golden: GoldenRecord,
    added: Sequence[SourceRecord] = (),
    removed: Collection[SourceRecord] = (),
    *,
    linked: Sequence[SourceRecord] | None = None,
    known: Known | None = None,
) -> Survived:
    """What would survive if some records were linked to the golden record and others no longer. Reads only.

    ``linked``: its source records with their code systems, in the order of their ids, if at hand.
    """
    known, gone = known or Known(), {source.pk for source in removed}
    linked = _sources(known, [golden.pk])[golden.pk] if linked is None else linked
    sources = [s for s in linked if s.pk not in gone]
    return _foretold(known, golden.domain, [*sources, *added], _overrides([golden.pk])[golden.pk])


def preview_alone(domain: str, sources: Sequence[SourceRecord]) -> Survived:
    """What would survive if these records made a golden record of their own. Reads only."""
    return _foretold(Known(), domain, sources, [])


def _foretold(
    known: Known, domain: str, sources: Sequence[SourceRecord], overrides: Sequence[OverrideInput]
) -> Survived:
    references = References(known, domain, sources)
    inputs = [_input(domain, s, references) for s in speaking(sources)]
    survived = survive(domain, inputs, overrides, policies.survivorship_policy(known, domain))
    _canonical(domain, survived)
    return survived


def under(known: Known, domain: str, goldens: Mapping[int, GoldenRecord], policy: Policy) -> dict[int, dict[str, Any]]:
    """The values that would survive under a policy, by golden id. Reads only."""
    sources_of = _sources(known, goldens)
    references = References(known, domain, [s for sources in sources_of.values() for s in sources])
    overrides, found = _overrides(goldens), {}
    for pk in goldens:
        inputs = [_input(domain, s, references) for s in speaking(sources_of[pk])]
        survived = survive(domain, inputs, overrides[pk], policy)
        _canonical(domain, survived)
        found[pk] = survived.values
    return found


def _rebuild(
    known: Known, domain: str, goldens: Mapping[int, GoldenRecord], fresh: set[int],
    founders: Mapping[int, list[SourceRecord]],
) -> list[Rebuilt]:  # fmt: skip
    sources_of = _sources(known, goldens.keys() - founders.keys()) | dict(founders)
    every = [s for sources in sources_of.values() for s in sources]
    references = References(known, domain, every)
    overrides = _overrides(goldens.keys() - fresh)
    before = load_values(domain, [pk for pk in goldens if pk not in fresh])
    policy = policies.survivorship_policy(known, domain)
    store_pending(references, sources_of, existing=[pk for pk in goldens if pk not in fresh])
    built = []
    for pk, golden in sorted(goldens.items()):
        if not sources_of[pk]:
            continue  # nobody ever speaks for it again: it stays as it was last seen
        inputs = [_input(domain, s, references) for s in speaking(sources_of[pk])]
        survived = survive(domain, inputs, overrides[pk], policy)
        _canonical(domain, survived)
        built.append(Rebuilt(golden, before.get(pk, {}), sources_of[pk], survived, is_new=pk in fresh))
    return built


def _sources(known: Known, goldens: Iterable[int]) -> dict[int, list[SourceRecord]]:
    found: dict[int, list[SourceRecord]] = {pk: [] for pk in goldens}
    rows = list(SourceRecord.objects.filter(golden__among=list(found)).defer("raw", "standardised").order_by("pk"))
    known.attach(rows)
    for row in rows:
        if row.golden_id is not None:
            found[row.golden_id].append(row)
    return found


def speaking(sources: Sequence[SourceRecord]) -> list[SourceRecord]:
    """A record that its system retired says nothing any more, unless nobody else speaks for the golden record."""
    return [s for s in sources if s.state != SourceRecord.State.RETIRED] or list(sources)


def _input(domain: str, source: SourceRecord, references: References) -> SourceInput:
    return SourceInput(
        source=source.pk,
        system=source.code_system.system.code,
        trust=source.code_system.system.trust_in(domain),
        at=source.source_updated_at.isoformat(),
        values=references.resolved(source),
        echo=frozenset(source.echo),
        invalid=source.invalid,
    )


def _overrides(goldens: Collection[int]) -> dict[int, list[OverrideInput]]:
    """Overrides in force of these golden records. A survivor also reads those of the records merged into it, where it
    has none of its own; a hold belongs to the record that it was made for.
    """
    if not goldens:
        return defaultdict(list)
    rows = Override.objects.filter(
        Q(golden__in=list(goldens)) | Q(golden__merged_into__in=list(goldens), kind=Override.Kind.STEWARD),
        Q(until__isnull=True) | Q(until__gt=timezone.now()),
        withdrawn_at__isnull=True,
    ).select_related("author", "golden")
    found: dict[int, dict[tuple[str, str], OverrideInput]] = defaultdict(dict)
    ordered = sorted(rows, key=lambda r: (r.golden.merged_into_id is None, r.created_at))
    _follow_merges(ordered)
    for row in ordered:
        owner = row.golden.merged_into_id or row.golden_id
        found[owner][row.path, row.kind] = guard.as_input(row)
    return defaultdict(list, {owner: list(rows.values()) for owner, rows in found.items()})


def _follow_merges(overrides: Iterable[Override]) -> None:
    """A steward's reference to a record that was merged since means the survivor."""
    named = {row: row.value for row in overrides if row.value and row.path in REFERENCES[row.golden.domain]}
    merged = GoldenRecord.objects.filter(pk__in=named.values(), merged_into__isnull=False) if named else ()
    survivors = {golden.pk: golden.merged_into_id for golden in merged}
    for row, value in named.items():
        row.value = survivors.get(value, value)


def _canonical(domain: str, survived: Survived) -> None:
    """Write values the way they will be read back, so that equal values compare equal."""
    specs, values = DOMAINS[domain].by_name, survived.values
    values.update({name: canonical(specs[name], value) for name, value in values.items() if value is not None})


def _decide(record: Rebuilt, needed: tuple[str, ...], *, touched: bool, silenced: bool) -> None:
    """What happens to the record: its changed attributes, its status and the kind of event; kind "" means nothing.

    A record that fell silent lives again when a system speaks for it; one that a person retired does not.
    """
    golden, values = record.golden, record.survived.values
    record.changed = tuple(sorted(k for k, v in values.items() if v != record.before.get(k)))
    record.status = golden.status
    heard = silenced and any(s.state != SourceRecord.State.RETIRED for s in record.sources)
    if heard or (golden.status == Status.DRAFT and policies.gate_is_open(needed, values)):
        record.status = Status.LIVE
    if record.is_new:
        record.kind = Kinds.CREATED
    elif record.status != golden.status:
        record.kind = Kinds.PUBLISHED
    elif record.changed or touched:
        record.kind = Kinds.UPDATED


def _write(change: Change, domain: str, records: Sequence[Rebuilt]) -> None:
    created = {r.golden.pk for r in records if r.is_new}
    for record in records:
        _advance(change, domain, record)
    write(change, [r.golden for r in records], created=created)
    rows = [r for r in records if r.is_new or r.changed]
    write_attributes(
        change,
        domain,
        {r.golden.pk: r.survived.values for r in rows},
        {r.golden.pk: _derived(domain, r.survived.values) for r in rows},
        created=created,
    )
    audit_all(
        [
            change.entry(golden=r.golden, version=r.golden.version, after={"kind": r.kind, "changed": list(r.changed)})
            for r in records
        ]
    )


def _advance(change: Change, domain: str, record: Rebuilt) -> None:
    golden, values = record.golden, record.survived.values
    golden.version += 1
    golden.status = record.status
    if golden.status != Status.DRAFT:
        golden.approved_version = golden.version
    golden.criticality = policies.criticality(domain, values)
    golden.name = policies.label(domain, values)
    golden.provenance = record.survived.provenance
    golden.updated_at = change.at


def _derived(domain: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"size_attributes": quality.size_attributes(values)} if domain == "item" else {}


def _refresh_provenance(records: Iterable[Rebuilt]) -> None:
    """The same values for other reasons: not a version, but the record page tells the truth."""
    stale = []
    for record in records:
        if record.golden.provenance != record.survived.provenance:
            record.golden.provenance = record.survived.provenance
            stale.append(record.golden)
    GoldenRecord.objects.bulk_update(stale, ["provenance"], batch_size=500)
