"""Packaging levels, addresses and supplier parts as label and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mdm.canonical import Field
from mdm.ui import words

Child = Mapping[str, Any]


def texts(spec: Field, rows: Sequence[Child]) -> list[tuple[str, str]]:
    """One pair per child: ``("BX", "10 EA · 10614141093165")``, ``("Remit-to", "1 Main St · Springfield")``."""
    lower = ["", *(row.get("uom") or "" for row in rows)]
    return [(label(spec, row), text(spec, row, lower[i])) for i, row in enumerate(rows)]


def joined(spec: Field, rows: Sequence[Child]) -> str:
    return " · ".join(f"{name} {rest}" for name, rest in texts(spec, rows)) or words.EMPTY


def label(spec: Field, row: Child) -> str:
    key = row.get(spec.child_key)
    return words.display(next(f for f in spec.children if f.name == spec.child_key), key)


def path(spec: Field, row: Child) -> str:
    """As overrides address it: ``packaging[BX]``."""
    key = row.get(spec.child_key)
    return f"{spec.name}[{key['id'] if isinstance(key, dict) else key}]"


def text(spec: Field, row: Child, lower: str = "") -> str:
    """A child without its key. ``lower``: the unit that a packaging level holds."""
    if spec.name == "supplier_parts":
        return _part(row)
    if spec.name == "packaging":
        return _level(row, lower)
    parts = (words.display(f, row[f.name]) for f in spec.children if f.name != spec.child_key and row.get(f.name))
    return ", ".join(parts) or words.EMPTY


def _level(level: Child, lower: str) -> str:
    held = level.get("quantity")
    holds = f"{held or '?'} {lower}" if lower else "base" if (held or 1) == 1 else f"{held} base units"
    flags = (word for word in ("orderable", "chargeable") if level.get(word))
    return " · ".join(part for part in (holds, level.get("gtin"), *flags) if part)


def _part(part: Child) -> str:
    per = f" per {part['uom']}" if part.get("uom") else ""
    price = f"{part['price']} {part.get('currency') or ''}".strip() + per if part.get("price") else ""
    since = f"from {words.show_date(part['valid_from'])}" if part.get("valid_from") else ""
    until = f"to {words.show_date(part['valid_to'])}" if part.get("valid_to") else ""
    named = (part.get("number"), price, part.get("contract"), part.get("tier"), f"{since} {until}".strip())
    return " · ".join(word for word in named if word) or words.EMPTY
