"""A small hospital to test with: systems, people, and records landed and resolved through the real services."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from django.contrib.auth.models import Group
from django.db import connections, transaction
from django.db.models import Model
from django.utils import timezone

from matching import Policy
from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.models import CodeSystem, GoldenRecord, Ingest, SourceRecord, SourceSystem, User, WorkItem
from mdm.services import ingest, merge, resolve, survive, work
from mdm.signals import GoldenChange

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


def sure_from(policy: Policy, score: float) -> Policy:
    """The policy, calibrated so that this score links by itself where there is no rival."""
    return replace(policy, calibration=policy.calibration.through(score, policy.costs.auto))


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
        ingest.Row(number=n, code=code, values=values, raw=values)
        for n, (code, values) in enumerate(records.items(), 2)
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


def twins(first: dict[str, Any] = CATHETER, second: dict[str, Any] = STAPLER) -> tuple[GoldenRecord, GoldenRecord]:
    """Two golden records, of erp E1 and scm S1, in that order."""
    feed("erp", {"E1": first})
    feed("scm", {"S1": second})
    one, two = golden("erp", "E1"), golden("scm", "S1")
    assert one != two
    return one, two


def merged(first: dict[str, Any] = CATHETER, second: dict[str, Any] = STAPLER) -> tuple[GoldenRecord, GoldenRecord]:
    """(survivor, loser) of a merge of twins."""
    survivor, loser = twins(first, second)
    merge.merge(survivor=survivor, loser=loser, actor=steward(), reason="One thing")
    return fresh(survivor), fresh(loser)


def duplicate(one: GoldenRecord, two: GoldenRecord) -> WorkItem:
    """The question whether two golden records are one."""
    item = WorkItem(
        kind=WorkItem.Kind.POSSIBLE_DUPLICATE,
        domain=one.domain,
        subject=f"golden:{min(one.pk, two.pk)}/{max(one.pk, two.pk)}",
        title=one.name,
        golden=one,
        other=two,
        score=5.0,
        probability=0.97,
    )
    work.put(Change.begin(User.objects.system(), "test"), [item])
    return WorkItem.objects.get(kind=item.kind, subject=item.subject, state=WorkItem.State.OPEN)


Row = TypeVar("Row", bound=Model)


def elsewhere() -> str:
    """A time zone in which it is another day now than in UTC."""
    return "Pacific/Kiritimati" if timezone.now().hour >= 11 else "Etc/GMT+12"


def fresh(row: Row) -> Row:
    """The row as it is now, with nothing cached."""
    return type(row)._default_manager.get(pk=row.pk)


def codes(golden: GoldenRecord) -> dict[str, list[str]]:
    """A golden record's codes in force, by code system, the preferred one first."""
    rows = golden.codes.filter(known_to__isnull=True).order_by("code_system__slug", "-preferred", "code")
    found: dict[str, list[str]] = {}
    for slug, code in rows.values_list("code_system__slug", "code"):
        found.setdefault(slug, []).append(code)
    return found


def versions(golden: GoldenRecord) -> list[tuple[int, str]]:
    """(version, kind) of every event."""
    return list(golden.events.order_by("version").values_list("version", "kind"))


def rebuild() -> list[GoldenChange]:
    """Recompute every golden record from its inputs; returns what changed."""
    changes = []
    with transaction.atomic():
        for domain in DOMAINS:
            ids = GoldenRecord.objects.filter(domain=domain).values_list("pk", flat=True)
            changes += survive.recompute(Change.begin(User.objects.system(), "rebuild"), domain, list(ids))
    return changes


def in_threads(*jobs: Callable[[], object]) -> list[object]:
    """Run the jobs at once, each in its own thread and connection; returns what each gave or raised."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        try:
            barrier.wait(timeout=30)
            return job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as threads:
        futures = [threads.submit(run, job) for job in jobs]
        return [future.exception(timeout=60) or future.result() for future in futures]
