"""Rules as they are in force, their versions, and what a proposed change would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matching
from mdm import policies
from mdm.canonical import DOMAINS, LISTED, Domain, Field
from mdm.engine import words_of
from mdm.models import AuditEntry, ChangeRequest, Policy, SourceSystem
from mdm.services import gate
from mdm.ui.readers.weights import Weight, by_field

KINDS = {kind: text for kind, text in Policy.Kind.choices if kind != Policy.Kind.DICTIONARY}  # words are of all domains
THRESHOLDS = {
    "costs.false_link": "A wrong link costs, in reviews",
    "costs.missed_link": "A missed link costs, in reviews",
    "critical.false_link": "The same for critical records, wrong",
    "critical.missed_link": "The same for critical records, missed",
    "review_bits": "Bits below which a pair is not looked at",
}


@dataclass(frozen=True, slots=True)
class InForce:
    domain: Domain | None  # None: of all domains
    kind: str
    label: str
    policy: Policy | None  # None: as built in
    proposal: ChangeRequest | None


def overview() -> list[InForce]:
    """Every set of rules. Two queries."""
    active = {(row.kind, row.domain): row for row in Policy.objects.filter(active=True).select_related("author")}
    waiting = ChangeRequest.objects.filter(kind=ChangeRequest.Kind.POLICY, state=ChangeRequest.State.OPEN)
    proposed = {row.path: row for row in waiting.select_related("proposer")}
    words = Policy.Kind.DICTIONARY
    return [
        *(
            InForce(spec, kind, label, active.get((kind, spec.name)), proposed.get(f"{kind}:{spec.name}"))
            for spec in LISTED
            for kind, label in KINDS.items()
        ),
        InForce(None, words, words.label, active.get((words, "")), proposed.get(f"{words}:")),
    ]


def own_words() -> list[tuple[str, str, str]]:
    """(dictionary, word, meaning) of the hospital's own words in force."""
    found = words_of(Policy.objects.filter(kind=Policy.Kind.DICTIONARY, active=True).first())
    return [(name.replace("_", " ").capitalize(), word, text) for name in found for word, text in found[name].items()]


class Rules:
    """One set of rules: in force, or as a version stated them."""

    def __init__(self, kind: str, domain: str, version: int = 0, asked: Sequence[str] = ()) -> None:
        """``asked``: what a publish gate that is tried out asks for, in place of what the rules say."""
        self.kind, self.spec, self.label = kind, DOMAINS[domain], KINDS[kind]
        self._version, self._asked = version, asked

    @cached_property
    def versions(self) -> list[Policy]:
        rows = Policy.objects.filter(kind=self.kind, domain=self.spec.name).select_related("author", "change_request")
        return list(rows.order_by("-version"))

    @cached_property
    def policy(self) -> Policy | None:
        """None: as built in."""
        shown = (row for row in self.versions if (row.version == self._version if self._version else row.active))
        return next(shown, None)

    @property
    def version(self) -> int:
        return self.policy.version if self.policy else 0

    @cached_property
    def proposal(self) -> ChangeRequest | None:
        path = f"{self.kind}:{self.spec.name}"
        rows = ChangeRequest.objects.filter(kind=ChangeRequest.Kind.POLICY, state=ChangeRequest.State.OPEN, path=path)
        return rows.first()

    @cached_property
    def failed(self) -> AuditEntry | None:
        """The last attempt at a proposal that came to nothing, if nothing was proposed since."""
        tried = AuditEntry.objects.filter(action="policy.failed", after__rules=f"{self.kind}:{self.spec.name}").first()
        newest = self.versions[0].created_at if self.versions else None
        return tried if tried and (newest is None or tried.at > newest) else None

    @cached_property
    def match(self) -> matching.Policy:
        row = self.policy
        return matching.Policy.from_json(row.body) if row else matching.Policy.default(self.spec.name)

    @property
    def thresholds(self) -> list[tuple[str, str, float]]:
        body = flat(self.match.to_json())
        return [(path, label, body[path]) for path, label in THRESHOLDS.items()]

    @property
    def weights(self) -> list[tuple[str, list[Weight]]]:
        weights = self.match.weights
        return by_field(self.spec, weights, weights)

    @property
    def gate(self) -> list[tuple[Field, bool]]:
        """Attributes that the publish gate may ask for, and whether it does."""
        in_force = self.policy.body["required"] if self.policy else policies.REQUIRED[self.spec.name]
        names = self._asked or in_force
        return [(spec, spec.name in names) for spec in gate.choices(self.spec.name)]

    @cached_property
    def systems(self) -> list[SourceSystem]:
        return list(SourceSystem.objects.filter(active=True, code_systems__domain=self.spec.name).distinct())

    @property
    def trust(self) -> list[tuple[str, list[Cell]]]:
        """Per attribute, how far each system is believed."""
        own: Mapping[str, Mapping[str, int]] = self.policy.body.get("trust", {}) if self.policy else {}
        return [(spec.label, [self._cell(spec, s, own) for s in self.systems]) for spec in self.spec.fields]

    def _cell(self, spec: Field, system: SourceSystem, own: Mapping[str, Mapping[str, int]]) -> Cell:
        said = own.get(spec.name, {}).get(system.code)
        label = f"{spec.label}, {system.name}"
        return Cell(f"trust.{spec.name}.{system.code}", label, said, system.trust_in(self.spec.name))


@dataclass(frozen=True, slots=True)
class Cell:
    """How far a system is believed about an attribute; ``own``: set by the rules, else as far as in general."""

    name: str
    label: str
    own: int | None
    general: int


class GateProposal:
    """A proposed publish gate: what it asks for, and what it would do."""

    def __init__(self, request: ChangeRequest) -> None:
        self.spec = DOMAINS[request.policy.domain]  # type: ignore[union-attr]  # rules.propose gives it one
        self.effect: dict[str, int] = request.diff["population"]
        self._asked: dict[str, dict[str, bool]] = request.diff["required"]

    @property
    def rules(self) -> list[tuple[str, bool, bool]]:
        """(attribute, asked for before, after)."""
        named = self.spec.by_name
        return [
            (named[name].label, said["before"], said["after"]) for name, said in self._asked.items() if name in named
        ]


def flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """{"costs": {"false_link": 30}} → {"costs.false_link": 30}."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        found |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return found
