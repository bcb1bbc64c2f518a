"""X12 832 price and sales catalogues (005010 and its neighbours) as items.

A LIN loop is an item. Catalogues that Concord itself has written (``sync.adapters.x12_sftp``) are read by the same
templates; in those of others, what a place means depends on its qualifiers:

    {"code": ["VC", "VN", "IN"], "supplier": "SUP-42", "partial": false, "answer": "999"}

``code``: the LIN qualifiers whose value is the sender's own code of the item, the first one that is there.
``supplier``: whom the prices are of, where N1*SE doesn't say it by a code that the sender's system keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sync.adapters.x12_sftp import templates
from sync.adapters.x12_sftp.mapping import CONTINUED, ITEM, PACKAGING, PREFERRED, SUPPLIER_PART
from sync.inbound.formats import Action, BadProfile, Identity, Parsed, Profile, UnreadableMessage
from sync.inbound.x12_text import Group, Interchange, Segment, TransactionSet, component_mark, decoded, segments, survey

CODE = ("SK", "VC", "VN", "IN", "CB", "MG")  # element 235: ours at them, the vendor's, the buyer's, the maker's
GTINS = ("UK", "UP", "EN", "UI", "UA")  # U.P.C. and EAN in their lengths
PARTS = ("VC", "VN", "VP")
ENDED = ("024", "002")  # element 875: cancelled, deleted
SETTINGS = ("code", "supplier", "partial", "answer")


def check(profile: Profile) -> None:
    """Raises ``BadProfile``."""
    if unknown := sorted(set(profile) - set(SETTINGS)):
        raise BadProfile(f"The profile has unknown settings: {', '.join(unknown)}. Known: {', '.join(SETTINGS)}.")
    if profile.get("answer", "997") not in ("997", "999"):
        raise BadProfile("answer is 997 or 999.")
    code = profile.get("code", [])
    if not isinstance(code, list) or any(not isinstance(one, str) or len(one) != 2 for one in code):
        raise BadProfile('code lists qualifiers of LIN, each of two characters: ["VC", "IN"].')


def identify(body: bytes, *, profile: Profile) -> Identity:
    """Sender and control number of the interchange."""
    found = next(segments(decoded(body)))
    return Identity(f"{found[6].strip()}-{found[13].strip()}", "832")


def parse(body: bytes, *, profile: Profile) -> Iterator[Parsed]:
    """The items of every sound transaction set, and a record that can't be taken for each that isn't.

    Raises:
        UnreadableMessage: the interchange or a group breaks its own counts, or holds something else.
    """
    check(profile)
    text = decoded(body)
    envelope = survey(text)
    parts: list[Interchange | Group] = [envelope, *envelope.groups]
    if faults := [part.text for part in parts if part.fault]:
        raise UnreadableMessage(f"The interchange contradicts itself: {'; '.join(faults[:5])}.")
    if other := sorted({one.kind for one in _sets(envelope)} - {"832"}):
        raise UnreadableMessage(f"It holds {', '.join(other)}; Concord takes catalogues (832).")
    return _items(text, profile, {one.start: one.text for one in _sets(envelope) if one.fault})


def _sets(envelope: Interchange) -> list[TransactionSet]:
    return [one for group in envelope.groups for one in group.sets]


def envelope_of(body: bytes) -> Interchange:
    """What its acknowledgement has to tell of. Raises ``UnreadableMessage``."""
    return survey(decoded(body))


def _items(text: str, profile: Profile, broken: Mapping[int, str]) -> Iterator[Parsed]:
    """``broken``: number of the ST segment of each set that isn't sound, and why."""
    position = 0
    for start, head, loop in _loops(text):
        position += 1
        if start not in broken:
            yield _Item(head, loop, profile, component_mark(text)).parsed(position)
    for start, why in broken.items():
        position += 1
        yield Parsed(position, "", "", raw={"ST": str(start)}, problems=(f"none of its items was taken: {why}",))


def _loops(text: str) -> Iterator[tuple[int, list[Segment], list[Segment]]]:
    """(number of the set's ST, its segments before the first LIN, the segments of a LIN loop) of each loop."""
    head: list[Segment] = []
    loop: list[Segment] = []
    start = 0
    for number, segment in enumerate(segments(text), 1):
        if loop and segment[0] in ("LIN", "CTT", "SE"):
            yield start, head, loop
            loop = []
        if segment[0] == "ST":
            start, head = number, []
        elif segment[0] == "LIN" or loop:
            loop.append(segment)
        else:
            head.append(segment)


