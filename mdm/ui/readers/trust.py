"""What a proposed change of survivorship rules would do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mdm.canonical import DOMAINS
from mdm.models import ChangeRequest, GoldenRecord, Policy
from mdm.ui.readers.compare import text_of


class TrustProposal:
    """A proposed change of survivorship rules: what it would change in which golden records."""

    def __init__(self, request: ChangeRequest) -> None:
        self.request = request
        self.policy: Policy = request.policy  # type: ignore[assignment]  # rules.propose gives it one
        self.spec = DOMAINS[self.policy.domain]
        self.population: dict[str, Any] = request.diff.get("population", {})

    @property
    def rules(self) -> list[tuple[str, str, Any, Any]]:
        """(attribute, system, before, after)."""
        parts = ((path.split("."), part) for path, part in self.request.diff.items() if path != "population")
        return [(self._label(name), system, part["before"], part["after"]) for (name, system), part in parts]

    @property
    def fields(self) -> list[tuple[str, int]]:
        return [(self._label(name), number) for name, number in self.population.get("fields", {}).items()]

    @cached_property
    def examples(self) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
        """(public id, name, [(attribute, before, after)]) of some records."""
        rows = self.population.get("examples", [])
        names = dict(
            GoldenRecord.objects.filter(public_id__in=[row["golden"] for row in rows]).values_list("public_id", "name")
        )
        ids = {v for row in rows for part in row["changes"].values() for v in part.values() if isinstance(v, int)}
        referred = dict(GoldenRecord.objects.filter(pk__in=ids).values_list("pk", "name"))
        return [
            (row["golden"], names.get(row["golden"], ""), [
                self._change(name, part["before"], part["after"], referred) for name, part in row["changes"].items()
            ])
            for row in rows
        ]  # fmt: skip

    def _label(self, name: str) -> str:
        spec = self.spec.by_name.get(name)
        return spec.label if spec else name

    def _change(self, name: str, before: Any, after: Any, names: Mapping[int, str]) -> tuple[str, str, str]:
        return self._label(name), self._text(name, before, names), self._text(name, after, names)

    def _text(self, name: str, value: Any, names: Mapping[int, str]) -> str:
        spec = self.spec.by_name.get(name)
        return text_of(spec, value, names) if spec else str(value)
