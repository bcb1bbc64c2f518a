"""``manage.py dry_run erp``: what a target would be sent now. Nothing is sent."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync import dry_run, targets
from sync.adapters.base import AdapterError
from sync.management.given import records
from sync.models import Target
from sync.sealed import SealBroken


class Command(BaseCommand):
    help = "Print the payloads that a target would be sent now: of what is due, or of records. Sends nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", help="code of the target")
        parser.add_argument("--record", nargs="+", default=[], metavar="MDM-IT-000001", help="public ids")
        parser.add_argument("--limit", type=int, default=dry_run.SHOWN, help="of what is due")

    def handle(self, *, target: str, **options: Any) -> None:
        found = Target.objects.select_related("system").filter(code=target).first()
        if found is None:
            raise CommandError(f"No target {target}.")
        named = records(options["record"])
        lanes = dry_run.of_records(found, named) if named else dry_run.due(found, options["limit"])
        try:
            for trial in dry_run.trials(found, lanes):
                self._print(trial)
        except (AdapterError, SealBroken) as error:
            raise CommandError(str(error)) from None
        finally:
            targets.forget(found)

    def _print(self, trial: dry_run.Trial) -> None:
        self.stdout.write(f"{trial.lane.record.public_id} v{trial.version}: {trial.kind or trial.why}")
        if trial.letter is not None:
            self.stdout.write(bytes(trial.letter.body).decode("utf-8", "replace"))