class _Item:
    """One LIN loop."""

    def __init__(self, head: list[Segment], loop: list[Segment], profile: Profile, mark: str) -> None:
        self.head, self.loop, self.profile, self.mark = head, loop, profile, mark
        self.numbers = dict(_pairs(loop[0]))

    def parsed(self, position: int) -> Parsed:
        ended = next((s[1] for s in self.loop if s[0] == "G53"), "") in ENDED
        values = self._ours() if any(s[:2] == ["REF", "TN"] for s in self.loop) else self._theirs()
        return Parsed(
            position=position,
            domain="item",
            code=self._code(),
            values={name: value for name, value in values.items() if value not in ("", [], None)},
            raw={f"{n} {s[0]}": "*".join(s) for n, s in enumerate(self.loop, 1)},
            action=Action.RETIRE if ended else Action.PUT,
            partial=bool(self.profile.get("partial")),
        )

    def _code(self) -> str:
        wanted = self.profile.get("code") or CODE
        return next((self.numbers[q] for q in wanted if self.numbers.get(q)), "")

    # ---------------------------------------------------------------------------------------- what Concord has written
    def _ours(self) -> dict[str, Any]:
        head = _until(self.loop, ("CTP", "N1", "SLN"))
        found = templates.read(ITEM + PREFERRED, [*head, *(s for s in self.loop if s[0] == "N1")])
        parts = [templates.read(SUPPLIER_PART, s) for s in _runs(self.loop, "CTP", ("N1", "SLN"))]
        levels = [templates.read(PACKAGING, s) for s in _runs(self.loop, "SLN", ("N1",))]
        about = ("id", "key", "version", "generation", "code", "maintenance", "replaced_by")
        values: dict[str, Any] = {name: text for name, text in found.items() if name not in about}
        values["supplier_parts"] = [_stated(part) for part in parts]
        values["packaging"] = [_stated({n: t for n, t in level.items() if n != "n"}) for level in levels]
        return values

    # ---------------------------------------------------------------------------------------- what others have written
    def _theirs(self) -> dict[str, Any]:
        pack = self._pack()
        return {
            "description": self._described(),
            "catalogue_number": self.numbers.get("MG", ""),
            "manufacturer": self._party("MF", self.loop) or self._party("MF", self.head),
            "gtin": next((self.numbers[q] for q in GTINS if self.numbers.get(q)), ""),
            "hcpcs": self.numbers.get("HC", ""),
            "unspsc": self._unspsc(),
            "base_uom": pack.get("base", ""),
            "packaging": [pack["level"]] if pack.get("level") else [],
            "supplier_parts": list(self._prices()),
        }

    def _described(self) -> str:
        """Free text (PID*F), put together again: a full segment breaks off where it must, others between words."""
        texts = [_at(s, 5) for s in self.loop if s[0] == "PID" and _at(s, 1) == "F" and _at(s, 2) in ("", "08", "GEN")]
        return "".join(text if len(text) == CONTINUED else f"{text} " for text in texts).strip()

    def _unspsc(self) -> str:
        coded = (_at(s, 4) for s in self.loop if s[0] == "PID" and _at(s, 3) == "UN")
        return next(coded, "") or self.numbers.get("C3", "")

    def _pack(self) -> dict[str, Any]:
        """PO4: so many of a unit in one of the unit that the price is of."""
        po4 = next((s for s in self.loop if s[0] == "PO4"), None)
        if po4 is None:
            return {}
        sold = next((self._unit(s) for s in self.loop if s[0] == "CTP" and self._unit(s)), "")
        base, count = _at(po4, 3), _at(po4, 1)
        holds = count.isdecimal() and int(count) > 1 and sold and sold != base
        return {"base": base, "level": {"uom": sold, "quantity": count} if holds else None}

    def _unit(self, ctp: Segment) -> str:
        return _at(ctp, 5).split(self.mark)[0]

    def _prices(self) -> Iterator[dict[str, str]]:
        seller = str(self.profile.get("supplier") or self._identified("SE") or self._identified("SU"))
        number = next((self.numbers[q] for q in PARTS if self.numbers.get(q)), "")
        currency = next((_at(s, 2) for s in [*self.loop, *self.head] if s[0] == "CUR"), "")
        contract = next((_at(s, 2) for s in [*self.loop, *self.head] if s[0] == "REF" and _at(s, 1) == "CT"), "")
        if not seller:
            return
        about = {"supplier": seller, "number": number, "contract": contract}
        priced = [s for s in self.loop if s[0] == "CTP" and _at(s, 3)]
        for ctp in priced:
            yield _stated({**about, "uom": self._unit(ctp), "price": _at(ctp, 3), "currency": currency})
        if not priced and number:
            yield _stated(about)

    def _party(self, role: str, within: list[Segment]) -> str:
        return next((_at(s, 2) for s in within if s[0] == "N1" and _at(s, 1) == role), "")

    def _identified(self, role: str) -> str:
        """The code that the catalogue names a party by, where it is one that the parties agreed on (91, 92)."""
        named = (s for s in [*self.loop, *self.head] if s[0] == "N1" and _at(s, 1) == role)
        return next((_at(s, 4) for s in named if _at(s, 3) in ("91", "92")), "")


def _pairs(lin: Segment) -> Iterator[tuple[str, str]]:
    """Qualifier and number, from LIN02 on."""
    rest = iter(lin[2:])
    for qualifier in rest:
        yield qualifier, next(rest, "")


def _runs(loop: list[Segment], start: str, ends: tuple[str, ...]) -> list[list[Segment]]:
    """Runs of segments that begin with ``start`` and end before the next one, or any of ``ends``."""
    runs: list[list[Segment]] = []
    inside = False
    for segment in loop:
        if segment[0] == start:
            runs.append([])
        inside = segment[0] == start or (inside and segment[0] not in ends)
        if inside:
            runs[-1].append(segment)
    return runs


def _until(loop: list[Segment], ends: tuple[str, ...]) -> list[Segment]:
    stop = next((n for n, s in enumerate(loop) if s[0] in ends), len(loop))
    return list(islice(loop, stop))


def _stated(values: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in values.items() if text and not (name == "quantity" and text == "0")}


def _at(segment: Segment, number: int) -> str:
    return segment[number] if number < len(segment) else ""
