"""What SAP holds for a record, out of OData v2's JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sync.adapters.base import ErrorClass, PeerError
from sync.adapters.http import Reply

from .mapping import Entity, Layout

_STAND = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Held:
    record: str  # public id; empty for a record that isn't kept in step yet
    stand: tuple[int, int]  # version and generation
    etag: str
    entity: Entity

    @classmethod
    def of(cls, layout: Layout, version: str, found: Mapping[str, Any]) -> Held:
        stand = _STAND.match(found.get(version) or "")
        numbers = (int(stand[1]), int(stand[2])) if stand else (0, 0)
        etag = str((found.get("__metadata") or {}).get("etag") or "")
        return cls(found.get(layout.id_property) or "", numbers, etag, _plain(found))


def held(layout: Layout, version: str, reply: Reply) -> Held:
    """Out of the reply to a read by key. Raises PeerError when it holds no entity."""
    answer = reply.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("d"), dict):
        raise PeerError("An answer without an entity.", ErrorClass.PROTOCOL)
    return Held.of(layout, version, answer["d"])


def _plain(entity: Mapping[str, Any]) -> Entity:
    """Without metadata; rows as lists."""
    out: Entity = {}
    for name, value in entity.items():
        if isinstance(value, Mapping) and isinstance(value.get("results"), list):
            out[name] = [_plain(row) for row in value["results"]]
        elif name != "__metadata":
            out[name] = value
    return out


def quoted(text: str) -> str:
    """A string literal: quotes are doubled (OData 2.0, URI Conventions)."""
    return "'" + text.replace("'", "''") + "'"


def key_path(layout: Layout, number: str) -> str:
    return f"{layout.entity_set}({escaped(number)})"


def escaped(text: str) -> str:
    return quote(quoted(text), safe="'")
