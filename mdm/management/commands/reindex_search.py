"""``manage.py reindex_search``: what search reads, made anew from golden records and their sources."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from mdm.canonical import DOMAINS
from mdm.services import reindex


class Command(BaseCommand):
    help = "Make search's index anew. Needed after an upgrade that changes it; harmless at any time, also while in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domains", nargs="*", choices=[*DOMAINS, []], help="Left out: all.")

    def handle(self, *, domains: list[str], **_: Any) -> None:
        for domain in domains or DOMAINS:
            self.stdout.write(f"{domain:<12}{reindex.rebuild(domain):>10,} records changed")
