"""A small hospital to test with: systems, people, and records landed and resolved through the real services."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from mdm.models import CodeSystem, GoldenRecord, Ingest, SourceRecord, SourceSystem, User, WorkItem
from mdm.services import ingest, resolve

CATHETER = {
    "description": "CATHETER FOLEY 16FR 5CC SILICONE COATED",
    "manufacturer": "Halden Medical Inc",
    "catalogue_number": "HM-0165-S16",
    "base_uom": "EA",
}
SAME_CATHETER = {
    "description": "Foley catheter, 16 Fr, 5 mL, silicone-coated",
    "manufacturer": "HALDEN MEDICAL",
    "catalogue_number": "HM0165S16",
    "base_uom": "EA",
}
OTHER_SIZE = {
    "description": "CATHETER FOLEY 18FR 5CC SILICONE COATED",
    "manufacturer": "Halden Medical Inc",
    "catalogue_number": "HM-0165-S18",
    "base_uom": "EA",
}
STAPLER = {
    "description": "Stapler, linear cutter, 60 mm, single use",
    "manufacturer": "Corvane Surgical",
    "catalogue_number": "LC60-A",
    "base_uom": "EA",
}


def person(name: str, *roles: str) -> User:
    """A user with these roles; the same name again is the same user."""
    user, _ = User.objects.get_or_create(username=name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return User.objects.get(pk=user.pk)  # without cached permissions


def steward() -> User:
    return person("steward", "steward")


def approver() -> User:
    return person("approver", "approver")


def code_system(system: str, domain: str = "item", *, trust: int = 50, deduplicated: bool = False) -> CodeSystem:
    owner, _ = SourceSystem.objects.get_or_create(
        code=system, defaults={"name": system.upper(), "kind": SourceSystem.Kind.ERP, "trust": trust}
    )
    found, _ = CodeSystem.objects.get_or_create(
        system=owner,
        domain=domain,
        kind="primary",
        defaults={"slug": f"{system}-{domain.replace('_', '-')}", "deduplicated": deduplicated},
    )
    return found


def land(system: str, records: dict[str, dict[str, Any]], domain: str = "item", **options: Any) -> Ingest:
    """Land {code: values} from a system; nothing is resolved yet."""
    run = ingest.begin(code_system=code_system(system, domain, **options), channel="file", actor=User.objects.system())
    rows = [
        ingest.Row(number=n, code=code, values=values, raw=values) for n, (code, values) in enumerate(records.items(), 2)
    ]
    ingest.land(ingest=run, rows=rows)
    return ingest.finish(ingest=run)


def feed(system: str, records: dict[str, dict[str, Any]], domain: str = "item", **options: Any) -> Ingest:
    """Land and resolve."""
    run = land(system, records, domain, **options)
    resolve.resolve_all(domain=domain, actor=User.objects.system())
    return run


def source(system: str, code: str, domain: str = "item") -> SourceRecord:
    return SourceRecord.objects.get(code_system=code_system(system, domain), code=code)


def golden(system: str, code: str, domain: str = "item") -> GoldenRecord:
    found = source(system, code, domain).golden
    assert found is not None, f"{system} {code} is not linked"
    return found


def review(system: str, code: str, domain: str = "item") -> WorkItem:
    """The open review of a record."""
    return WorkItem.objects.get(source=source(system, code, domain), state=WorkItem.State.OPEN)


def doubtful(system: str = "scm", code: str = "D1") -> WorkItem:
    """A record that a steward must look at: the catalogue number says the same item, the size says another."""
    feed("erp", {"E1": CATHETER})
    feed(system, {code: SAME_CATHETER | {"description": "Foley catheter, 18 Fr, 5 mL, silicone-coated"}})
    return review(system, code)
