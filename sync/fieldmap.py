"""A target's own field mapping: which golden value goes into which of its fields, and in what form. Pure.

A mapping is ``{domain: {field: rule}}``. The field is one of the canonical model, as the adapter puts it on the wire,
or one of the rows of a list, ``packaging.uom``; a rule says, in this order of effect:

========= =====================================================================================
from      the golden attribute that it is filled from, in a row one of the same row; "" leaves the
          field empty; unsaid: its own
case      "trim", "upper" or "lower"; the last two trim as well
codes     {ours: theirs}, a code list; what isn't in it stays
prefix    put before what is stated
default   what an empty field says instead
limit     characters at most; longer values are refused, or with ``cut`` shortened
========= =====================================================================================

A rule for a list as a whole, ``addresses``, says which golden rows the target is told: with ``only`` those that have
one of these values in each of these fields, ``{"purpose": ["remit_to"]}``; with ``from`` "" none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from mdm.canonical import DOMAINS, Field, Kind
from mdm.exceptions import Refused
from sync.adapters.base import InvalidForTarget
from sync.adapters.values import LADDERS

Rule = Mapping[str, Any]
Rules = Mapping[str, Rule]  # by field
Row = Mapping[str, Any]
TEXTS = (Kind.TEXT, Kind.CODE, Kind.IDENTIFIER, Kind.CHOICE)
CASES = {"trim": str.strip, "upper": lambda text: text.strip().upper(), "lower": lambda text: text.strip().lower()}
KINDS: dict[str, type] = {
    "from": str, "case": str, "codes": dict, "prefix": str, "default": str, "limit": int, "cut": bool,
}  # fmt: skip
LISTS = {spec.name: spec for domain in DOMAINS.values() for spec in domain.fields if spec.kind is Kind.CHILDREN}


def mappable(domain: str) -> list[Field]:
    """The fields that a rule may be for, or fill from: those that hold one text."""
    return _texts(DOMAINS[domain].fields)


def lists(domain: str) -> list[Field]:
    """The lists of rows that a rule may be for."""
    return [spec for spec in DOMAINS[domain].fields if spec.kind is Kind.CHILDREN]


def parts(spec: Field) -> list[Field]:
    """The same as ``mappable`` of the rows of a list."""
    return _texts(spec.children)


def choosable(spec: Field) -> list[Field]:
    """What the rows of a list may be chosen by. A ladder is told whole: each step holds so many of the one before."""
    return [] if spec.name in LADDERS else parts(spec)


def _texts(fields: Sequence[Field]) -> list[Field]:
    return [spec for spec in fields if spec.kind in TEXTS]


def applied(rules: Rules, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as this target is told them. Raises InvalidForTarget with every value that is too long."""
    problems: list[str] = []
    told = {**attributes, **_told(_within("", rules), attributes, "", problems)}
    for name in {path.partition(".")[0] for path in rules} & LISTS.keys():
        if rows := attributes.get(name):
            told[name] = _rows(name, rules, rows, problems)
    if problems:
        raise InvalidForTarget(list(dict.fromkeys(problems)))
    return told


def _within(name: str, rules: Rules) -> Rules:
    """The rules for the fields of the rows of a list, or of the record itself."""
    split = {path: path.rpartition(".") for path in rules if path not in LISTS}
    return {field: rules[path] for path, (owner, _, field) in split.items() if owner == name}


def _told(rules: Rules, values: Row, where: str, problems: list[str]) -> dict[str, str | None]:
    told = {}
    for field, rule in rules.items():
        source = rule.get("from", field)
        value = _filled(rule, values.get(source) if source else None)
        limit = rule.get("limit")
        if value and limit and len(value) > limit:
            if not rule.get("cut"):
                said = f"{where}{field} has {len(value)} characters and this target’s mapping allows {limit}"
                problems.append(said)
            value = value[:limit].rstrip()
        told[field] = value
    return told


def _rows(name: str, rules: Rules, rows: Sequence[Row], problems: list[str]) -> list[dict[str, Any]]:
    whole, inner, key = rules.get(name, {}), _within(name, rules), LISTS[name].child_key
    if whole.get("from") == "":
        return []
    wanted = whole.get("only", {}).items()
    kept = [row for row in rows if all(row.get(field) in values for field, values in wanted)]
    told = [{**row, **_told(inner, row, f"{name}.", problems)} for row in kept]
    if key in inner and len({row[key] for row in told}) < len({row.get(key) for row in kept}):
        problems.append(f"{name} has rows that this target’s mapping gives the same {key}")
    return told


