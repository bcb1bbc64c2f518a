"""Two records side by side, field by field, and what would survive if they became one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from mdm.canonical import Domain, Field, Kind
from mdm.exceptions import InvalidValue
from mdm.known import Known
from mdm.models import GoldenRecord, SourceRecord, WorkItem
from mdm.rows import load_values
from mdm.services import agreement, survive
from mdm.services.agreement import UNSTATED, names_of, references_in, same, stated_by
from mdm.survivorship import Survived
from mdm.ui import words
from mdm.ui.forms import input_for
from mdm.ui.marks import Mark, marks
from mdm.ui.readers import children
from mdm.ui.readers.golden import GoldenView, Origin

GLYPHS = {"exact": "=", "reformatted": "=", "similar": "≈", "different": "≠", "empty": "∅"}
TONES = {"exact": "eq", "reformatted": "eq", "similar": "sim", "different": "ne", "empty": ""}
LEVEL_WORDS = {
    "exact": "Exact",
    "reformatted": "Same, reformatted",
    "similar": "Similar",
    "different": "Different",
    "empty": "One side empty",
}
DATED = "both"  # the choice to keep both, one until a day and the other from then on
SAID_BY_LEVEL = ("the same", "written alike", "the same, written differently")  # notes that take two lines to say it


@dataclass(frozen=True, slots=True)
class Side:
    value: Any  # canonical, references as golden ids
    marks: tuple[Mark, ...]  # of a plain value
    levels: tuple[tuple[str, str], ...]  # of children: label and text
    origin: Origin | None

    @property
    def stated(self) -> bool:
        return bool(self.marks or self.levels)


@dataclass(frozen=True, slots=True)
class Row:
    field: Field
    level: str
    why: str
    a: Side
    b: Side
    result: str
    reason: str
    default: str  # the side that survives unless the steward picks: "a", "b", or "" when it is neither alone
    waits: bool  # the change needs a second person

    @property
    def glyph(self) -> str:
        return GLYPHS[self.level]

    @property
    def tone(self) -> str:
        return TONES[self.level]

    @property
    def differs(self) -> bool:
        return self.level not in ("exact", "reformatted")

    @property
    def choice(self) -> bool:
        """Both sides state something and they are not the same thing: a steward may pick."""
        both = self.a.stated and self.b.stated and self.level in ("similar", "different")
        return both and not references_in(self.field)  # supplier parts survive by union

    @property
    def dated(self) -> str:
        """The side that would not survive by itself, which may hold until a day; empty where there is none."""
        return {"a": "b", "b": "a"}.get(self.default, "") if self.choice else ""

    @property
    def typable(self) -> bool:
        """A third value may be typed."""
        return self.choice and self.field.kind not in (Kind.CHILDREN, Kind.REFERENCE, Kind.LIST)


class Comparison:
    """A golden record (A) and an incoming source record or second golden record (B)."""

    def __init__(
        self, item: WorkItem, golden: GoldenRecord, evidence: Iterable[Mapping[str, Any]], known: Known
    ) -> None:
        self.item, self.golden, self.known = item, golden, known
        self.evidence = {str(e["field"]): e for e in evidence}
        self.view = GoldenView(golden, known)
        self.domain: Domain = self.view.domain

    @cached_property
    def incoming(self) -> SourceRecord | GoldenRecord | None:
        if self.item.kind != WorkItem.Kind.POSSIBLE_DUPLICATE:
            return self.item.source
        both = (self.item.golden, self.item.other)
        return next((g for g in both if g is not None and g.pk != self.golden.pk), None)

    @cached_property
    def survived(self) -> Survived:
        """Values and reasons if the two became one."""
        return survive.preview(self.golden, self._added(), linked=self.view.linked, known=self.known)

    def _added(self) -> list[SourceRecord]:
        if isinstance(self.incoming, SourceRecord):
            return [self.incoming] if self.incoming.golden_id != self.golden.pk else []
        return GoldenView(self.incoming, self.known).linked if self.incoming else []

    @cached_property
    def rows(self) -> list[Row]:
        """Every attribute that either side states, in the order of the canonical model."""
        rows = (self._row(spec) for spec in self.domain.fields)
        return [row for row in rows if row.a.stated or row.b.stated]

    @cached_property
    def differing(self) -> int:
        return sum(row.differs for row in self.rows)

    @cached_property
    def changing(self) -> list[Row]:
        """Attributes of the golden record that would get another value."""
        return [row for row in self.rows if row.default != "a" and row.b.stated]

    def picks(self, chosen: Mapping[str, str]) -> dict[str, Any]:
        """Path to value, where the steward wants another than survivorship would keep: of a side, or one typed.

        References by public id. Raises ``InvalidValue`` for a typed value that doesn't fit its field.
        """
        picked = {}
        for row in self.rows:
            side, typed = chosen.get(f"pick.{row.field.name}"), chosen.get(f"value.{row.field.name}", "").strip()
            if side == DATED and row.dated:
                side, typed = row.dated, ""
            if row.typable and typed:
                picked[row.field.name] = _typed(row.field, typed)
            elif row.choice and side in ("a", "b") and side != row.default:
                value = row.a.value if side == "a" else row.b.value
                picked[row.field.name] = _public(value) if row.field.kind is Kind.REFERENCE else value
        return picked

    def ends(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Path to the day from which the pick gives way, where both are kept. ``InvalidValue`` unless it is to come."""
        both = [row for row in self.rows if row.dated and chosen.get(f"pick.{row.field.name}") == DATED]
        return {row.field.name: _to_come(row.field, chosen.get(f"until.{row.field.name}", "")) for row in both}

    @cached_property
    def _a(self) -> dict[str, Any]:
        return load_values(self.golden.domain, [self.golden.pk]).get(self.golden.pk, {})

    @cached_property
    def _b(self) -> dict[str, Any]:
        """What the incoming record says; a reference that nobody knows yet stays the source's own code."""
        if isinstance(self.incoming, GoldenRecord):
            return load_values(self.golden.domain, [self.incoming.pk]).get(self.incoming.pk, {})
        return stated_by(self.incoming, self.known) if self.incoming else {}

    @cached_property
    def _names(self) -> dict[int, str]:
        """Of every record that either side or the result refers to."""
        return names_of(self.domain, (self._a, self._b, self.survived.values))

    def _row(self, spec: Field) -> Row:
        a, b, kept = self._a.get(spec.name), self._b.get(spec.name), self.survived.values.get(spec.name)
        level, why = self._agreement(spec, a, b)
        return Row(
            field=spec,
            level=level,
            why=why,
            a=self._side(spec, a, b, level, self.view.origin_of(spec.name)),
            b=self._side(spec, b, a, level, self._origin_b),
            result=text_of(spec, kept, self._names),
            reason=(self.survived.provenance.get(spec.name) or {}).get("reason", ""),
            default="a" if same(kept, a) else "b" if same(kept, b) else "",
            waits=spec.guarded and a not in UNSTATED and not same(kept, a),
        )

    def _agreement(self, spec: Field, a: Any, b: Any) -> tuple[str, str]:
        level, note = agreement.level(self.domain.name, spec, a, b, names=self._names, evidence=self.evidence)
        if level in ("exact", "reformatted") and note in SAID_BY_LEVEL:
            return level, LEVEL_WORDS[level]
        return level, note[:1].upper() + note[1:] or LEVEL_WORDS[level]

    def _side(self, spec: Field, value: Any, other: Any, level: str, origin: Origin | None) -> Side:
        if value in UNSTATED:
            return Side(value, (), (), origin)
        if spec.kind is Kind.CHILDREN:
            return Side(value, (), tuple(children.texts(spec, _named(spec, value, self._names))), origin)
        text = text_of(spec, value, self._names)
        if level in ("similar", "different") and other not in UNSTATED:
            return Side(value, marks(text, text_of(spec, other, self._names)), (), origin)
        return Side(value, (Mark(text),), (), origin)

    @cached_property
    def _origin_b(self) -> Origin | None:
        if isinstance(self.incoming, SourceRecord):
            system, at = self.incoming.code_system.system, self.incoming.source_updated_at.isoformat()
            return Origin(system.name, system.kind, at, self.incoming.pk)
        return Origin(self.incoming.public_id, "", "") if self.incoming else None


def text_of(spec: Field, value: Any, names: Mapping[int, str]) -> str:
    if value not in UNSTATED and spec.kind is Kind.REFERENCE:
        return names.get(value, str(value))
    if value not in UNSTATED and spec.kind is Kind.CHILDREN:
        return children.joined(spec, _named(spec, value, names))
    return words.display(spec, value)


def _named(spec: Field, rows: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> list[dict[str, Any]]:
    wanted = references_in(spec)
    return [{k: names.get(v, v) if k in wanted else v for k, v in row.items()} for row in rows]


def _typed(spec: Field, text: str) -> Any:
    try:
        return input_for(spec).clean(text)
    except ValidationError as error:
        raise InvalidValue(f"{spec.label}: {' '.join(error.messages)}") from error


def _to_come(field: Field, text: str) -> str:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = dt.date.min
    if day <= timezone.localdate():
        raise InvalidValue(f"{field.label}: say the day, from tomorrow on, from which the other value holds.")
    return day.isoformat()


def _public(golden_id: int) -> str:
    return GoldenRecord.objects.values_list("public_id", flat=True).get(pk=golden_id)
