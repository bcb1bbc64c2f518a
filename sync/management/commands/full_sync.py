"""``manage.py full_sync``: have every live record sent to its targets once more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mdm.canonical import DOMAINS
from mdm.models import User
from sync import services
from sync.management.given import active_targets


class Command(BaseCommand):
    help = "Asks for every live record to be sent to its targets once more; workers or `deliver` do it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--target", action="append", default=[], help="code of a target; several may be given")
        parser.add_argument("--domain", action="append", default=[], choices=list(DOMAINS))
        parser.add_argument("--reason", default="Full sync from the command line")

    def handle(self, *args: Any, **options: Any) -> None:
        found = active_targets(options["target"])
        if not found:
            raise CommandError("There is no active target. set_target makes one.")
        for target in found:
            lanes = services.full_sync(
                target=target, actor=User.objects.system(), domains=options["domain"], reason=options["reason"]
            )
            self.stdout.write(f"{target.code}: {lanes} records to be sent again")
