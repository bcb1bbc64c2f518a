"""``ConceptMap/$translate``: the lookup in FHIR's words, R4 and R5.

What R4 calls ``code``, ``coding`` and ``targetsystem`` is ``sourceCode``, ``sourceCoding`` and ``targetSystem`` in R5;
R4's ``reverse`` is asked there by giving ``targetCode`` … instead. Units travel as a ``dependency`` (in) and as
``product`` (out): ``urn:concord:uom`` and, how many of it one of the unit asked about is, ``urn:concord:factor``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rest_framework.exceptions import ValidationError

from mdm import lookup, reverse
from mdm.api.crosswalk import OPTIONS
from mdm.exceptions import Ambiguous, InvalidValue, NotFound, UnknownCode
from mdm.factors import End
from mdm.fhir import uris
from mdm.fhir.names import CODE_SYSTEM, GOLDEN, UNIT
from mdm.fhir.parameters import Given, Part, coding, concept, flag, only, part, resource, text
from mdm.fhir.uris import UnknownUri
from mdm.lookup import Resolution, TargetCode
from mdm.models import CodeSystem

FACTOR, NO_FACTOR = "urn:concord:factor", "urn:concord:no-factor"
CLOCKS = ("as_of", "known_at", "uom", "site")  # as in the REST API; FHIR has no names for them
UNSUPPORTED = ("conceptMap", "conceptMapVersion", "version")


@dataclass(frozen=True, slots=True)
class Names:
    """What a FHIR version calls the parameters."""

    codes: tuple[str, ...]
    codings: tuple[str, ...]
    concepts: tuple[str, ...]
    target: str
    source_scope: str
    target_scope: str
    element: str  # of a dependency and a product
    value: str
    relation: str
    more: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        own = (*self.codes, *self.codings, *self.concepts, self.target, self.source_scope, self.target_scope)
        return frozenset((*own, *self.more, "url", "system", "dependency", *CLOCKS, *UNSUPPORTED))


R4 = Names(
    ("code",), ("coding",), ("codeableConcept",), "targetsystem", "source", "target", "element", "concept",
    "equivalence", ("reverse",),
)  # fmt: skip
R5 = Names(
    ("sourceCode", "targetCode"), ("sourceCoding", "targetCoding"), ("sourceCodeableConcept", "targetCodeableConcept"),
    "targetSystem", "sourceScope", "targetScope", "attribute", "value", "relationship",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    codes: list[tuple[str, str]]  # system and code: the first that is known counts
    target: str | None
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    system: str
    code: str
    display: str
    map: str
    uom: str = ""
    factor: str | None = None
    no_factor: str | None = None


@dataclass(slots=True)
class Found:
    matches: list[Match] = field(default_factory=list)
    message: str = ""


def answer(given: Given, names: Names, ends: tuple[CodeSystem, CodeSystem] | None = None) -> dict[str, Any]:
    """The operation's Parameters. ``ends``: those of the concept map that it was called on."""
    found = _find(_question(given, names, ends))
    said = [part("message", "String", found.message)] if found.message else []
    matches = [_match(one, names) for one in found.matches]
    return resource(part("result", "Boolean", bool(matches)), *said, *matches)


def _question(given: Given, names: Names, ends: tuple[CodeSystem, CodeSystem] | None) -> Question:
    only(given, names.known)
    for name in UNSUPPORTED:
        if name in given:
            raise ValidationError({name: "Not supported: the maps have no versions. Ask as_of a day instead."})
    codes, backwards = _codes(given, names)
    backwards |= flag(given, "reverse")
    own, target = _scopes(given, names, backwards)
    if url := text(given, "url"):
        ends = uris.of_concept_map(url)
    if ends:
        here, there = map(uris.of, reversed(ends) if backwards else ends)
        own, target = own or here, target or there
    codes = [(system or own or "", code) for system, code in codes]
    if not all(system for system, _ in codes):
        raise ValidationError({"system": f"The URI of the code's system is needed, e.g. {CODE_SYSTEM}erp-item."})
    return Question(codes, target, _options(given, names))


def _codes(given: Given, names: Names) -> tuple[list[tuple[str, str]], bool]:
    """System and code asked about, and whether they are of a map's target side. Exactly one form must be used."""
    codes = [(name, [(text(given, "system") or "", code)]) for name in names.codes if (code := text(given, name))]
    codes += [(name, [one]) for name in names.codings if (one := coding(given, name))]
    codes += [(name, some) for name in names.concepts if (some := concept(given, name))]
    if len(codes) != 1:
        choice = ", ".join((*names.codes, *names.codings, *names.concepts))
        raise ValidationError(f"Exactly one is needed of {choice}.")
    name, found = codes[0]
    return found, name.startswith("target")


def _scopes(given: Given, names: Names, backwards: bool) -> tuple[str | None, str | None]:
    """The system that the code is of, as far as scopes say it, and the one that is asked for."""
    source, target = _scope(given, names.source_scope), _scope(given, names.target_scope)
    system = text(given, names.target)
    if not backwards:
        return source, system or target
    return (target, system or source) if names is R4 else (system or target, source)


def _scope(given: Given, name: str) -> str | None:
    value = text(given, name)
    return uris.of_value_set(value) if value else None


def _options(given: Given, names: Names) -> dict[str, Any]:
    options = {name: OPTIONS[name](name, text(given, name)) for name in CLOCKS if name in given}
    for dependency in given.get("dependency", []):
        if not isinstance(dependency, dict) or text(dependency, names.element) != UNIT:
            raise ValidationError({"dependency": f"Concord's maps depend on {UNIT} alone."})
        options["uom"] = OPTIONS["uom"]("uom", _unit(dependency.get(names.value, [None])[0]))
    return options


