"""How far two records agree, field by field: the engine's own judgement where it compared, else a plain comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mdm.canonical import Domain, Field, Kind
from mdm.known import Known
from mdm.models import GoldenRecord, SourceRecord
from mdm.services.references import References
from mdm.survivorship import comparable

UNSTATED: tuple[Any, ...] = (None, "", [])
AGREED = ("exact", "reformatted", "empty")  # nothing that one says contradicts the other
# what the engine calls the fields that it compares, where it isn't the canonical name
ENGINE_FIELDS = {
    "item": {
        "description": "words",
        "catalogue_number": "code",
        "gtin": "gtins",
        "manufacturer": "maker",
        "size": "sizes",
        "packaging": "packs",
    },
    "supplier": {"website": "site"},
    "location": {"location_type": "kind", "line1": "street", "parent": "parent_name"},
    "cost_center": {"legal_entity": "entity", "gl_segment": "segment", "manager_role": "role"},
}
WITHOUT_SIZES = "words"  # sizes and variants are judged apart, so the same words are not yet the same description


def level(
    domain: str, spec: Field, a: Any, b: Any, *, names: Mapping[int, str], evidence: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str]:
    """(level, note) of one field: exact, reformatted, similar, different, or empty where a side doesn't state it.

    ``a``, ``b``: canonical values, references as golden ids, whose names are ``names``. ``evidence``: by the engine's
    field, as stored on work items. The note is the engine's, or empty.
    """
    if a in UNSTATED or b in UNSTATED:
        return "empty", ""
    if trimmed(a) == trimmed(b):
        return "exact", ""
    if same(a, b) or _bare(spec, a, names) == _bare(spec, b, names):
        return "reformatted", ""
    name = ENGINE_FIELDS[domain].get(spec.name, spec.name)
    said = evidence.get(name)
    if said is None or said["level"] == "empty":
        return "different", ""
    alike = name == WITHOUT_SIZES and said["level"] in ("exact", "reformatted")
    return ("similar" if alike else str(said["level"])), str(said["note"])


def same(one: Any, two: Any) -> bool:
    """The same statement: case, blanks and unstated parts of children don't count."""
    return comparable(trimmed(one)) == comparable(trimmed(two))


def trimmed(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{k: v for k, v in row.items() if v not in (None, "", False)} for row in value]
    return value or None if not isinstance(value, bool) else value


def _bare(spec: Field, value: Any, names: Mapping[int, str]) -> str:
    """The letters and digits alone; of references, those of the name."""
    refers = set(references_in(spec)) | ({""} if spec.kind is Kind.REFERENCE else set())
    leaves = _leaves(value, refers, names)
    return "".join(c for leaf in leaves for c in leaf.casefold() if c.isalnum())


def _leaves(value: Any, refers: set[str], names: Mapping[int, str], key: str = "") -> list[str]:
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part, refers, names)]
    if isinstance(value, Mapping):
        kept = sorted((name, part) for name, part in value.items() if part not in (None, "", False))
        return [leaf for name, part in kept for leaf in _leaves(part, refers, names, name)]
    return [names.get(value, str(value)) if key in refers else str(value)]


def references_in(spec: Field) -> list[str]:
    """Parts of an attribute's children that name other records."""
    return [child.name for child in spec.children if child.kind is Kind.REFERENCE]


def stated_by(source: SourceRecord, known: Known | None = None) -> dict[str, Any]:
    """Canonical values of a source record, references as golden ids where they are known."""
    return stated_by_all(source.domain, [source], known)[source.pk]


def stated_by_all(
    domain: str, sources: Sequence[SourceRecord], known: Known | None = None
) -> dict[int, dict[str, Any]]:
    """The same for many, by source id; their code systems are loaded already."""
    references = References(known or Known(), domain, sources)
    found = {}
    for source in sources:
        resolved = references.resolved(source)
        values = source.values.items()
        found[source.pk] = {n: resolved[n] if resolved.get(n) is not None else value for n, value in values}
    return found


def names_of(domain: Domain, statements: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Names of all golden records that these values refer to."""
    ids: set[int] = set()
    for values in statements:
        for spec in domain.fields:
            value = values.get(spec.name)
            if spec.kind is Kind.REFERENCE and isinstance(value, int):
                ids.add(value)
            for name in references_in(spec):
                ids |= {row[name] for row in value or [] if isinstance(row.get(name), int)}
    return dict(GoldenRecord.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
