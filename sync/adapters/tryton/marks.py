"""Which version of which golden record a Tryton record holds: an attachment of the kind *link* on the record.

Tryton has no field for it. An attachment stands on every record of every model without a module of its own, doesn't
appear on documents, and leads whoever opens it to the golden record. Its name is ``Concord MDM-SU-000001``, its
description ``version 7.0``: version and generation. Of a merged record a second line says what replaces it: nobody may
write a party's *Replaced by*, Tryton's own wizard *Replace* does that and moves the documents.

A version is *claimed* before it is written and *settled* after: ``version 6.0, writing 7.0``. Both are written only if
the attachment is as it was read (``_timestamp``), and the record is read again in between. So of two workers that have
the same record the slower one gets a conflict, whatever its version, and a crash in between is seen and repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .rpc import Row, Rpc

ATTACHMENT = "ir.attachment"
PREFIX = "Concord "
_WRITTEN = re.compile(r"version (\d+)\.(\d+)(?:, writing (\d+)\.(\d+))?(?:\n|$)")
NONE = (0, 0)
Stand = tuple[int, int]  # version and generation


@dataclass(frozen=True, slots=True)
class Mark:
    id: int
    record: str  # public id
    timestamp: str
    applied: Stand = NONE
    claimed: Stand = NONE

    @classmethod
    def of(cls, row: Row) -> Mark:
        found = _WRITTEN.match(row["description"] or "")
        numbers = [int(number or 0) for number in found.groups()] if found else [0, 0, 0, 0]
        applied, claimed = (numbers[0], numbers[1]), (numbers[2], numbers[3])
        return cls(row["id"], row["name"].removeprefix(PREFIX), row["_timestamp"], applied, max(applied, claimed))


@dataclass(frozen=True, slots=True)
class Claim:
    """A record at Tryton, for which a version is to be written, and its mark if it has one."""

    resource: str  # "party.party,5"
    record: str
    stand: Stand
    replaced_by: str | None
    mark: Mark | None = None


class Marks:
    def __init__(self, rpc: Rpc, record_url: str) -> None:
        self._rpc, self._url = rpc, record_url

    def of(self, model: str, ids: Iterable[int]) -> dict[int, Mark]:
        """{id: mark} of the records that have one; of several, the one that got furthest."""
        resources = [f"{model},{number}" for number in ids]
        if not resources:
            return {}
        domain = [["resource", "in", resources], ["name", "like", f"{PREFIX}MDM-%"]]
        rows = self._rpc.find(ATTACHMENT, domain, ["name", "description", "resource", "_timestamp"])
        found: dict[int, Mark] = {}
        for row in rows:
            number, mark = int(row["resource"].partition(",")[2]), Mark.of(row)
            if number not in found or (mark.claimed, -mark.id) > (found[number].claimed, -found[number].id):
                found[number] = mark
        return found

    def claim(self, claims: Sequence[Claim]) -> None:
        """Say what will be written. Raises Conflict, and claims nothing, when one was changed meanwhile."""
        self._write({c: f"version {_text(c.mark.applied if c.mark else NONE)}, writing {_text(c.stand)}"
                     for c in claims})  # fmt: skip

    def settle(self, claims: Sequence[Claim]) -> None:
        """Say what was written."""
        more = {c: f"\nReplaced by {c.replaced_by}" if c.replaced_by else "" for c in claims}
        self._write({c: f"version {_text(c.stand)}{more[c]}" for c in claims})

    def _write(self, told: Mapping[Claim, str]) -> None:
        held = [(claim.mark, text) for claim, text in told.items() if claim.mark]
        if held:
            pairs = [part for mark, text in held for part in ([mark.id], {"description": text})]
            read = {f"{ATTACHMENT},{mark.id}": mark.timestamp for mark, _ in held}
            self._rpc(ATTACHMENT, "write", *pairs, _timestamp=read)
        if new := [self._new(claim, text) for claim, text in told.items() if claim.mark is None]:
            self._rpc(ATTACHMENT, "create", new)

    def _new(self, claim: Claim, text: str) -> Row:
        link = self._url.format(id=claim.record) or None
        name = PREFIX + claim.record
        return {"name": name, "type": "link", "link": link, "description": text, "resource": claim.resource}


def _text(stand: Stand) -> str:
    return f"{stand[0]}.{stand[1]}"
