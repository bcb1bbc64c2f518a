"""From what a source says to canonical values: a feed's row or an API's JSON goes in, clean values and notes come out.

A row is kept whenever that is safe. What can't be kept safely (no code, a date that isn't one, text that doesn't fit)
is a ``Problem`` and the row waits in quarantine; what is wrong but harmless (an identifier with a bad check digit) is
kept and noted in ``Parsed.invalid``. Nothing is cut short, guessed at or dropped without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rapidfuzz import process

from mdm import identifiers, scalars, unit_schemes
from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.choices import choice, country
from mdm.scalars import Cell, Unreadable
from mdm.units import nearby

CODE_LENGTH = 120  # of codes and of references to them: SourceRecord.code
UOM_LENGTH = 12
IDENTIFIER_LENGTH = 40  # invalid ones are kept as they are, so there is more room than a valid one needs
TEXT_LENGTH = 200
EXCERPT = 80
CODE, UOM, UPDATED_AT, IGNORE = "$code", "$uom", "$updated_at", "$ignore"
PSEUDO_PATHS = (CODE, UOM, UPDATED_AT, IGNORE)
UNITS = ("uom", "base_uom")  # fields that hold one
REPEATABLE = {"supplier_parts"}  # a supplier may sell an item under several numbers; other children are one per key


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row can't be kept, and what to do about it."""

    path: str
    value: str
    message: str


@dataclass(slots=True)
class Parsed:
    """A row as canonical values. With ``problems`` it must not be landed."""

    code: str = ""
    uom: str = ""
    updated_at: datetime | None = None
    values: dict[str, Any] = field(default_factory=dict)
    written: dict[str, Any] = field(default_factory=dict)  # units as the source writes them; see ``units_anew``
    invalid: dict[str, str] = field(default_factory=dict)  # {path: why}, kept all the same
    problems: list[Problem] = field(default_factory=list)


def parse_row(
    domain: str | Domain, cells: Mapping[str, Cell], *, date_order: str = "", units: Mapping[str, str] | None = None
) -> Parsed:
    """Read one row whose columns are already named by canonical paths such as ``addresses.remit_to.city``.

    ``date_order`` as in ``scalars.iso_date``; ``units``: what the system calls units, as in ``unit_schemes.read``.
    Never raises for what a source says; see ``Parsed.problems``.
    """
    row = _Row(DOMAINS[domain] if isinstance(domain, str) else domain, date_order, units)
    for path, cell in cells.items():
        if path != IGNORE:
            row.take(path, cell)
    return row.finish(code_required=True)


def parse_values(domain: str | Domain, values: Mapping[str, Any], *, units: Mapping[str, str] | None = None) -> Parsed:
    """The same for values that are already structured (API, HL7, FHIR): children as lists of objects.

    Unknown names are problems. ``code``, ``uom`` and ``updated_at`` of the result stay empty: the envelope has them.
    """
    row = _Row(DOMAINS[domain] if isinstance(domain, str) else domain, "", units)
    for path, cell in _flatten(values):
        row.take(path, cell)
    return row.finish(code_required=False)


def has_units(domain: str) -> bool:
    return any(_is_unit(spec) or any(map(_is_unit, spec.children)) for spec in DOMAINS[domain].fields)


def units_anew(domain: str, values: Mapping[str, Any], written: Mapping[str, Any], units: Mapping[str, str]) -> Parsed:
    """The values that have units, read from what the source wrote by these words for units. ``written`` has that where
    it isn't the unit's own code, or stated a quantity: {"base_uom": "KAR", "packaging": [{}, {"uom": "B10", "quantity":
    None}]}, one for each child.
    """
    stated: dict[str, Any] = {}
    for spec in DOMAINS[domain].fields:
        said, texts = values.get(spec.name), written.get(spec.name)
        if said and _is_unit(spec):
            stated[spec.name] = texts or said
        elif said and any(map(_is_unit, spec.children)):
            known = {child.name for child in spec.children}
            stated[spec.name] = [
                {name: value for name, value in {**child, **text}.items() if name in known}
                for child, text in zip(said, texts or [{}] * len(said), strict=True)
            ]
    return parse_values(domain, stated, units=units)


def _is_unit(spec: Field) -> bool:
    return spec.name in UNITS


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{path}.")
        elif isinstance(value, list | tuple):
            for position, entry in enumerate(value, 1):
                if isinstance(entry, Mapping):
                    yield from _flatten(entry, f"{path}.{position}.")
                else:
                    yield f"{path}.{position}", entry
        else:
            yield path, value