def _filled(rule: Rule, value: str | None) -> str | None:
    if value and (case := rule.get("case")):
        value = CASES[case](value)
    if value:
        value = rule.get("prefix", "") + rule.get("codes", {}).get(value, value)
    return value or rule.get("default") or None


def back(rules: Rules, field: str, value: Any) -> tuple[str, Any]:
    """(golden attribute, value) that a target's value stands for. Raises Refused where it stands for none."""
    if field in LISTS:
        return field, _rows_back(rules, field, value)
    rule = rules.get(field)
    if rule is None:
        return field, value
    if not (source := rule.get("from", field)):
        raise Refused(f"{field} is filled by this target’s mapping, not by the golden record. Change the mapping.")
    return source, _stands_for(rule, value)


def _stands_for(rule: Rule, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == rule.get("default"):
        return None
    value = value.removeprefix(rule.get("prefix", ""))
    return next((ours for ours, theirs in rule.get("codes", {}).items() if theirs == value), value)


def _rows_back(rules: Rules, name: str, rows: Any) -> Any:
    inner = _within(name, rules)
    if name in rules or any("from" in rule for rule in inner.values()):
        raise Refused(
            f"This target’s mapping tells it only a part of {name}. Change the golden record, or the mapping."
        )
    return [row | {field: _stands_for(rule, row.get(field)) for field, rule in inner.items()} for row in rows or ()]


def check(mapping: Any) -> None:
    """Raises ValidationError unless it is a mapping."""
    if not isinstance(mapping, dict):
        raise ValidationError("A mapping is an object: domain to field to rule.")
    for domain, rules in mapping.items():
        if domain not in DOMAINS or not isinstance(rules, dict):
            raise ValidationError(f"A mapping is by domain: {', '.join(DOMAINS)}.")
        whole = {spec.name: spec for spec in lists(domain)}
        for path, rule in rules.items():
            name, _, field = path.partition(".")
            if path in whole:
                _check_list(whole[path], rule)
            elif field and name in whole:
                _check_rule(name, parts(whole[name]), field, rule)
            else:
                _check_rule(domain, mappable(domain), path, rule)


def _check_list(spec: Field, rule: Any) -> None:
    if not isinstance(rule, dict) or not set(rule) <= {"from", "only"} or rule.get("from", "") != "":
        raise ValidationError(f'{spec.name}: a rule for a list has only, or from with "" for none of its rows.')
    only, known = rule.get("only", {}), {part.name: part for part in choosable(spec)}
    if not isinstance(only, dict) or not set(only) <= set(known):
        by = f"are chosen by {', '.join(sorted(known))}" if known else "are told all or not at all"
        raise ValidationError(f"{spec.name}: its rows {by}.")
    for field, values in only.items():
        _check_values(spec, known[field], values)


def _check_values(spec: Field, part: Field, values: Any) -> None:
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise ValidationError(f"{spec.name}: only names a list of values for each field.")
    choices = dict(part.choices)
    if strange := [value for value in values if choices and value not in choices]:
        raise ValidationError(f"{part.name} of {spec.name} is never {strange[0][:40]}, but {', '.join(choices)}.")


def _check_rule(owner: str, specs: Sequence[Field], field: str, rule: Any) -> None:
    known = {spec.name for spec in specs}
    if field not in known:
        raise ValidationError(f"{field} of {owner} can't be mapped; these can: {', '.join(sorted(known))}.")
    if not isinstance(rule, dict) or any(type(value) is not KINDS.get(name) for name, value in rule.items()):
        raise ValidationError(
            f"{field}: a rule has {', '.join(KINDS)}; texts, but a number as limit, and codes by code."
        )
    if rule.get("from", field) not in {*known, ""}:
        raise ValidationError(f"{field} is filled from one of {', '.join(sorted(known))}, or from nothing.")
    if rule.get("case", "trim") not in CASES or rule.get("limit", 1) < 1:
        raise ValidationError(f"{field}: case is one of {', '.join(CASES)}, and a limit is at least 1.")
    if not all(isinstance(code, str) for pair in rule.get("codes", {}).items() for code in pair):
        raise ValidationError(f"{field}: codes are texts.")