def _unit(value: Any) -> Any:
    """The unit in a code, a Coding or a CodeableConcept."""
    if isinstance(value, Mapping) and isinstance(value.get("coding"), list) and value["coding"]:
        return _unit(value["coding"][0])
    return (value.get("code") or value.get("text")) if isinstance(value, Mapping) else value


def _find(question: Question) -> Found:
    """What the first code that is known leads to. One of a system that nobody knows here is passed over for others."""
    found: Found | None = None
    unknown: UnknownUri | None = None
    for system, code in question.codes:
        try:
            found = _of_golden(code, question) if system == GOLDEN else _of_code(system, code, question)
        except UnknownUri as error:
            unknown = error
        if found is not None and found.matches:
            return found
    if found is None and unknown is not None:
        raise unknown
    return found or Found()


def _of_golden(public_id: str, question: Question) -> Found:
    try:
        slugs: list[str | None] = [target.slug for target in _targets(question)]
        shown = [reverse.codes_of(public_id, to=slug, **question.options) for slug in slugs or [None]]
    except NotFound as error:
        return Found(message=error.message)
    codes = [one for answer in shown for one in answer["codes"]]
    return _listed([(shown[0]["name"], one) for one in codes], f"{public_id[:40]} has no code there.")


def _of_code(uri: str, code: str, question: Question) -> Found:
    """Suppliers and locations may share a public identifier: all systems of a URI are asked, about one record."""
    asked = _pairs(uris.systems(uri), _targets(question), question)
    outcomes = [(source, target, _fact(source, code, target, question)) for source, target in asked]
    known = [one for one in outcomes if isinstance(one[2], Resolution)]
    if len(ids := {fact.id for _, _, fact in known}) > 1:
        raise Ambiguous(candidates=sorted(ids))
    if not known:
        refused = [error for _, _, error in outcomes if not isinstance(error, UnknownCode)]
        if refused:
            raise refused[0]
        return Found(message=str(outcomes[0][2]))
    found = [_matches(source, target, fact, question) for source, target, fact in known]
    once = {(match.system, match.code, match.uom): match for one in reversed(found) for match in reversed(one.matches)}
    return Found([*reversed(once.values())], found[0].message)


def _fact(source: CodeSystem, code: str, target: CodeSystem | None, question: Question) -> Any:
    return lookup.resolve_many(source.slug, [code], to=target.slug if target else None, **question.options)[0]


def _targets(question: Question) -> list[CodeSystem]:
    if question.target in (None, GOLDEN):
        return []
    return uris.systems(question.target or "")


def _pairs(
    sources: list[CodeSystem], targets: list[CodeSystem], question: Question
) -> list[tuple[CodeSystem, CodeSystem | None]]:
    if not targets:
        return [(source, None) for source in sources]
    pairs: list[tuple[CodeSystem, CodeSystem | None]]
    pairs = [(s, t) for s in sources for t in targets if s.domain == t.domain]
    if not pairs:
        one, other = sources[0], targets[0]
        text = f"{other.slug} holds codes of {other.domain} records, {one.slug} of {one.domain}."
        raise InvalidValue(text)
    return pairs


def _matches(source: CodeSystem, target: CodeSystem | None, fact: Resolution, question: Question) -> Found:
    if question.target == GOLDEN:
        return Found([Match(GOLDEN, fact.id, fact.name, "")])
    if target is not None:
        found = [_to(source, target, fact.name, one) for one in fact.codes]
        return Found(found, "" if found else f"{fact.id} has no code in {target.slug}.")
    asked = End(source, source.normalise(fact.code), question.options.get("uom") or fact.uom)
    shown = reverse.codes_of(fact.id, **question.options, asked=asked)
    others = [one for one in shown["codes"] if one["code_system"] != source.slug]
    return _listed([(fact.name, one) for one in others], f"{fact.id} has no other code.", source)


def _to(source: CodeSystem, target: CodeSystem, name: str, code: TargetCode) -> Match:
    url = uris.concept_map(source, target)
    return Match(uris.of(target), code.code, name, url, code.uom, code.factor, code.no_factor)


def _listed(rows: list[tuple[str, Mapping[str, Any]]], otherwise: str, source: CodeSystem | None = None) -> Found:
    found = []
    for name, row in rows:
        target = lookup.code_systems.get(row["code_system"])
        url = uris.concept_map(source, target) if source else ""
        found.append(Match(uris.of(target), row["code"], name, url, row["uom"], row["factor"], row["no_factor"]))
    return Found(found, "" if found else otherwise)


def _match(match: Match, names: Names) -> Part:
    concept = part("concept", "Coding", {"system": match.system, "code": match.code, "display": match.display})
    origin = [part("originMap" if names is R5 else "source", "Uri", match.map)] if match.map else []
    return {
        "name": "match",
        "part": [part(names.relation, "Code", "equivalent"), concept, *_products(match, names), *origin],
    }


def _products(match: Match, names: Names) -> Iterator[Part]:
    if match.uom:
        yield _product(names, UNIT, {"system": UNIT, "code": match.uom})
    if match.factor:
        yield _product(names, FACTOR, {"system": FACTOR, "code": match.factor})
    elif match.no_factor:
        yield _product(names, NO_FACTOR, {"system": NO_FACTOR, "display": match.no_factor})


def _product(names: Names, element: str, value: dict[str, str]) -> Part:
    return {"name": "product", "part": [part(names.element, "Uri", element), part(names.value, "Coding", value)]}