def paths(domain: Domain) -> list[str]:
    """Every path that a column can be mapped to, children at their usual keys or first positions."""
    found = list(PSEUDO_PATHS)
    for entry in domain.fields:
        if entry.kind is Kind.CHILDREN:
            found += [f"{entry.name}.{key}.{child.name}" for key in _usual_keys(entry) for child in entry.children]
        else:
            found.append(entry.name)
    return found


def _usual_keys(parent: Field) -> Iterable[str]:
    key = next(child for child in parent.children if child.name == parent.child_key)
    return [value for value, _label in key.choices] or ["1", "2", "3", "4"]


def why_no_path(domain: Domain, path: str) -> str:
    """Empty if a column can be mapped to this path, else why not, with the nearest path that exists."""
    if path in PSEUDO_PATHS or _locate(domain, path):
        return ""
    near = process.extractOne(path, paths(domain), score_cutoff=70)
    return f"{domain.label} has no {path!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def is_date(domain: Domain, path: str) -> bool:
    """Whether a path takes dates: the feed's date order is told from those columns."""
    place = _locate(domain, path)
    return path == UPDATED_AT or (place is not None and place.field.kind is Kind.DATE)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads: a field, and for children which one of them."""

    field: Field
    parent: Field | None = None
    key: str = ""


def _locate(domain: Domain, path: str) -> _Place | None:
    name, _, rest = path.partition(".")
    top = domain.by_name.get(name)
    if top is None:
        return None
    if top.kind is Kind.LIST:
        return _Place(top) if not rest or rest.isdecimal() else None
    if top.kind is not Kind.CHILDREN:
        return None if rest else _Place(top)
    key, _, leaf = rest.partition(".")
    child = next((c for c in top.children if c.name == leaf), None)
    known = (key.isdecimal() and len(key) <= 3) or any(key == value for c in top.children for value, _ in c.choices)
    return _Place(child, top, key) if child and known else None


PLACES_KEPT = 2000
_places: dict[tuple[str, str], _Place] = {}  # a feed asks for the same few paths a million times


class _Row:
    """One row being read."""

    def __init__(self, domain: Domain, date_order: str, units: Mapping[str, str] | None = None) -> None:
        self.domain, self.date_order, self.units = domain, date_order, units
        self.parsed = Parsed()
        self.children: dict[str, dict[str, dict[str, Any]]] = {}  # parent name, key or position, values
        self.quantities: dict[tuple[str, str], int] = {}  # that a unit's own text states, as in "B10"
        self.unit_texts: dict[tuple[str, str], str] = {}  # as written, where that isn't the code itself

    def take(self, path: str, cell: Cell) -> None:
        try:
            self._take(path, cell)
        except Unreadable as error:
            self._problem(path, cell, str(error))

    def _take(self, path: str, cell: Cell) -> None:
        if path in (CODE, UOM, UPDATED_AT):
            self._envelope(path, cell)
            return
        place = self._place(path)
        value = self._value(place, path, cell)
        if value is not None:
            self._put(place, value)

    def _place(self, path: str) -> _Place:
        place = _places.get((self.domain.name, path)) or _locate(self.domain, path)
        if place is None:
            raise Unreadable(why_no_path(self.domain, path))
        if len(_places) < PLACES_KEPT:
            _places[self.domain.name, path] = place
        return place

    def _envelope(self, path: str, cell: Cell) -> None:
        text = scalars.clean(cell)
        if not text:
            return
        if path == UPDATED_AT:
            self.parsed.updated_at = scalars.moment(cell, self.date_order)
        elif path == CODE:
            self.parsed.code = _fitting(scalars.code(text), CODE_LENGTH)
        else:
            self.parsed.uom = _fitting(text, UOM_LENGTH)

    def _value(self, place: _Place, path: str, cell: Cell) -> Any:
        if isinstance(cell, dict | list):
            raise Unreadable("a single value is expected here")
        kind, text = place.field.kind, scalars.clean(cell)
        if not text:
            return None
        match kind:
            case Kind.BOOLEAN:
                return scalars.boolean(text)
            case Kind.DATE:
                return scalars.iso_date(cell, self.date_order)
            case Kind.DECIMAL:
                return scalars.decimal(text)
            case Kind.INTEGER:
                return scalars.integer(text)
            case Kind.CHOICE:
                return choice(place.field, text)
            case Kind.IDENTIFIER:
                return self._identifier(place.field.scheme, path, text)
            case Kind.REFERENCE:
                return _fitting(scalars.code(text), CODE_LENGTH)
            case Kind.LIST:
                return _listed(text)
        return self._text(place, path, text)

    def _text(self, place: _Place, path: str, text: str) -> str:
        if _is_unit(place.field):
            return self._unit(place, text)
        if place.field.name == "country":
            text = country(text)
        text = scalars.code(text) if place.field.kind is Kind.CODE else text
        return _fitting(text, place.field.max_length or TEXT_LENGTH)

    def _unit(self, place: _Place, text: str) -> str:
        unit = unit_schemes.read(text, self.units)
        if unit is None:
            raise Unreadable(f"Concord knows no such unit of measure: near it are {', '.join(nearby(text))}")
        if text.upper() != unit.code:
            self.unit_texts[place.parent.name if place.parent else place.field.name, place.key] = text
        if place.parent and unit.quantity and any(child.name == "quantity" for child in place.parent.children):
            self.quantities[place.parent.name, place.key] = unit.quantity
        return unit.code

    def _identifier(self, scheme: str, path: str, text: str) -> str:
        value, why = identifiers.check(scheme, text)
        if why := scalars.why_shortened(text) or why:
            self.parsed.invalid[path] = why
        return _fitting(value, IDENTIFIER_LENGTH)

    def _put(self, place: _Place, value: Any) -> None:
        if place.parent:
            self.children.setdefault(place.parent.name, {}).setdefault(place.key, {})[place.field.name] = value
        elif place.field.kind is Kind.LIST:
            stated = self.parsed.values.setdefault(place.field.name, [])
            stated += [entry for entry in value if entry not in stated]
        else:
            self.parsed.values[place.field.name] = value

    def finish(self, *, code_required: bool) -> Parsed:
        self.parsed.written.update({name: text for (name, key), text in self.unit_texts.items() if not key})
        for name, children in self.children.items():
            if kept := self._assemble(self.domain.by_name[name], children):
                self.parsed.values[name] = kept
        if code_required and not self.parsed.code and not any(p.path == CODE for p in self.parsed.problems):
            self._problem(CODE, "", "the row has no code: fill in the column that holds the record's own code")
        return self.parsed

    def _assemble(self, parent: Field, children: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Children in order of position or key, each with its key; those without one are noted and left out."""
        kept: dict[Any, dict[str, Any]] = {}
        written: dict[Any, dict[str, Any]] = {}
        for place, child in sorted(children.items(), key=lambda entry: entry[0].zfill(4)):
            if not place.isdecimal():
                child.setdefault(parent.child_key, place)
            text = self.unit_texts.get((parent.name, place))
            texts: dict[str, Any] = {"uom": text} if text else {}
            if "quantity" not in child and (quantity := self.quantities.get((parent.name, place))):
                child["quantity"], texts["quantity"] = quantity, None
            key = child.get(parent.child_key)
            if key is None:
                self.parsed.invalid[f"{parent.name}.{place}"] = f"left out, as it has no {parent.child_key}"
            elif parent.name in REPEATABLE:
                kept[place], written[place] = child, texts
            elif any(kept.get(key, child).get(name, value) != value for name, value in child.items()):
                self._problem(f"{parent.name}.{place}", str(key), f"{key} is stated twice, with different values")
            else:
                kept[key], written[key] = kept.get(key, {}) | child, written.get(key, {}) | texts
        if any(written.values()):
            self.parsed.written[parent.name] = list(written.values())
        return list(kept.values())

    def _problem(self, path: str, value: Any, message: str) -> None:
        self.parsed.problems.append(Problem(path, excerpt(value), message))


def excerpt(value: Any) -> str:
    """The beginning of a value, fit to be stored and shown."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
    return text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…"


def _fitting(text: str, length: int) -> str:
    if len(text) > length:
        raise Unreadable(f"this has {len(text)} characters, {length} fit: shorten it in the source")
    return text


def _listed(text: str) -> list[str]:
    entries = [entry.strip() for entry in text.replace("|", ";").split(";")]
    return [_fitting(entry, TEXT_LENGTH) for entry in entries if not scalars.is_placeholder(entry)]
