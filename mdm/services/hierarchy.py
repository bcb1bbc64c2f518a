"""Hierarchies refuse cycles: a parent that would make a record its own ancestor is left out and said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdm.locks import lock_name
from mdm.models import ATTRIBUTES

if TYPE_CHECKING:
    from mdm.services.survive import Rebuilt

TREES = frozenset(("supplier", "location", "cost_center"))
REASON = "Left out: it would make the record its own ancestor"


def break_cycles(domain: str, built: Sequence[Rebuilt]) -> None:
    """Drop, in public id order, each new parent that would close a cycle with what is stored or accepted before it."""
    if domain not in TREES:
        return
    moved = [r for r in built if r.survived.values["parent"] not in (None, r.before.get("parent"))]
    if not moved:
        return
    lock_name("hierarchy", domain)  # two transactions could otherwise close a cycle together
    parents = _stored_parents(domain)
    for record in built:
        parents[record.golden.pk] = record.before.get("parent")
    for record in sorted(moved, key=lambda r: r.golden.public_id):
        wanted = record.survived.values["parent"]
        if _reaches(parents, wanted, record.golden.pk):
            record.survived.values["parent"] = record.before.get("parent")
            record.survived.provenance.setdefault("parent", {})["refused"] = REASON
        else:
            parents[record.golden.pk] = wanted


def _stored_parents(domain: str) -> dict[int, int | None]:
    rows = ATTRIBUTES[domain]._default_manager.filter(parent__isnull=False)
    return dict(rows.values_list("golden_id", "parent_id"))


def _reaches(parents: dict[int, int | None], start: int | None, goal: int) -> bool:
    seen: set[int] = set()
    node = start
    while node is not None and node not in seen:
        if node == goal:
            return True
        seen.add(node)
        node = parents.get(node)
    return False
