"""What stays as it is while one action runs: the rules in force and the code systems, each read once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from mdm.models import CodeSystem, Policy, SourceRecord, SourceSystem


class Known:
    """Read when first asked for. It goes with the action: the next one reads anew what others have changed since."""

    @cached_property
    def _policies(self) -> dict[tuple[str, str], Policy]:
        return {(row.kind, row.domain): row for row in Policy.objects.filter(active=True)}

    def policy(self, kind: str, domain: str) -> Policy | None:
        return self._policies.get((kind, domain))

    @cached_property
    def code_systems(self) -> dict[int, CodeSystem]:
        """Every code system by id, with its source system."""
        return {row.pk: row for row in CodeSystem.objects.select_related("system")}

    @cached_property
    def systems(self) -> dict[int, SourceSystem]:
        """Every source system that codes anything, by id."""
        return {row.system_id: row.system for row in self.code_systems.values()}

    def of(self, system: int, domain: str, kind: str) -> CodeSystem | None:
        """A source system's code system of a domain and kind."""
        rows = self.code_systems.values()
        return next((r for r in rows if (r.system_id, r.domain, r.kind) == (system, domain, kind)), None)

    def add(self, code_system: CodeSystem) -> CodeSystem:
        """One that the action itself has made."""
        self.code_systems[code_system.pk] = code_system
        return code_system

    def attach(self, sources: Sequence[SourceRecord]) -> None:
        """Give source records their code systems, one object for all that share one: a join would make one a row."""
        if any(source.code_system_id not in self.code_systems for source in sources):
            del self.code_systems  # one that came since
        for source in sources:
            source.code_system = self.code_systems[source.code_system_id]
