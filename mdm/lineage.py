"""What a record's place in its own system's tree says about it: "Room 101" means nothing without the building.

A room's own row rarely repeats the building's name and address; its ancestors in the same feed have them. What is taken
from them helps to recognise the record; it is not stated by it, and never becomes a golden value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mdm.models import CodeSystem, SourceRecord

TREES = frozenset(("location", "cost_center"))
PLACE = ("line1", "city", "state", "postcode")
DEPTH = 12  # deeper than any hospital's tree; also ends a walk around a cycle


class Lineage:
    """The tree of one code system: what is stored, and the rows in hand on top of it."""

    def __init__(self, code_system: CodeSystem) -> None:
        self._known: dict[str, Mapping[str, Any]] = {}
        self.is_tree = code_system.domain in TREES
        if self.is_tree:
            stored = SourceRecord.objects.filter(code_system=code_system).values_list("code", "values")
            self._known.update(stored)

    def add(self, rows: Sequence[Any]) -> None:
        """Rows with ``code`` and ``values``; a parent may stand after its children."""
        if self.is_tree:
            self._known.update((row.code, row.values) for row in rows)

    def enrich(self, code: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values with ``parent_name`` (all ancestors, nearest first) and what they lack of the nearest address."""
        ancestors = self._ancestors(code, values) if self.is_tree else []
        if not ancestors:
            return values
        added: dict[str, Any] = {"parent_name": ", ".join(str(a["name"]) for a in ancestors if a.get("name"))}
        if not values.get("line1"):
            placed: Mapping[str, Any] = next((a for a in ancestors if a.get("line1")), {})
            added |= {name: placed[name] for name in PLACE if placed.get(name) and not values.get(name)}
        return {**values, **added}

    def _ancestors(self, code: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        seen = {code}
        parent = values.get("parent")
        while parent and parent not in seen and parent in self._known and len(found) < DEPTH:
            seen.add(parent)
            found.append(self._known[parent])
            parent = found[-1].get("parent")
        return found
