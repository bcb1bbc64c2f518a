"""Quality issues that follow from a golden record's own inputs: opened and closed with every rebuild."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from matching.standardise import items, sizes
from mdm.bulk import insert
from mdm.changes import Change
from mdm.models import PendingReference, QualityIssue

if TYPE_CHECKING:
    from mdm.services.survive import Rebuilt

Issue = tuple[int, str, str]  # golden id, rule, path


def refresh(built: Sequence[Rebuilt]) -> None:
    """Make the open issues of these records be exactly those that hold now."""
    wanted = {(r.golden.pk, rule, path): text for r in built for rule, path, text in _found(r)}
    ids = [r.golden.pk for r in built]
    for golden, path, code in PendingReference.objects.filter(golden__among=ids).values_list("golden", "path", "code"):
        wanted[golden, "unknown_reference", path] = f"{code} is in no feed yet; send the record it names"
    existing = [r.golden.pk for r in built if not r.is_new]
    have = {
        (row.golden_id, row.rule, row.path): row.pk
        for row in QualityIssue.objects.filter(golden__in=existing, closed_at__isnull=True)
    }
    _close([pk for key, pk in have.items() if key not in wanted])
    insert(
        [
            QualityIssue(golden_id=golden, rule=rule, path=path, message=text[:400])
            for (golden, rule, path), text in wanted.items()
            if (golden, rule, path) not in have
        ]
    )


def close_all(change: Change, golden_id: int) -> None:
    """The record is no more: nothing about it is left to mend."""
    QualityIssue.objects.filter(golden=golden_id, closed_at__isnull=True).update(closed_at=change.at)


def _close(ids: Sequence[int]) -> None:
    if ids:
        QualityIssue.objects.filter(pk__in=ids).update(closed_at=timezone.now())


def _found(record: Rebuilt) -> Iterable[tuple[str, str, str]]:
    for path, why in record.survived.provenance.items():
        if why.get("invalid"):
            yield "invalid_identifier", path, f"{why['value']}: {why['invalid']}"
        if why.get("refused"):
            yield "cycle", path, why["refused"]
    yield from _ladder(record.survived.values.get("packaging") or [])


def _ladder(levels: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str, str]]:
    for level in levels[1:]:
        if (level.get("quantity") or 0) < 1:
            yield (
                "packaging",
                f"packaging[{level.get('uom')}].quantity",
                "How many of the next lower unit is not stated",
            )


def size_attributes(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Sizes parsed from the size text, else from the description, units converted: [{"value": "16", "unit": "fr"}]."""
    size, text = values.get("size"), values.get("description") or ""
    described = (
        items.describe_term(size) if size else items.describe(text, whole=True)
    )  # many share a size, none a text
    parts = [sizes.split(size) for size in described.sizes]
    return [{"value": value, "unit": unit} for value, unit in parts]
