"""``manage.py reindex_search``: what search reads, made anew from golden records and their sources."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.canonical import DOMAINS
from mdm.services import reindex


class Command(BaseCommand):
    help = "Make search's index anew. Needed after an upgrade that changes it; harmless at any time, also while in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domains", nargs="*", metavar="DOMAIN", help=f"{', '.join(DOMAINS)}. Left out: all.")

    def handle(self, *, domains: list[str], **_: Any) -> None:
        if unknown := sorted(set(domains) - set(DOMAINS)):
            raise CommandError(f"There is no domain {', '.join(unknown)}; there are {', '.join(DOMAINS)}.")
        for domain in domains or DOMAINS:
            self.stdout.write(f"{domain:<12}{reindex.rebuild(domain):>10,} records changed")
