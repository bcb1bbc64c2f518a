"""References between golden records: a source names another record by its own code, the golden record by its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q

from mdm.canonical import DOMAINS, Field, Kind
from mdm.known import Known
from mdm.models import PRIMARY, CodeSystem, Crosswalk, PendingReference, SourceRecord, SourceSystem

Named = tuple[int, str, str]  # source system id, domain of the referenced record, its code there


def named_by(domain: str, source: SourceRecord) -> Iterable[tuple[str, Named]]:
    """Every reference a source record makes: (path, what it names)."""
    system = source.code_system.system_id
    for spec in DOMAINS[domain].referring:
        value = source.values.get(spec.name)
        if not value:
            continue
        if spec.kind is Kind.REFERENCE:
            yield spec.name, (system, spec.domain, str(value))
        else:
            yield from _named_by_children(spec, system, value)


def _named_by_children(spec: Field, system: int, rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, Named]]:
    for child in spec.children:
        if child.kind is Kind.REFERENCE:
            for row in rows:
                if row.get(child.name):
                    yield f"{spec.name}.{child.name}", (system, child.domain, str(row[child.name]))


def _own(known: Known, system: int, domain: str) -> CodeSystem:
    """The code system that a source system names its records of a domain by, made when it first names one."""
    found = known.of(system, domain, PRIMARY)
    return found or known.add(CodeSystem.objects.own(SourceSystem.objects.get(pk=system), domain))


class References:
    """The golden ids that a set of source records refers to, loaded with one query."""

    def __init__(self, known: Known, domain: str, sources: Sequence[SourceRecord]) -> None:
        self.domain = domain
        wanted = {named for source in sources for _, named in named_by(domain, source)}
        self._systems = {(system, other): _own(known, system, other) for system, other, _ in wanted}
        self._found = self._look_up(wanted)

    def _look_up(self, wanted: set[Named]) -> dict[tuple[int, str], int]:
        codes: dict[int, set[str]] = defaultdict(set)
        for system, domain, code in wanted:
            code_system = self._systems[system, domain]
            codes[code_system.pk].add(code_system.normalise(code))
        if not codes:
            return {}
        condition = Q()
        for code_system_id, values in codes.items():
            condition |= Q(code_system=code_system_id, code__in=values)
        live = Crosswalk.objects.filter(condition, known_to__isnull=True, valid_to__isnull=True)
        return {(cs, code): golden for cs, code, golden in live.values_list("code_system", "code", "golden")}

    def golden(self, named: Named) -> int | None:
        code_system = self._systems[named[:2]]
        return self._found.get((code_system.pk, code_system.normalise(named[2])))

    def resolved(self, source: SourceRecord) -> dict[str, Any]:
        """The source's values with golden ids for references; those that nobody knows yet are left out."""
        system = source.code_system.system_id
        values = dict(source.values)
        for spec in DOMAINS[self.domain].referring:
            if spec.name not in values:
                continue
            if spec.kind is Kind.REFERENCE:
                values[spec.name] = self.golden((system, spec.domain, str(values[spec.name])))
            else:
                values[spec.name] = self._children(spec, system, values[spec.name])
        return values

    def _children(self, spec: Field, system: int, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        refs = [c for c in spec.children if c.kind is Kind.REFERENCE]
        found = []
        for row in rows:
            row = dict(row) | {
                c.name: self.golden((system, c.domain, str(row[c.name]))) for c in refs if row.get(c.name)
            }
            if all(row.get(c.name) for c in refs):
                found.append(row)
        return found

    def pending(self, source: SourceRecord) -> Iterable[tuple[str, CodeSystem, str]]:
        """References to codes that are in no crosswalk yet: (path, code system, code)."""
        for path, named in named_by(self.domain, source):
            if self.golden(named) is None:
                code_system = self._systems[named[:2]]
                yield path, code_system, code_system.normalise(named[2])


def store_pending(
    references: References, sources_of: Mapping[int, Sequence[SourceRecord]], *, existing: Iterable[int]
) -> None:
    """Remember what each golden record still waits for. ``existing``: records that may have rows already."""
    PendingReference.objects.filter(golden__in=list(existing)).delete()
    rows = {
        (golden, path, cs.pk, code)
        for golden, sources in sources_of.items()
        for source in sources
        for path, cs, code in references.pending(source)
    }
    PendingReference.objects.bulk_create(
        [PendingReference(golden_id=g, path=p, code_system_id=cs, code=c) for g, p, cs, c in sorted(rows)],
        ignore_conflicts=True,
    )


def waiting_for(codes: Iterable[tuple[int, str]]) -> set[int]:
    """Golden records that wait for one of these (code system id, code)."""
    by_system: dict[int, list[str]] = defaultdict(list)
    for code_system, code in codes:
        by_system[code_system].append(code)
    condition = Q(pk__in=[])
    for code_system, values in by_system.items():
        condition |= Q(code_system=code_system, code__among=values)
    return set(PendingReference.objects.filter(condition).values_list("golden", flat=True))
