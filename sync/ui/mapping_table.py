"""The field mapping of a target as a table: what was posted as rules, rules as rows, and what they make of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdm.canonical import DOMAINS, Field
from mdm.exceptions import InvalidValue
from mdm.models import GoldenRecord
from mdm.services import publish
from sync import fieldmap
from sync.adapters.base import InvalidForTarget
from sync.fieldmap import Rules

SAMPLE = 5  # records that rules are tried on
CASES = (("", "As it is"), ("trim", "Trimmed"), ("upper", "UPPER CASE"), ("lower", "lower case"))
PARTS = ("from", "case", "codes", "prefix", "default", "limit", "cut")


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the target with its rule, as the inputs show it."""

    field: Field
    said: Mapping[str, str]
    choices: Sequence[Field]

    @property
    def source(self) -> str:
        return self.said["from"]

    @property
    def is_ruled(self) -> bool:
        return bool({**self.said, "from": ""} != dict.fromkeys(PARTS, "") or self.source != self.field.name)


def rows(domain: str, rules: Rules, posted: Mapping[str, str] | None = None) -> list[Row]:
    specs = fieldmap.mappable(domain)
    return [Row(spec, _posted(spec.name, posted) if posted else _shown(spec.name, rules), specs) for spec in specs]


def _posted(field: str, posted: Mapping[str, str]) -> dict[str, str]:
    return {part: posted.get(f"{field}.{part}", "") for part in PARTS}


def _shown(field: str, rules: Rules) -> dict[str, str]:
    rule = rules.get(field, {})
    codes = "; ".join(f"{ours} = {theirs}" for ours, theirs in rule.get("codes", {}).items())
    said = {"from": rule.get("from", field), "codes": codes, "cut": "on" if rule.get("cut") else ""}
    return said | {part: str(rule.get(part, "")) for part in ("case", "prefix", "default", "limit")}


def rules_of(domain: str, posted: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The rules that the inputs mean. Raises InvalidValue for a limit or a code list that is none."""
    found = {spec.name: _rule(spec, _posted(spec.name, posted)) for spec in fieldmap.mappable(domain)}
    return {field: rule for field, rule in found.items() if rule}


def _rule(spec: Field, said: Mapping[str, str]) -> dict[str, Any]:
    rule: dict[str, Any] = {part: said[part] for part in ("case", "prefix", "default") if said[part]}
    if said["from"] != spec.name:
        rule["from"] = said["from"]
    if said["limit"].strip():
        if not said["limit"].strip().isdecimal():
            raise InvalidValue(f"{spec.label}: “{said['limit'][:20]}” is no number of characters.")
        rule["limit"] = int(said["limit"])
        rule |= {"cut": True} if said["cut"] else {}
    if codes := _codes(spec, said["codes"]):
        rule["codes"] = codes
    return rule


def _codes(spec: Field, text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, map(str.strip, text.split(";"))):
        ours, sign, theirs = (part.strip() for part in pair.partition("="))
        if not sign or not ours:
            raise InvalidValue(f"{spec.label}: “{pair[:40]}” is no code; write ours = theirs, with ; between.")
        found[ours] = theirs
    return found


@dataclass(frozen=True, slots=True)
class Tried:
    """What rules make of one record: the fields that they change, or why it would be refused."""

    record: GoldenRecord
    changed: Sequence[tuple[str, str, str]]  # label, ours, as told
    refused: str = ""


def tried(domain: str, rules: Rules) -> list[Tried]:
    """The rules on the records that changed last."""
    live = GoldenRecord.objects.filter(domain=domain, status=GoldenRecord.Status.LIVE, approved_version__gt=0)
    records = list(live.order_by("-updated_at", "-pk")[:SAMPLE])
    payloads = publish.payloads([record.pk for record in records])
    return [_try(record, rules, payloads[record.pk]["attributes"]) for record in records]


def _try(record: GoldenRecord, rules: Rules, attributes: Mapping[str, Any]) -> Tried:
    try:
        told = fieldmap.applied(rules, attributes)
    except InvalidForTarget as error:
        return Tried(record, (), str(error))
    names = {spec.name: spec.label for spec in DOMAINS[record.domain].fields}
    pairs = [(names[name], attributes.get(name) or "", told[name] or "") for name in rules]
    return Tried(record, [pair for pair in pairs if pair[1] != pair[2]])
