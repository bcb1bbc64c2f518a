"""FHIR R4 as JSON: a Bundle of any type, or one resource.

Organizations are suppliers or cost centers, DeviceDefinitions items, Locations locations; fields stand where
``mdm.fhir.mapping`` says, and where others usually write them.

    {"code": ["urn:oid:1.2.3.4", "id"], "cost_centers": ["dept"], "partial": false}

``code``: the identifier systems, best first, whose value is the sender's own code; "id" is the resource's id, and the
default. ``cost_centers``: codes of Organization.type that make it a cost center. References are understood by the same
rule, within the Bundle by ``fullUrl`` and by type and id as well; one that leads elsewhere by a code that isn't the
sender's own is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from rest_framework.exceptions import ParseError

from mdm import scalars
from mdm.api.json import loads
from mdm.fhir.mapping import PHYSICAL, PHYSICAL_TYPE, RESOURCES, domain_of, is_active, to_values
from mdm.fhir.places import entries
from sync.inbound.formats import Action, BadProfile, Identity, Parsed, Profile, UnreadableMessage

SETTINGS = ("code", "cost_centers", "partial")
ID = "id"
ABOUT = {"MessageHeader", "OperationOutcome", "Provenance"}  # of the message, not of a record
PLACES = {code: value for value, code in reversed(PHYSICAL.items())}  # ro is a room, not a storeroom


def check(profile: Profile) -> None:
    """Raises ``BadProfile``."""
    if unknown := sorted(set(profile) - set(SETTINGS)):
        raise BadProfile(f"The profile has unknown settings: {', '.join(unknown)}. Known: {', '.join(SETTINGS)}.")
    for name in ("code", "cost_centers"):
        texts = profile.get(name, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
            raise BadProfile(f"{name} is a list of texts.")


def identify(body: bytes, *, profile: Profile) -> Identity:
    """The Bundle's identifier, else its id; of a message that of its header."""
    content = _content(body)
    kind = content["resourceType"]
    if kind != "Bundle":
        meta = content.get("meta")
        version = meta.get("versionId") if isinstance(meta, Mapping) else None
        return Identity(f"{kind}/{content[ID]}/{version}" if content.get(ID) and version else "", kind)
    own = content.get("identifier")
    header = next((r for r in _resources(content) if r.get("resourceType") == "MessageHeader"), {})
    named = (own.get("value") if isinstance(own, Mapping) else None) or header.get(ID) or content.get(ID)
    return Identity(named if isinstance(named, str) else "", f"Bundle {content.get('type', '')}".strip()[:40])


def parse(body: bytes, *, profile: Profile) -> Iterator[Parsed]:
    """The records of a Bundle in its order, or the one that the resource is."""
    check(profile)
    content = _content(body)
    if content["resourceType"] != "Bundle":
        return iter([_Reader(profile, []).record(1, {"resource": content})])
    rows = content.get("entry", [])
    if not isinstance(rows, list):
        raise UnreadableMessage("Bundle.entry is no list.")
    reader = _Reader(profile, rows)
    return (reader.record(n, row) for n, row in enumerate(rows, 1) if _kind(row) not in ABOUT)


def _content(body: bytes) -> dict[str, Any]:
    if body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        raise UnreadableMessage("This is XML. Send FHIR as JSON (application/fhir+json).")
    try:
        found = loads(body)
    except ParseError as error:
        raise UnreadableMessage(str(error.detail)) from None
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise UnreadableMessage("This is no FHIR resource: it has no resourceType.")
    return found


