"""Which value survives, and why. Pure: inputs and policy in, values and provenance out.

An *input* is what one source record says (references already resolved to golden ids), or an override. Order of
preference for an attribute, first difference decides: hold, steward, valid before invalid identifier, trust of the
system, most recent, then the system's code and the value itself, so that no result depends on row order or ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mdm.canonical import DOMAINS, Domain, Field, Kind

Value = Any  # JSON; references are golden ids

HOLD = "Held until a second person approves"
STEWARD = "Steward's value"
ONLY = "Only value"
AGREE = "Sources agree"
VALID = "Check digit valid"
TRUST = "Most trusted source"
RECENT = "Most recent"
FULLEST = "Fullest ladder"
TIE = "Equal standing, first by system"
UNION = "Every source's"

CHILD_PATH = re.compile(r"^(?P<name>\w+)\[(?P<key>[^\]]+)\](?:\.(?P<field>\w+))?$")


@dataclass(frozen=True, slots=True)
class SourceInput:
    source: int
    system: str
    trust: int  # 0–100, in this domain
    at: str  # ISO 8601; compared as text
    values: Mapping[str, Value]
    echo: frozenset[str] = frozenset()
    invalid: Mapping[str, str] = field(default_factory=dict)

    def says(self, name: str) -> Value:
        """The value as evidence, None when not stated or merely an echo of what Concord delivered."""
        return None if name in self.echo else self.values.get(name)


@dataclass(frozen=True, slots=True)
class OverrideInput:
    path: str
    value: Value
    author: str
    at: str
    reason: str
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """``trust``: per attribute, per system, in place of the system's general trust, e.g. {"gtin": {"scm": 95}}."""

    version: int = 1
    trust: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def trust_of(self, name: str, source: SourceInput) -> int:
        return self.trust.get(name, {}).get(source.system, source.trust)


@dataclass(frozen=True, slots=True)
class Survived:
    values: dict[str, Value]  # every canonical name; None when not stated
    provenance: dict[str, dict[str, Any]]
    beneath: dict[str, tuple[Value, dict[str, Any]]]  # of attributes on hold: value and provenance without the hold


def survive(
    domain: str, sources: Sequence[SourceInput], overrides: Sequence[OverrideInput], policy: Policy
) -> Survived:
    """The golden values of one record and, per attribute, their winner, the reason and the losing values."""
    values: dict[str, Value] = dict.fromkeys(DOMAINS[domain].by_name)
    provenance: dict[str, dict[str, Any]] = {}
    beneath: dict[str, tuple[Value, dict[str, Any]]] = {}
    stewards, holds = _latest(overrides, hold=False), _latest(overrides, hold=True)
    stated = {*stewards, *holds}.union(*(source.values for source in sources))
    specs = [spec for name, spec in DOMAINS[domain].by_name.items() if name in stated]
    for spec in specs:
        survived = _children(spec, sources, policy) if spec.kind is Kind.CHILDREN else _one(spec, sources, policy)
        if spec.name in stewards:
            survived = overridden(*survived, stewards[spec.name])
        if spec.name in holds:
            beneath[spec.name] = survived
            survived = overridden(*survived, holds[spec.name])
        values[spec.name], why = survived
        if why:
            provenance[spec.name] = why
    _override_children(DOMAINS[domain], values, provenance, stewards.values())
    for spec in DOMAINS[domain].parents:
        if values[spec.name]:
            values[spec.name] = in_order(spec, values[spec.name])
    return Survived(values, provenance, beneath)


def _latest(overrides: Iterable[OverrideInput], *, hold: bool) -> dict[str, OverrideInput]:
    return {o.path: o for o in sorted(overrides, key=lambda o: o.at) if o.hold == hold}


def comparable(value: Value) -> str:
    """Two values are the same when this is: case and blanks don't count."""
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    return json.dumps(value, sort_keys=True)


def _candidate(source: SourceInput, value: Value) -> dict[str, Any]:
    return {"value": value, "source": source.source, "system": source.system, "at": source.at}


def _one(spec: Field, sources: Sequence[SourceInput], policy: Policy) -> tuple[Value, dict[str, Any]]:
    stated = [(s, v) for s in sources if (v := s.says(spec.name)) not in (None, "", [])]
    if not stated:
        return None, {}
    _rank(spec, stated, policy)
    winner, value = stated[0]
    others = [_candidate(s, v) for s, v in stated[1:] if comparable(v) != comparable(value)]
    why = _candidate(winner, value) | {"reason": _reason(spec, stated, others, policy)}
    if spec.name in winner.invalid:
        why["invalid"] = winner.invalid[spec.name]
    return value, why | {"others": others}


