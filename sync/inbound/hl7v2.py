"""HL7 v2 master file notifications as records: MFN^M05 locations, M15 and M16 items, Znn suppliers and cost centers.

Where each field stands is what our own adapter writes (``sync.adapters.hl7v2_mllp.mapping``), then where others put it
(``ELSEWHERE``), and before both what the source's profile says:

    {"charset": "8859/1", "absent": "clear", "location_key": [4, 1], "files": {"VEN": "supplier"},
     "fields": {"item": {"brand": "ZVN-3", "category": ""}}}

``charset`` is for messages with an empty MSH-18. An update (MUP) leaves what it doesn't value as it was, as section
2.5.3 has it, unless ``absent`` is "clear": then each message is the whole record. ``location_key`` are the components
of a PL that make up a location's code.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from mdm.canonical import DOMAINS, Kind
from sync.adapters.hl7v2_mllp.mapping import ADDRESS, LAYOUTS, LOCATION_TYPE, PACKAGING, STATUS, Group
from sync.inbound.formats import Action, BadProfile, Identity, Parsed, Profile, UnreadableMessage
from sync.inbound.hl7_text import Fields, grouped, header, read

FILES = {layout.file: domain for domain, layout in LAYOUTS.items()}
EVENTS = {"M05": "location", "M15": "item", "M16": "item", "Z10": "supplier", "Z11": "cost_center"}
ACTIONS = {  # HL7 table 0180
    "MAD": Action.PUT, "MUP": Action.PUT, "MDC": Action.RETIRE, "MDL": Action.RETIRE, "MAC": Action.REVIVE,
}  # fmt: skip
ELSEWHERE: dict[str, dict[str, tuple[str, ...]]] = {
    "item": {
        "description": ("IIM-2.2", "IIM-1.2", "MFE-4.2"),
        "manufacturer": ("IIM-5.2", "IIM-5.1"),
        "hcpcs": ("IIM-14.1",),
        "base_uom": ("IIM-13.1", "IIM-9.1"),
        "category": ("ITM-5.2",),
    },
    "location": {"name": ("LOC-4.1", "MFE-4.9"), "phone": ("LOC-6.1",), "lifecycle": ("LDP-6",)},
    "supplier": {"name": ("MFE-4.2",)},
    "cost_center": {"name": ("MFE-4.2",), "code": ("MFE-4.1",)},
}
CHOICES = {"lifecycle": STATUS, "location_type": LOCATION_TYPE}
LOCATION_TYPES = {"C": "unit", "D": "unit", "E": "room", "O": "room", "L": ""}  # table 0260, what isn't ours
PARENT = ("PAR", "PARENT")  # table 0325 and what is written for it
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,2}))?(?:\.(\d{1,2}))?")
_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(?:\.\d+)?([+-]\d{4})?")
TOLERANCE = dt.timedelta(hours=1)  # that a sender's clock may be ahead
SETTINGS = ("charset", "absent", "location_key", "files", "fields")


@dataclass(frozen=True, slots=True)
class Reader:
    """A profile, checked."""

    charset: str = ""
    absent: str = "keep"
    location_key: tuple[int, ...] = (1, 2, 3)
    files: dict[str, str] = field(default_factory=dict)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: Profile) -> Reader:
        """Raises ``BadProfile``."""
        if unknown := sorted(set(profile) - set(SETTINGS)):
            raise BadProfile(f"The profile has unknown settings: {', '.join(unknown)}. Known: {', '.join(SETTINGS)}.")
        made = cls(**{**profile, "location_key": tuple(profile.get("location_key") or (1, 2, 3))})
        if made.absent not in ("keep", "clear"):
            raise BadProfile("absent is keep or clear.")
        for domain, places in made.fields.items():
            made._check(domain, places)
        if strange := sorted(set(made.files.values()) - set(DOMAINS)):
            raise BadProfile(f"files names unknown domains: {', '.join(strange)}. Known: {', '.join(DOMAINS)}.")
        return made

    def _check(self, domain: str, places: dict[str, str]) -> None:
        if domain not in DOMAINS:
            raise BadProfile(f"There is no domain {domain!r}. Known: {', '.join(DOMAINS)}.")
        single = {f.name for f in DOMAINS[domain].fields if f.kind is not Kind.CHILDREN}
        if unknown := sorted(set(places) - single):
            raise BadProfile(f"{domain} has no single field {', '.join(unknown)}.")
        if wrong := sorted(at for at in places.values() if at and not _PLACE.fullmatch(at)):
            raise BadProfile(f"No places: {', '.join(wrong)}. Write segment, field and component: ITM-5.1.")

    def places(self, domain: str) -> dict[str, tuple[str, ...]]:
        """Where each single field may stand, the best first."""
        found: dict[str, tuple[str, ...]] = {place.field: (place.at,) for place in LAYOUTS[domain].places}
        for name, more in ELSEWHERE[domain].items():
            found[name] = (*found.get(name, ()), *more)
        return found | {name: (at,) if at else () for name, at in self.fields.get(domain, {}).items()}

    def domain(self, file: str, event: str) -> str:
        found = self.files.get(file) or FILES.get(file) or EVENTS.get(event)
        if found is None:
            text = f"MFI-1 names the master file {file[:40]!r}. Say in the source's profile (files) what it holds."
            raise UnreadableMessage(text)
        return found


def check(profile: Profile) -> None:
    Reader.of(profile)


def identify(body: bytes, *, profile: Profile) -> Identity:
    """MSH-10 and MSH-9."""
    msh = header(body)
    return Identity(msh.get(10), "^".join(text for text in (msh.get(9), msh.get(9, 2)) if text))


def parse(body: bytes, *, profile: Profile) -> Iterator[Parsed]:
    """One record for each MFE."""
    reader = Reader.of(profile)
    segments = list(read(body, reader.charset))
    msh = segments[0]
    if (kind := msh.get(9)) != "MFN":
        raise UnreadableMessage(f"It is a message of type {kind[:10] or 'none'}; Concord takes master files (MFN).")
    mfi = next((s for s in segments if s.name == "MFI"), None)
    groups = grouped(segments, "MFE")
    if mfi is None or not groups:
        raise UnreadableMessage(f"It has no {'MFI' if mfi is None else 'MFE'} segment, so it names no record.")
    domain, when = reader.domain(mfi.get(1), msh.get(9, 2)), moment(msh.get(7))
    for position, group in enumerate(groups, 1):
        yield _Entry(reader, domain, group).parsed(position, when)


class _Entry:
    """One MFE and the segments that follow it."""

    def __init__(self, reader: Reader, domain: str, group: Sequence[Fields]) -> None:
        self.reader, self.domain, self.group = reader, domain, group
        self.first: dict[str, Fields] = {}
        for segment in group:
            self.first.setdefault(segment.name, segment)

    def parsed(self, position: int, when: dt.datetime | None) -> Parsed:
        mfe = self.first["MFE"]
        action = ACTIONS.get(mfe.get(1))
        problems = () if action else (f"MFE-1 is {mfe.get(1)[:10]!r}: MAD, MUP, MDC, MDL or MAC is expected",)
        if action is Action.RETIRE and (end := moment(mfe.get(3))) and end > timezone.now() + TOLERANCE:
            problems = (f"MFE-3 says that it ends on {timezone.localtime(end):%Y-%m-%d %H:%M}: process it again then",)
        values, cleared = self._values()
        return Parsed(
            position=position,
            domain=self.domain,
            code=self._code(mfe),
            values=values,
            raw=self._raw(),
            updated_at=when,
            action=action or Action.PUT,
            partial=self.reader.absent == "keep" and mfe.get(1) != "MAD",
            cleared=frozenset(cleared),
            problems=problems,
        )

    def _code(self, mfe: Fields) -> str:
        if self.domain == "location":
            return self._location(mfe, 4)
        return mfe.get(4) or next((self.first[n].get(1) for n in ("ITM", "IIM", "ZSU", "ZCC") if n in self.first), "")

    def _location(self, segment: Fields, number: int) -> str:
        """A PL as one code: its stated components joined, "4E-136-B"."""
        parts = [segment.get(number, component) for component in self.reader.location_key]
        return "-".join(part for part in parts if part)

    def _raw(self) -> dict[str, str]:
        times: dict[str, int] = {}
        raw = {}
        for segment in self.group:
            number = times[segment.name] = times.get(segment.name, 0) + 1
            raw[segment.name if number == 1 else f"{segment.name} {number}"] = segment.line
        return raw

    def _values(self) -> tuple[dict[str, Any], set[str]]:
        values: dict[str, Any] = {}
        cleared: set[str] = set()
        for name, places in self.reader.places(self.domain).items():
            found = [self._at(name, at) for at in places]
            if text := next((one for one in found if one), None):
                values[name] = self._read(name, text)
            elif any(self._is_null(at) for at in places):
                cleared.add(name)
        self._add(values)
        return {name: value for name, value in values.items() if value not in ("", [])}, cleared

    def _at(self, name: str, at: str) -> Any:
        segment, number, component, subcomponent = _place(at)
        if (found := self.first.get(segment)) is None:
            return ""
        if DOMAINS[self.domain].by_name[name].kind is Kind.LIST:
            return found.all(number)
        return found.get(number, component, subcomponent)

    def _is_null(self, at: str) -> bool:
        segment, number, *_ = _place(at)
        return segment in self.first and self.first[segment].is_null(number)

    def _read(self, name: str, text: Any) -> Any:
        spec = DOMAINS[self.domain].by_name[name]
        if spec.kind is Kind.DATE:
            return text[:8]  # the day of an HL7 time
        if name in CHOICES:
            known = LOCATION_TYPES if name == "location_type" else {}
            return known.get(text) if text in known else CHOICES[name].read(text)
        return text

    def _add(self, values: dict[str, Any]) -> None:
        """What takes more than one place to read."""
        match self.domain:
            case "item":
                self._classified(values)
                self._packed(values)
            case "location":
                values["parent"] = self._parent()
            case "supplier":
                values["addresses"] = self._children(ADDRESS)

    def _classified(self, values: dict[str, Any]) -> None:
        """ITM-5 and ITM-10 hold a code of whatever system their third component names."""
        if not re.fullmatch(r"\d{8}", values.get("unspsc", "")):
            own = values.pop("unspsc", "")
            values.setdefault("category", own)
        if not re.fullmatch(r"\d{8,14}", values.get("gtin", "")):
            values.pop("gtin", None)

    def _packed(self, values: dict[str, Any]) -> None:
        """Vendors with their units and prices (VND, PKG), and the ladder of units (ZPK, or the first vendor's PKG)."""
        vendors = grouped(self.group, "VND")
        values["supplier_parts"] = [part for vendor in vendors for part in _parts(vendor)]
        values["packaging"] = self._children(PACKAGING) or _ladder(vendors[0] if vendors else [])
        primary = next((v[0].get(2) for v in vendors if v[0].get(5) == "Y"), "")
        values.setdefault("preferred_supplier", primary)

    def _parent(self) -> str:
        related = [s for s in self.group if s.name == "LRL"]
        parents = (s for s in related if s.get(4) in PARENT or s.get(3) in PARENT)
        return next((code for s in parents if (code := self._location(s, 6))), "")

    def _children(self, group: Group) -> list[dict[str, str]]:
        name = _place(group.places[0].at)[0]
        rows = [s for s in self.group if s.name == name]
        return [_stated({p.field: s.get(*_place(p.at)[1:]) for p in group.places}) for s in rows]


def _parts(vendor: Sequence[Fields]) -> Iterator[dict[str, str]]:
    """A vendor's part number with each unit that it sells in; ZVP, where ours has written it, says more of it."""
    vnd = vendor[0]
    more = next((s for s in vendor if s.name == "ZVP"), None)
    about = {"supplier": vnd.get(2), "number": vnd.get(4)}
    if more:
        about |= {"valid_from": more.get(3)[:8], "valid_to": more.get(4)[:8]}
        about |= {"contract": more.get(5), "tier": more.get(6)}
    units: list[Fields | None] = [s for s in vendor if s.name == "PKG"]
    for pkg in units or [None]:
        sold = {}
        if pkg is not None:
            currency = pkg.get(5, 1, 2) or (more.get(2) if more else "")
            sold = {"uom": pkg.get(2), "price": pkg.get(5), "currency": currency}
        yield _stated(about | sold)


def _ladder(vendor: Sequence[Fields]) -> list[dict[str, str]]:
    """Units that hold several of the next lower one (PKG-4)."""
    units = [s for s in vendor if s.name == "PKG" and s.get(4)]
    ladder = [{"uom": s.get(2), "quantity": s.get(4), "orderable": s.get(3)} for s in units]
    return [_stated(level) for level in ladder]


def _stated(values: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in values.items() if text}


def _place(at: str) -> tuple[str, int, int, int]:
    match = _PLACE.fullmatch(at)
    if match is None:
        raise BadProfile(f"{at!r} is no place. Write segment, field and component: ITM-5.1.")
    return match[1], int(match[2]), int(match[3] or 1), int(match[4] or 1)


def moment(text: str) -> dt.datetime | None:
    """An HL7 time; one without a zone is that of the site's clock (v2.6 section 2.A.22: the sender's local time). None
    for what is no time.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    iso = f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone or ''}"
    try:
        found = dt.datetime.fromisoformat(iso)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.get_current_timezone())
