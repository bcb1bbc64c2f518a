"""A golden record at two moments: what it said, which version that was, and what was called it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mdm import past
from mdm.canonical import DOMAINS, Field
from mdm.models import ChangeEvent, Crosswalk, GoldenRecord, SourceRecord
from mdm.services import revert, survive
from mdm.survivorship import CHILD_PATH, Survived
from mdm.ui import words
from mdm.ui.readers import timeline
from mdm.ui.readers.timeline import Difference


@dataclass(frozen=True, slots=True)
class Pair:
    """One attribute then and at the other moment."""

    field: Field
    then: str
    other: str

    @property
    def differs(self) -> bool:
        return self.then != self.other


class Past:
    """The record at ``moment`` beside what it said at ``other``."""

    def __init__(self, record: GoldenRecord, moment: dt.datetime, other: dt.datetime) -> None:
        self.record, self.moment, self.other = record, moment, other

    @cached_property
    def event(self) -> ChangeEvent | None:
        return past.event_at(self.record, self.moment)

    @cached_property
    def other_event(self) -> ChangeEvent | None:
        return past.event_at(self.record, self.other)

    @cached_property
    def groups(self) -> list[tuple[str, list[Pair]]]:
        """Attributes stated at either moment, by group."""
        then, other = past.as_of(self.record, self.moment), past.as_of(self.record, self.other)
        names = timeline.names_in([*then.items(), *other.items()], self.record)
        grouped: dict[str, list[Pair]] = {}
        for spec in DOMAINS[self.record.domain].fields:
            texts = (timeline.say(spec, values.get(spec.name), names) for values in (then, other))
            pair = Pair(spec, *texts)
            if (pair.then, pair.other) != (words.EMPTY, words.EMPTY):
                grouped.setdefault(spec.group, []).append(pair)
        return list(grouped.items())

    @property
    def differing(self) -> int:
        return sum(pair.differs for _, pairs in self.groups for pair in pairs)

    @cached_property
    def codes(self) -> list[Crosswalk]:
        return list(past.codes_at(self.record, self.moment))


@dataclass(frozen=True, slots=True)
class Step:
    """One attribute that a revert would bring back."""

    path: str
    label: str
    now: str
    then: str
    guarded: bool


def reverts(record: GoldenRecord, version: int) -> list[Step]:
    """What going back to a version would change, attribute by attribute."""
    found = revert.differing(record, version)
    fields = DOMAINS[record.domain].by_name
    wanted = [(path, value) for path, pair in found.items() if path in fields for value in pair]
    names = timeline.names_in(wanted, record)
    return [_step(record.domain, path, now, then, names) for path, (now, then) in found.items()]


def _step(domain: str, path: str, now: object, then: object, names: dict[int, str]) -> Step:
    fields = DOMAINS[domain].by_name
    if child := CHILD_PATH.match(path):
        spec = next(f for f in fields[child["name"]].children if f.name == child["field"])
        label = f"{fields[child['name']].label} {child['key']}: {spec.label}"
    else:
        spec, label = fields[path], fields[path].label
    return Step(path, label, timeline.say(spec, now, names), timeline.say(spec, then, names), spec.guarded)


@dataclass(frozen=True, slots=True)
class Halves:
    """What a split would leave and what it would make: attributes of both where either differs from now."""

    changed: list[Difference]  # of the record that stays: now and afterwards
    made: list[tuple[str, str]]  # of the new record: attribute and value


def halves(record: GoldenRecord, leaving: Sequence[SourceRecord]) -> Halves:
    """What a split would do. Reads only."""
    now = survive.preview(record)
    stays, leaves = survive.preview(record, removed=leaving), survive.preview_alone(record.domain, leaving)
    names = timeline.names_in([item for one in (now, stays, leaves) for item in one.values.items()], record)
    return Halves(timeline.between(record, _plain(now), _plain(stays)), list(_said(record, leaves, names)))


def _plain(survived: Survived) -> dict[str, object]:
    return {name: value for name, value in survived.values.items() if value not in (None, "", [])}


def _said(record: GoldenRecord, survived: Survived, names: dict[int, str]) -> list[tuple[str, str]]:
    stated = _plain(survived)
    specs = [spec for spec in DOMAINS[record.domain].fields if spec.name in stated]
    return [(spec.label, timeline.say(spec, stated[spec.name], names)) for spec in specs]
