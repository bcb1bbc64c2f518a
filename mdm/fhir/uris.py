"""The URI of each code system, and the code systems behind a URI.

A code system's own ``uri`` goes first, then the public URI of its kind, else one made of its slug.
"""

from __future__ import annotations

from collections.abc import Iterable

from mdm.code_systems import code_systems
from mdm.exceptions import NotFound
from mdm.fhir.names import CODE_SYSTEM, CONCEPT_MAP, SCHEMES, VALUE_SET
from mdm.models import CodeSystem


class UnknownUri(NotFound):
    """No code system has this URI. GET /fhir/NamingSystem lists those that there are."""

    code = "unknown-code-system"


def of(system: CodeSystem) -> str:
    return system.uri or SCHEMES.get(system.kind) or f"{CODE_SYSTEM}{system.slug}"


def value_set_of(uri: str) -> str:
    """The value set of all codes of a system, as HL7 names its own: …/CodeSystem/x → …/ValueSet/x."""
    if uri.startswith(CODE_SYSTEM):
        return VALUE_SET + uri.removeprefix(CODE_SYSTEM)
    if "/CodeSystem/" in uri:
        return uri.replace("/CodeSystem/", "/ValueSet/")
    head, slash, name = uri.rpartition("/")
    return f"{head}/ValueSet/{name}" if slash else f"{uri}?vs"


def systems(uri: str) -> list[CodeSystem]:
    """The code systems that a URI, or a slug, names: several where suppliers and locations share an identifier.

    Raises ``UnknownUri``.
    """
    if found := _named(uri):
        return found
    code_systems.forget()  # one that was made a moment ago
    if found := _named(uri):
        return found
    raise UnknownUri(f"No code system has the URI {uri[:100]}.", known=sorted({of(one) for one in code_systems.all()}))


def of_value_set(uri: str) -> str:
    """The URI of the system whose codes a value set holds; a code system's own URI is taken as well."""
    name = uri.partition("|")[0]
    known: Iterable[str] = (of(one) for one in code_systems.all())
    return next((one for one in known if value_set_of(one) == name), name)


def _named(uri: str) -> list[CodeSystem]:
    slug = uri.removeprefix(CODE_SYSTEM)
    return [one for one in code_systems.all() if one.slug == slug or of(one) == uri]


def concept_map(source: CodeSystem, target: CodeSystem) -> str:
    """The canonical URL of the map from one system's codes to another's."""
    return f"{CONCEPT_MAP}{source.slug}:{target.slug}"


def of_concept_map(url: str) -> tuple[CodeSystem, CodeSystem]:
    """The two ends of a map. Raises ``NotFound``."""
    source, _, target = url.partition("|")[0].removeprefix(CONCEPT_MAP).partition(":")
    by_slug = {one.slug: one for one in code_systems.all()}
    if not url.startswith(CONCEPT_MAP) or source not in by_slug or target not in by_slug:
        raise NotFound(f"There is no concept map {url[:120]}. GET /fhir/ConceptMap lists those that there are.")
    return by_slug[source], by_slug[target]
