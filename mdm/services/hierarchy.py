"""Hierarchies refuse cycles: a parent that would make a record its own ancestor is left out and said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mdm.locks import lock_name
from mdm.models import ATTRIBUTES, GoldenRecord

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
    for record in sorted(moved, key=lambda r: r.golden.public_id):
        golden, wanted = record.golden.pk, record.survived.values["parent"]
        if _reaches(parents, wanted, golden):
            record.survived.values["parent"] = _kept(parents, record.before.get("parent"), golden)
            record.survived.provenance.setdefault("parent", {})["refused"] = REASON
        else:
            parents[golden] = wanted


def _kept(parents: Mapping[int, int | None], before: int | None, golden: int) -> int | None:
    """The parent so far, unless a merge has made it a descendant."""
    return None if _reaches(parents, before, golden) else before


def _stored_parents(domain: str) -> dict[int, int | None]:
    """{golden id: parent's golden id}; a record that was merged leads to its survivor."""
    rows = ATTRIBUTES[domain]._default_manager.filter(parent__isnull=False)  # type: ignore[misc]
    parents: dict[int, int | None] = dict(rows.values_list("golden_id", "parent_id"))  # type: ignore[misc]
    merged = GoldenRecord.objects.filter(domain=domain, merged_into__isnull=False)
    return parents | dict(merged.values_list("pk", "merged_into_id"))


def _reaches(parents: Mapping[int, int | None], start: int | None, goal: int) -> bool:
    seen: set[int] = set()
    node = start
    while node is not None and node not in seen:
        if node == goal:
            return True
        seen.add(node)
        node = parents.get(node)
    return False
