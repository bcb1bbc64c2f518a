"""``manage.py sync_pause erp --reason "month end"``: stop sending to a target, or let it go on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.exceptions import ConcordError
from mdm.models import User
from sync import services
from sync.models import Target


class Command(BaseCommand):
    help = "Pause targets: changes queue up, nothing is sent. --resume lets them go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", nargs="+", help="codes of targets")
        parser.add_argument("--reason", default="", help="kept in the audit log; needed to pause")
        parser.add_argument("--resume", action="store_true")

    def handle(self, *, target: list[str], reason: str, resume: bool, **options: Any) -> None:
        found = {row.code: row for row in Target.objects.filter(code__in=target)}
        if unknown := sorted(set(target) - set(found)):
            raise CommandError(f"No target {', '.join(unknown)}.")
        act = services.resume if resume else services.pause
        for code in target:
            try:
                act(target=found[code], actor=User.objects.system(), reason=reason)
            except ConcordError as error:
                raise CommandError(f"{code}: {error.message}") from None
            self.stdout.write(f"{code}: {'goes on' if resume else 'paused'}")