def _rank(spec: Field, stated: list[tuple[SourceInput, Value]], policy: Policy) -> None:
    """Sort by the order of preference; each sort keeps the order of the one before where it sees no difference."""
    if len(stated) == 1:
        return
    stated.sort(key=lambda pair: (pair[0].system, comparable(pair[1]), str(pair[1]), pair[0].source))
    stated.sort(key=lambda pair: pair[0].at, reverse=True)
    stated.sort(key=lambda pair: (spec.name in pair[0].invalid, -policy.trust_of(spec.name, pair[0])))


def _reason(spec: Field, stated: Sequence[tuple[SourceInput, Value]], others: Sequence[object], policy: Policy) -> str:
    if len(stated) == 1:
        return ONLY
    if not others:
        return AGREE
    best = stated[0]
    rival = next(pair for pair in stated[1:] if comparable(pair[1]) != comparable(best[1]))
    if (spec.name in rival[0].invalid) != (spec.name in best[0].invalid):
        return VALID
    if policy.trust_of(spec.name, best[0]) != policy.trust_of(spec.name, rival[0]):
        return TRUST
    return RECENT if best[0].at != rival[0].at else TIE


def _children(spec: Field, sources: Sequence[SourceInput], policy: Policy) -> tuple[Value, dict[str, Any]]:
    """A packaging ladder survives whole from one source, addresses per purpose, supplier parts by union."""
    stated = [(s, v) for s in sources if (v := s.says(spec.name))]
    if not stated:
        return None, {}
    _rank(spec, stated, policy)
    if spec.name == "packaging":
        return _whole(spec, stated, policy)
    merged: dict[tuple[Value, ...], dict[str, Value]] = {}
    for _, children in stated:
        for child in children:
            merged.setdefault(child_key(spec, child), child)
    why = _candidate(stated[0][0], None) | {"reason": ONLY if len(stated) == 1 else UNION, "others": []}
    return list(merged.values()), why


def _whole(spec: Field, stated: Sequence[tuple[SourceInput, Value]], policy: Policy) -> tuple[Value, dict[str, Any]]:
    """The first ladder of more than one level: a lone base unit says nothing about packaging."""
    best = next((pair for pair in stated if len(pair[1]) > 1), stated[0])
    winner, value = best
    others = [_candidate(s, v) for s, v in stated if comparable(v) != comparable(value)]
    reason = _reason(spec, stated, others, policy) if best is stated[0] else FULLEST
    return value, _candidate(winner, None) | {"reason": reason, "others": others}


def child_key(spec: Field, child: Mapping[str, Value]) -> tuple[Value, ...]:
    """What tells two children of a record apart."""
    if spec.name == "supplier_parts":
        return tuple(child.get(k) or None for k in ("supplier", "number", "uom", "contract", "valid_from"))
    return (child.get(spec.child_key),)


def in_order(spec: Field, children: Iterable[Mapping[str, Value]]) -> list[Any]:
    """Children in the one order that Concord keeps them in: a ladder as it stands, others by what tells them apart."""
    if spec.name == "packaging":
        return list(children)
    return sorted(children, key=lambda child: json.dumps(child_key(spec, child)))


def overridden(value: Value, why: Mapping[str, Any], override: OverrideInput) -> tuple[Value, dict[str, Any]]:
    """What an override makes of a value and its provenance: the value it replaces is kept with the losing ones."""
    beaten = [{"value": value} | {k: why.get(k) for k in ("source", "system", "at")}] if why else []
    others = [
        other
        for other in (*beaten, *why.get("others", []))
        if other["value"] not in (None, "", []) and comparable(other["value"]) != comparable(override.value)
    ]
    return override.value, _says_who(override) | {"others": others}


def _says_who(override: OverrideInput) -> dict[str, Any]:
    return {
        "value": override.value,
        "source": "hold" if override.hold else "override",
        "system": override.author,
        "at": override.at,
        "reason": HOLD if override.hold else STEWARD,
        "note": override.reason,
    }


def _override_children(
    domain: Domain,
    values: dict[str, Value],
    provenance: dict[str, dict[str, Any]],
    overrides: Iterable[OverrideInput],
) -> None:
    """Apply ``packaging[CA].quantity`` and the like; a path to a child that is not there adds it."""
    for override in overrides:
        found = CHILD_PATH.match(override.path)
        spec = domain.by_name.get(found["name"]) if found else None
        if found is None or spec is None or not found["field"]:
            continue
        rows = [dict(row) for row in values.get(spec.name) or []]
        row = next((r for r in rows if str(r.get(spec.child_key)) == found["key"]), None)
        if row is None:
            row = {spec.child_key: found["key"]}
            rows.append(row)
        row[found["field"]] = override.value
        values[spec.name] = rows
        provenance[override.path] = _says_who(override) | {"others": []}
