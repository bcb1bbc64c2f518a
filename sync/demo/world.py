"""The demo's set-up: people, systems, feeds and targets. Done again it changes nothing but the sandbox's addresses."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from mdm.canonical import DOMAINS
from mdm.models import CodeSystem, DomainOwnership, SourceSystem, User
from sync.demo.generator import Manifest
from sync.demo.systems import SYSTEMS
from sync.inbound import services as feeds
from sync.models import Feed, Target

# sandbox counterpart → the system that it is
COUNTERPARTS = {"ehr": "ehr", "erp": "erp", "supply": "scm"}
PACE = 0.02  # of every wait between attempts: the demo shows recovery in seconds, not hours

PEOPLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "steward": ("Item Steward", ("steward",)),
    "approver": ("Supply Approver", ("approver",)),
    "owner": ("Finance Owner", ("viewer",)),
    "engineer": ("Integration Engineer", ("integration", "viewer")),
    "admin": ("System Administrator", ("administrator",)),
}
SIMULATED: dict[str, tuple[str, tuple[str, ...]]] = {
    "simulated-steward": ("Simulated Steward", ("steward",)),
    "simulated-approver": ("Simulated Approver", ("approver",)),
}


@dataclass(frozen=True)
class Logins:
    """The demo's people and the password they share, made once per installation."""

    password: str
    names: tuple[str, ...] = tuple(PEOPLE)


def logins(directory: Path) -> Logins:
    """Read the password, or make one; the file is for its owner alone."""
    path = directory / "logins.json"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"password": secrets.token_urlsafe(9)}) + "\n")
    return Logins(json.loads(path.read_text())["password"])


@transaction.atomic
def people(password: str) -> None:
    for name, (display, roles) in {**PEOPLE, **SIMULATED}.items():
        first, _, last = display.partition(" ")
        user, _ = User.objects.get_or_create(username=name)
        user.first_name, user.last_name, user.simulated = first, last, name in SIMULATED
        if name in SIMULATED:
            user.set_unusable_password()
        elif not user.check_password(password):
            user.set_password(password)
        user.save()
        user.groups.set(Group.objects.filter(name__in=roles))
    for domain in DOMAINS:
        ownership, _ = DomainOwnership.objects.get_or_create(domain=domain)
        ownership.stewards.add(User.objects.get(username="steward"))


@transaction.atomic
def systems(manifest: Manifest) -> None:
    for code, facts in SYSTEMS.items():
        system, _ = SourceSystem.objects.update_or_create(
            code=code,
            defaults={"name": facts["name"], "kind": facts["kind"], "domain_trust": facts["trust"]},
        )
        for domain in DOMAINS:
            CodeSystem.objects.own(system, domain)
    for feed in manifest.feeds:
        if feed.clean and feed.domain in DOMAINS:
            CodeSystem.objects.filter(system__code=feed.system, domain=feed.domain).update(deduplicated=True)


def saved_feeds(manifest: Manifest, actor: User) -> list[tuple[Feed, Path]]:
    """A saved feed for each file, in the order in which they should be read."""
    found = []
    for feed in manifest.feeds:
        saved = feeds.save_feed(
            code=f"{feed.system}-{feed.domain}".replace("_", "-"),
            name=f"{SYSTEMS[feed.system]['name']}: {feed.domain.replace('_', ' ')}",
            actor=actor,
            system=SourceSystem.objects.get(code=feed.system),
            domain=feed.domain,
            mapping=feed.mapping,
            missing=feed.missing,
            deduplicated=feed.clean,
        )
        found.append((saved, manifest.directory / feed.file))
    return found


@transaction.atomic
def targets(counterparts: Mapping[str, Mapping[str, Any]]) -> list[Target]:
    """One target per counterpart of the sandbox, at the address where it listens now."""
    made = []
    for code, system in COUNTERPARTS.items():
        facts = counterparts[code]
        target, _ = Target.objects.get_or_create(
            code=code,
            defaults={
                "name": SYSTEMS[system]["name"],
                "adapter": facts["adapter"],
                "system": SourceSystem.objects.get(code=system),
                "subscriptions": {domain: {} for domain in DOMAINS},
                "pace": PACE,
            },
        )
        target.adapter, target.config = facts["adapter"], dict(facts["config"])
        target.secrets = facts["secrets"]
        target.save()
        made.append(target)
    return made
