"""``manage.py set_source ehr-mfn …``: a way in which a system tells Concord of its records, made or changed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.exceptions import ConcordError
from mdm.models import SourceSystem, User
from sync.inbound import messages
from sync.inbound.formats import FORMATS
from sync.management.given import json_object, secret
from sync.models import InboundSource


class Command(BaseCommand):
    help = (
        "Make or change an inbound source (docs/inbound.md). Profile and configuration are JSON files; a secret is "
        "read from the environment variable named, and stored encrypted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--system", required=True, help="the source system whose records it brings, e.g. ehr")
        parser.add_argument("--way", required=True, choices=InboundSource.Way.values)
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument("--name", default="")
        parser.add_argument("--profile", type=Path, help="JSON file: how its messages are read (default: as now)")
        parser.add_argument("--config", type=Path, help="JSON file: settings of the way (default: as now)")
        parser.add_argument("--secret", action="append", default=[], metavar="NAME=VARIABLE")
        parser.add_argument("--forget-secret", action="append", default=[], metavar="NAME", help="one rotated out")
        parser.add_argument("--off", action="store_true", help="accept and fetch nothing")

    def handle(self, *, code: str, **options: Any) -> None:
        now = InboundSource.objects.filter(code=code).first() or InboundSource(code=code)
        try:
            source = messages.set_source(
                code=code,
                system=self._system(options["system"]),
                way=options["way"],
                format=options["format"],
                actor=User.objects.system(),
                name=options["name"],
                profile=json_object(options["profile"]) if options["profile"] else now.profile,
                config=json_object(options["config"]) if options["config"] else now.config,
                secrets=dict(map(secret, options["secret"])),
                forget=options["forget_secret"],
                active=not options["off"],
            )
        except ConcordError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{source.code} is set up: {source.get_way_display().lower()}, {FORMATS[source.format][0]}.")

    def _system(self, code: str) -> SourceSystem:
        system = SourceSystem.objects.filter(code=code).first()
        if system is None:
            known = ", ".join(SourceSystem.objects.values_list("code", flat=True)) or "none yet"
            raise CommandError(f"There is no system {code} (known: {known}). create_system makes one.")
        return system
