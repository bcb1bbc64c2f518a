"""``manage.py explain MDM-IT-000123 erp-item/4711``: why two records are one, or are not, and what would change it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from matching.explain import line
from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError
from mdm.lookup import code_systems
from mdm.models import User
from mdm.services import explain

PREFIXES = {domain.prefix: domain.name for domain in DOMAINS.values()}


class Command(BaseCommand):
    help = "Compare two records, each named by its public id or by code system, slash and code."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("one")
        parser.add_argument("two")

    def handle(self, *, one: str, two: str, **_: Any) -> None:
        try:
            found = explain.explain(domain=_domain(one), one=one, two=two, actor=User.objects.system())
        except ConcordError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{found.comparison.score:.1f} bits. {found.verdict}")
        for obstacle in found.obstacles:
            self.stdout.write(f"  {obstacle}")
        for evidence in found.comparison.evidence:
            self.stdout.write(f"  {line(evidence)}")
        for change in found.changes:
            self.stdout.write(f"  {change.text}")


def _domain(name: str) -> str:
    slug, slash, _ = name.partition("/")
    if slash:
        return code_systems.get(slug).domain
    return PREFIXES.get(name[4:6], "item")
