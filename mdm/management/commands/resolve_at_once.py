"""``manage.py resolve_at_once``: resolve all that is pending in a domain, or join a run that is under way."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError
from mdm.management.people import user_named
from mdm.models import BulkRun, User
from mdm.services import bulk_load


class Command(BaseCommand):
    help = (
        "Resolve all that is pending in a domain, with all processors of this machine. Large feeds do so themselves. "
        "Called on another machine while a run is under way, it shares the work; after a crash, it goes on with it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domain", choices=[*DOMAINS])
        parser.add_argument("--abandon", default="", metavar="REASON", help="Give up the run that is under way.")
        parser.add_argument("--user", default="", help="Who does; without it Concord itself.")

    def handle(self, *, domain: str, abandon: str, user: str, **_: Any) -> None:
        started = time.monotonic()
        try:
            actor = user_named(user, otherwise=User.objects.system())
            if abandon:
                self._abandon(domain, abandon, actor)
                return
            run = bulk_load.work(bulk_load.begin(domain=domain, actor=actor), beat=self._tell)
        except ConcordError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{run.records:,} records: {run.linked:,} linked, {run.created:,} new golden records, {run.reviewed:,} to "
            f"review, {run.updated:,} updated; {time.monotonic() - started:.1f} s."
        )

    def _abandon(self, domain: str, reason: str, actor: User) -> None:
        run = BulkRun.objects.filter(domain=domain, finished_at__isnull=True).first()
        if run is None:
            raise CommandError(f"No run is under way in {domain}.")
        bulk_load.abandon(run=run, actor=actor, reason=reason)
        self.stdout.write("Given up. What it had written stays; the rest is resolved in batches.")

    def _tell(self, run: BulkRun) -> bool:
        if self.stdout.isatty():
            self.stdout.write(f"\r{bulk_load.progress(run):4.0%} {run.get_stage_display():<30}", ending="")
            self.stdout.flush()
        return True
