"""A target's own field mapping: which golden value goes into which of its fields, and in what form. Pure.

A mapping is ``{domain: {field: rule}}``. The field is one of the canonical model, as the adapter puts it on the wire; a
rule says, in this order of effect:

========= =====================================================================================
from      the golden attribute that it is filled from; "" leaves the field empty; unsaid: its own
case      "trim", "upper" or "lower"; the last two trim as well
codes     {ours: theirs}, a code list; what isn't in it stays
prefix    put before what is stated
default   what an empty field says instead
limit     characters at most; longer values are refused, or with ``cut`` shortened
========= =====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from mdm.canonical import DOMAINS, Field, Kind
from mdm.exceptions import Refused
from sync.adapters.base import InvalidForTarget

Rule = Mapping[str, Any]
Rules = Mapping[str, Rule]  # by field
TEXTS = (Kind.TEXT, Kind.CODE, Kind.IDENTIFIER, Kind.CHOICE)
CASES = {"trim": str.strip, "upper": lambda text: text.strip().upper(), "lower": lambda text: text.strip().lower()}
KINDS: dict[str, type] = {
    "from": str, "case": str, "codes": dict, "prefix": str, "default": str, "limit": int, "cut": bool,
}  # fmt: skip


def mappable(domain: str) -> list[Field]:
    """The fields that a rule may be for, or fill from: those that hold one text."""
    return [spec for spec in DOMAINS[domain].fields if spec.kind in TEXTS]


def applied(rules: Rules, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as this target is told them. Raises InvalidForTarget with every value that is too long."""
    told, problems = dict(attributes), []
    for field, rule in rules.items():
        value = _filled(rule, attributes.get(rule.get("from", field)) if rule.get("from", field) else None)
        limit = rule.get("limit")
        if value and limit and len(value) > limit:
            if not rule.get("cut"):
                problems.append(f"{field} has {len(value)} characters and this target’s mapping allows {limit}")
            value = value[:limit].rstrip()
        told[field] = value
    if problems:
        raise InvalidForTarget(problems)
    return told


def _filled(rule: Rule, value: str | None) -> str | None:
    if value and (case := rule.get("case")):
        value = CASES[case](value)
    if value:
        value = rule.get("prefix", "") + rule.get("codes", {}).get(value, value)
    return value or rule.get("default") or None


def back(rules: Rules, field: str, value: Any) -> tuple[str, Any]:
    """(golden attribute, value) that a target's value stands for. Raises Refused where it stands for none."""
    rule = rules.get(field)
    if rule is None:
        return field, value
    if not (source := rule.get("from", field)):
        raise Refused(f"{field} is filled by this target’s mapping, not by the golden record. Change the mapping.")
    if isinstance(value, str):
        if value == rule.get("default"):
            return source, None
        value = value.removeprefix(rule.get("prefix", ""))
        value = next((ours for ours, theirs in rule.get("codes", {}).items() if theirs == value), value)
    return source, value


def check(mapping: Any) -> None:
    """Raises ValidationError unless it is a mapping."""
    if not isinstance(mapping, dict):
        raise ValidationError("A mapping is an object: domain to field to rule.")
    for domain, rules in mapping.items():
        if domain not in DOMAINS or not isinstance(rules, dict):
            raise ValidationError(f"A mapping is by domain: {', '.join(DOMAINS)}.")
        for field, rule in rules.items():
            _check_rule(domain, field, rule)


def _check_rule(domain: str, field: str, rule: Any) -> None:
    known = {spec.name for spec in mappable(domain)}
    if field not in known:
        raise ValidationError(f"{field} of {domain} can't be mapped; these can: {', '.join(sorted(known))}.")
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
