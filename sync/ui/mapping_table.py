"""The field mapping of a target as a table: what was posted as rules, rules as rows, and what they make of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
TOLD = (("", "All, or those chosen"), ("none", "None"))
PARTS = ("from", "case", "codes", "prefix", "default", "limit", "cut")


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the target, or of the rows of one of its lists, with its rule, as the inputs show it."""

    field: Field
    said: Mapping[str, str]
    choices: Sequence[Field]
    of: Field | None = None  # the list

    @property
    def path(self) -> str:
        return f"{self.of.name}.{self.field.name}" if self.of else self.field.name

    @property
    def label(self) -> str:
        return f"{self.of.label}: {self.field.label}" if self.of else self.field.label

    @property
    def source(self) -> str:
        return self.said["from"]

    @property
    def is_ruled(self) -> bool:
        return bool({**self.said, "from": ""} != dict.fromkeys(PARTS, "") or self.source != self.field.name)


@dataclass(frozen=True, slots=True)
class ListRow:
    """Which rows of one list the target is told."""

    field: Field
    told: str  # a name in TOLD
    only: str

    @property
    def chosen_by(self) -> str:
        return ", ".join(part.name for part in fieldmap.choosable(self.field))


def shown(domain: str, rules: Rules, posted: Mapping[str, str] | None) -> dict[str, Any]:
    """What the page needs: the table, as it was posted if it was, what the inputs offer, and the rules tried."""
    return {
        "rows": rows(domain, rules, posted),
        "lists": list_rows(domain, rules, posted),
        "cases": CASES,
        "told": TOLD,
        "tried": tried(domain, rules),
        "asked": posted or {},
    }


def rows(domain: str, rules: Rules, posted: Mapping[str, str] | None = None) -> list[Row]:
    """The record's own fields, then those of each list."""
    owners: list[tuple[Field | None, list[Field]]] = [(None, fieldmap.mappable(domain))]
    owners += [(spec, fieldmap.parts(spec)) for spec in fieldmap.lists(domain)]
    found = [Row(field, {}, fields, owner) for owner, fields in owners for field in fields]
    return [replace(row, said=_posted(row.path, posted) if posted else _shown(row, rules)) for row in found]


def list_rows(domain: str, rules: Rules, posted: Mapping[str, str] | None = None) -> list[ListRow]:
    return [_list_posted(spec, posted) if posted else _list_shown(spec, rules) for spec in fieldmap.lists(domain)]


def _posted(path: str, posted: Mapping[str, str]) -> dict[str, str]:
    return {part: posted.get(f"{path}.{part}", "") for part in PARTS}


def _shown(row: Row, rules: Rules) -> dict[str, str]:
    rule = rules.get(row.path, {})
    codes = "; ".join(f"{ours} = {theirs}" for ours, theirs in rule.get("codes", {}).items())
    said = {"from": rule.get("from", row.field.name), "codes": codes, "cut": "on" if rule.get("cut") else ""}
    return said | {part: str(rule.get(part, "")) for part in ("case", "prefix", "default", "limit")}


def _list_posted(spec: Field, posted: Mapping[str, str]) -> ListRow:
    return ListRow(spec, posted.get(f"{spec.name}.told", ""), posted.get(f"{spec.name}.only", ""))


def _list_shown(spec: Field, rules: Rules) -> ListRow:
    rule = rules.get(spec.name, {})
    only = "; ".join(f"{field} = {', '.join(values)}" for field, values in rule.get("only", {}).items())
    return ListRow(spec, "none" if "from" in rule else "", only)


def rules_of(domain: str, posted: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The rules that the inputs mean. Raises InvalidValue for a limit or a code list that is none."""
    found = {row.path: _rule(row, row.said) for row in rows(domain, {}, posted)}
    found |= {row.field.name: _list_rule(row) for row in list_rows(domain, {}, posted)}
    return {path: rule for path, rule in found.items() if rule}


def _list_rule(row: ListRow) -> dict[str, Any]:
    if row.told == "none":
        return {"from": ""}
    only = {field: [one.strip() for one in values.split(",")] for field, values in _pairs(row.field.label, row.only)}
    return {"only": only} if only else {}


def _rule(row: Row, said: Mapping[str, str]) -> dict[str, Any]:
    rule: dict[str, Any] = {part: said[part] for part in ("case", "prefix", "default") if said[part]}
    if said["from"] != row.field.name:
        rule["from"] = said["from"]
    if said["limit"].strip():
        if not said["limit"].strip().isdecimal():
            raise InvalidValue(f"{row.label}: “{said['limit'][:20]}” is no number of characters.")
        rule["limit"] = int(said["limit"])
        rule |= {"cut": True} if said["cut"] else {}
    if codes := dict(_pairs(row.label, said["codes"])):
        rule["codes"] = codes
    return rule


def _pairs(label: str, text: str) -> Iterator[tuple[str, str]]:
    """What ``a = b; c = d`` says. Raises InvalidValue."""
    for pair in filter(None, map(str.strip, text.split(";"))):
        name, sign, value = (part.strip() for part in pair.partition("="))
        if not sign or not name:
            raise InvalidValue(f"{label}: “{pair[:40]}” is none of what is meant; write a = b, with ; between.")
        yield name, value


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
    fields = DOMAINS[record.domain].by_name
    names = dict.fromkeys(path.partition(".")[0] for path in rules)
    pairs = [(fields[n].label, _said(attributes.get(n)), _said(told.get(n))) for n in names]
    return Tried(record, [pair for pair in pairs if pair[1] != pair[2]])


def _said(value: Any) -> str:
    """As it stands: codes are what a mapping is about, so they are not put into words."""
    rows = value if isinstance(value, list) else [value or ""]
    return " · ".join(_row_said(row) if isinstance(row, dict) else str(row) for row in rows)


def _row_said(row: Mapping[str, Any]) -> str:
    texts = (value.get("name", "") if isinstance(value, dict) else value for value in row.values())
    return " ".join(str(text) for text in texts if text not in (None, ""))
