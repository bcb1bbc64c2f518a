"""JSON as records: Concord's own shape, or any other by a mapping in the source's profile.

Without ``fields``, the body is ``{"records": [{"domain", "code", "values", "uom"?, "updated_at"?, "action"?}]}`` or the
list alone, with values as in the REST API. With them, they say where in the sender's records Concord's attributes are:

    {"domain": "item", "records": "data.items", "id": "id",
     "fields": {"$code": "sku", "$updated_at": "changed", "description": "names.0.text", "packaging.1.uom": "unit"},
     "retired": {"status": ["deleted", "archived"]}, "partial": true}

Paths lead through objects by name and through lists by position, from 0. ``partial``: attributes that a record doesn't
have stay as they were, and null deletes one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.exceptions import ParseError

from mdm import scalars
from mdm.api.json import loads
from mdm.canonical import DOMAINS
from mdm.values import CODE, PSEUDO_PATHS, UOM, UPDATED_AT, why_no_path
from sync.inbound.formats import Action, BadProfile, Identity, Parsed, Profile, UnreadableMessage

SETTINGS = ("domain", "records", "id", "fields", "retired", "partial")
ENVELOPE = ("domain", "code", "values", "uom", "updated_at", "action")
MISSING = object()


def check(profile: Profile) -> None:
    """Raises ``BadProfile``."""
    if unknown := sorted(set(profile) - set(SETTINGS)):
        raise BadProfile(f"The profile has unknown settings: {', '.join(unknown)}. Known: {', '.join(SETTINGS)}.")
    fields, domain = profile.get("fields") or {}, profile.get("domain", "")
    if (fields or domain) and domain not in DOMAINS:
        raise BadProfile(f"The profile's domain is one of {', '.join(DOMAINS)}.")
    if not fields:
        return
    if CODE not in fields:
        raise BadProfile(f"fields says nothing of {CODE}, the record's own code.")
    if wrong := [why for path in fields if path not in PSEUDO_PATHS and (why := why_no_path(DOMAINS[domain], path))]:
        raise BadProfile(f"fields: {'; '.join(wrong)}.")


def identify(body: bytes, *, profile: Profile) -> Identity:
    """The id where the profile says that it is; without that a CloudEvent's. Any other ``id`` may be the record's."""
    content = _content(body)
    if not isinstance(content, Mapping):
        return Identity(kind="list")
    found = content.get("id") if "specversion" in content else MISSING
    if profile.get("id"):
        found = at(content, profile["id"])
    kind = content.get("type")
    return Identity(str(found) if isinstance(found, str | int) else "", kind if isinstance(kind, str) else "object")


def parse(body: bytes, *, profile: Profile) -> Iterator[Parsed]:
    check(profile)
    content = _content(body)
    where = profile.get("records", "" if isinstance(content, list) or profile.get("fields") else "records")
    found = at(content, where) if where else content
    if found is MISSING or not isinstance(found, list | Mapping):
        raise UnreadableMessage(f"There are no records at {where!r}. Say in the source's profile where they are.")
    records = found if isinstance(found, list) else [found]
    read = _mapped if profile.get("fields") else _ours
    return (read(position, record, profile) for position, record in enumerate(records, 1))


def _content(body: bytes) -> Any:
    try:
        return loads(body)
    except ParseError as error:
        raise UnreadableMessage(str(error.detail)) from None


def at(value: Any, path: str) -> Any:
    """What stands at a path; ``MISSING`` if nothing does. A name that holds dots itself is found as it is."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    for step in path.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def _mapped(position: int, record: Any, profile: Profile) -> Parsed:
    if not isinstance(record, Mapping):
        return Parsed(position, profile["domain"], "", problems=("it is no object",))
    cells = {path: at(record, place) for path, place in profile["fields"].items()}
    values = {p: v for p, v in cells.items() if p not in PSEUDO_PATHS and v is not MISSING and v is not None}
    cleared = frozenset(path.partition(".")[0] for path, value in cells.items() if value is None)
    retired = any(at(record, place) in words for place, words in (profile.get("retired") or {}).items())
    return Parsed(
        position=position,
        domain=profile["domain"],
        code=_text(cells[CODE]),
        values=values,
        raw=record,
        uom=_text(cells.get(UOM)),
        updated_at=_moment(cells.get(UPDATED_AT)),
        action=Action.RETIRE if retired else Action.PUT,
        partial=bool(profile.get("partial")),
        cleared=cleared,
    )


def _ours(position: int, record: Any, profile: Profile) -> Parsed:
    if not isinstance(record, Mapping):
        return Parsed(position, "", "", problems=("it is no object",))
    values, action = record.get("values", {}), record.get("action", Action.PUT)
    problems = [f"{name} is unknown; known are {', '.join(ENVELOPE)}" for name in record if name not in ENVELOPE]
    if not isinstance(values, Mapping):
        problems.append("values is no object")
    if action not in list(Action):
        problems.append(f"action is one of {', '.join(Action)}")
    return Parsed(
        position=position,
        domain=_text(record.get("domain") or profile.get("domain")),
        code=_text(record.get("code")),
        values=values if isinstance(values, Mapping) else {},
        raw=record,
        uom=_text(record.get("uom")),
        updated_at=_moment(record.get("updated_at")),
        action=Action(action) if action in list(Action) else Action.PUT,
        partial=bool(profile.get("partial")),
        cleared=frozenset(name for name, value in values.items() if value is None) if not problems else frozenset(),
        problems=tuple(problems),
    )


def _text(value: Any) -> str:
    """Codes may be numbers; what isn't one value is none."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _moment(value: Any) -> dt.datetime | None:
    try:
        return scalars.moment(value, "") if isinstance(value, str) else None
    except scalars.Unreadable:
        return None
