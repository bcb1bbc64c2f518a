"""Formats of messages by name, and what each of them is: a reader that turns bytes into records, and knows no database.

A new one is a module with ``identify`` and ``parse`` and one line here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import Any, Protocol, cast

from sync.inbound.errors import FeedError

FORMATS = {
    "hl7v2": ("HL7 v2 master files (MFN)", "sync.inbound.hl7v2"),
    "x12": ("X12 832 price and sales catalogue", "sync.inbound.x12"),
    "fhir": ("FHIR R4 Bundles and resources", "sync.inbound.fhir"),
    "json": ("JSON with a mapping", "sync.inbound.mapped_json"),
}

Profile = Mapping[str, Any]  # of an InboundSource: how its messages are read


class UnreadableMessage(FeedError):
    """The message as a whole can't be read. Mend it or how it is read, and process it again."""

    code = "unreadable-message"


class BadProfile(FeedError):
    """The source's profile is wrong: its messages can't be read by it."""

    code = "bad-profile"


class Action(StrEnum):
    PUT = "put"  # the system has it, like this
    RETIRE = "retire"  # the system has it no longer, or uses it no more
    REVIVE = "revive"  # the system uses it again; without values, as it was


@dataclass(frozen=True, slots=True)
class Identity:
    """What a message calls itself. An empty id stands for the beginning of the payload's hash."""

    id: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One record of a message. ``values`` are named as in ``mdm.canonical``, children as lists of objects.

    With ``partial``, attributes that are not among the values stay as they were, but for those in ``cleared``. With
    ``problems`` it can't be taken.
    """

    position: int  # in the message, from 1
    domain: str
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)  # the part of the message that it comes from
    uom: str = ""
    updated_at: dt.datetime | None = None
    action: Action = Action.PUT
    partial: bool = False
    cleared: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


class Format(Protocol):
    """A module. Reading raises ``UnreadableMessage`` for what isn't the format at all."""

    def check(self, profile: Profile) -> None:
        """Raises ``BadProfile``."""

    def identify(self, body: bytes, *, profile: Profile) -> Identity:
        """What the message calls itself; cheap."""

    def parse(self, body: bytes, *, profile: Profile) -> Iterator[Parsed]:
        """Its records, in order: the same ones each time. Nothing is yielded unless the message as a whole is sound."""


def format_of(name: str) -> Format:
    """Raises ``BadProfile`` for a name that isn't one."""
    if name not in FORMATS:
        raise BadProfile(f"There is no format {name!r}. Known are: {', '.join(FORMATS)}.")
    return cast(Format, import_module(FORMATS[name][1]))