def _resources(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for row in entries(bundle, "entry"):
        yield from entries(row, "resource")


def _kind(row: Any) -> str:
    resource = row.get("resource") if isinstance(row, Mapping) else None
    kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
    return kind if isinstance(kind, str) else ""


class _Reader:
    """Reads the entries of one Bundle, which may refer to each other."""

    def __init__(self, profile: Profile, rows: list[Any]) -> None:
        self.profile, self.rows = profile, rows
        self.systems: list[str] = profile.get("code") or [ID]

    @cached_property
    def codes(self) -> dict[str, str]:
        """The sender's codes of the Bundle's own resources, by fullUrl and by type and id."""
        found: dict[str, str] = {}
        for row in self.rows:
            for resource in entries(row, "resource") if isinstance(row, Mapping) else ():
                if code := self.code(resource):
                    found[f"{resource.get('resourceType')}/{resource.get(ID)}"] = code
                    if isinstance(row.get("fullUrl"), str):
                        found[row["fullUrl"]] = code
        return found

    def code(self, resource: Mapping[str, Any]) -> str:
        """The sender's own code of a resource; empty if it has none."""
        known = {str(one.get("system")): one.get("value") for one in reversed(list(entries(resource, "identifier")))}
        named = (resource.get(ID) if system == ID else known.get(system) for system in self.systems)
        return next((value for value in named if value and isinstance(value, str)), "")

    def record(self, position: int, row: Any) -> Parsed:
        deleted = self._deleted(row)
        resource = row.get("resource") if isinstance(row, Mapping) else None
        if deleted and not isinstance(resource, Mapping):
            kind, _, name = deleted.partition("/")
            resource = {"resourceType": kind, ID: name}
        if not isinstance(resource, Mapping):
            return Parsed(position, "", "", problems=("the entry has no resource",))
        if (domain := self._domain(resource)) is None:
            kind = str(resource.get("resourceType"))[:40]
            text = (
                f"{kind} is of no domain that Concord keeps; known are {', '.join(dict.fromkeys(RESOURCES.values()))}"
            )
            return Parsed(position, "", "", raw=resource, problems=(text,))
        code = self.code(resource)
        return Parsed(
            position=position,
            domain=domain,
            code=code,
            values=self._values(domain, resource),
            raw=resource,
            updated_at=_moment(resource),
            action=Action.RETIRE if deleted or not _in_use(resource) else Action.PUT,
            partial=bool(self.profile.get("partial")),
            problems=() if code else (f"it has no code: neither of {', '.join(self.systems)} names it",),
        )

    @staticmethod
    def _deleted(row: Any) -> str:
        """Type and id of what an entry of a transaction or a history says is gone."""
        request = row.get("request") if isinstance(row, Mapping) else None
        if not isinstance(request, Mapping) or request.get("method") != "DELETE":
            return ""
        return "/".join(str(request.get("url", "")).split("?")[0].split("/")[-2:])

    def _domain(self, resource: Mapping[str, Any]) -> str | None:
        domain = domain_of(resource)
        if domain == "supplier":
            codings = (coding for concept in entries(resource, "type") for coding in entries(concept, "coding"))
            wanted = self.profile.get("cost_centers", [])
            return "cost_center" if any(one.get("code") in wanted for one in codings) else domain
        return domain

    def _values(self, domain: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        values = _stated(to_values(domain, resource, self._named))
        for name, value in _usual(domain, resource).items():
            values.setdefault(name, value)
        return values

    def _named(self, reference: Mapping[str, Any]) -> str | None:
        """The sender's code of the record that a reference leads to."""
        identifier, link = reference.get("identifier"), reference.get("reference")
        if isinstance(identifier, Mapping) and identifier.get("system") in self.systems:
            value = identifier.get("value")
            return value if isinstance(value, str) else None
        if not isinstance(link, str) or link.startswith("#"):
            return None
        short = "/".join(link.split("/_history/")[0].split("/")[-2:])
        if found := self.codes.get(link) or self.codes.get(short):
            return found
        return short.partition("/")[2] or None if ID in self.systems else None


def _usual(domain: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Where others write what Concord writes more exactly."""
    found: dict[str, Any] = {}
    if domain == "item":
        found["description"] = next((one.get("name") for one in entries(resource, "deviceName")), None)
        found["manufacturer"] = next((one.get("display") for one in entries(resource, "manufacturerReference")), None)
    if domain == "location":
        concepts = entries(resource, "physicalType")
        codes = (
            one.get("code") for c in concepts for one in entries(c, "coding") if one.get("system") == PHYSICAL_TYPE
        )
        found["location_type"] = next((PLACES[code] for code in map(str, codes) if code in PLACES), None)
    if resource.get("status") == "suspended":
        found["lifecycle"] = "inactive"
    return _stated(found)


def _in_use(resource: Mapping[str, Any]) -> bool:
    return is_active(resource) or resource.get("status") == "suspended"


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, in children too."""
    made = {}
    for name, value in values.items():
        if isinstance(value, list):
            value = [_stated(one) if isinstance(one, Mapping) else one for one in value if one not in (None, "", {})]
        if value not in (None, "", [], {}):
            made[name] = value
    return made


def _moment(resource: Mapping[str, Any]) -> dt.datetime | None:
    said = next((meta.get("lastUpdated") for meta in entries(resource, "meta")), None)
    try:
        return scalars.moment(said, "") if isinstance(said, str) else None
    except scalars.Unreadable:
        return None
