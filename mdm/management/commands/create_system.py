"""``manage.py create_system erp --kind erp --domain item``: a system that tells Concord about its records."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mdm.changes import Change
from mdm.models import CodeSystem, SourceSystem, User
from mdm.models.base import DomainName


class Command(BaseCommand):
    help = "Create a source system with a code system for each domain that it has records of, e.g. erp-item."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="Short, e.g. erp; its code systems are named after it.")
        parser.add_argument("--name", default="", help="As people call it; left out: the code.")
        parser.add_argument("--kind", required=True, choices=SourceSystem.Kind.values)
        parser.add_argument("--domain", action="append", required=True, choices=DomainName.values, dest="domains")

    @transaction.atomic
    def handle(self, *, code: str, name: str, kind: str, domains: list[str], **_: Any) -> None:
        system = system_of(code, name or code, kind)
        slugs = [CodeSystem.objects.own(system, domain).slug for domain in domains]
        self.stdout.write(f"{code} has the code systems {', '.join(slugs)}.")


def system_of(code: str, name: str, kind: str) -> SourceSystem:
    """The system with this code, made where there is none. Raises CommandError."""
    system = SourceSystem.objects.filter(code=code).first() or _made(code, name, kind)
    if system.kind != kind:
        raise CommandError(f"There is a system {code} already, of the kind {system.kind}.")
    return system


def _made(code: str, name: str, kind: str) -> SourceSystem:
    system = SourceSystem(code=code, name=name, kind=kind)
    try:
        system.full_clean()
    except ValidationError as error:
        told = (f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())
        raise CommandError(" ".join(told)) from None
    system.save()
    Change.begin(User.objects.system(), "source_system.create").audit(about=system, after={"kind": kind})
    return system
