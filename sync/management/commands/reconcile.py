"""``manage.py reconcile``: read the targets back and compare them with what they acknowledged."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mdm.models import User
from sync import reconcile, targets
from sync.management.given import active_targets
from sync.models import Reconciliation

SHOWN = 20  # drifted records printed per target; all are stored


class Command(BaseCommand):
    help = "Checks the lanes, reads the targets back, and reports every record that differs. Fails if one does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--target", action="append", default=[], help="code of a target; several may be given")
        parser.add_argument("--lanes-only", action="store_true", help="don't read the targets back")

    def handle(self, *args: Any, **options: Any) -> None:
        found = active_targets(options["target"])
        for finding in reconcile.check_lanes():
            self.stdout.write(" ".join(f"{name}={value}" for name, value in finding.items()))
        if options["lanes_only"]:
            return
        if not found:
            raise CommandError("There is no active target. set_target makes one.")
        runs = [reconcile.compare(target, actor=User.objects.system()) for target in found]
        targets.forget_all()
        for run in runs:
            self._report(run)
        if any(run.drifted or run.error for run in runs):
            raise CommandError("Not everything is in step.")

    def _report(self, run: Reconciliation) -> None:
        self.stdout.write(
            f"{run.target.code}: {run.compared} compared, {run.equal} equal, {run.drifted} drifted, "
            f"{run.in_flight} under way{f'; {run.error}' if run.error else ''}"
        )
        for drift in run.drifts.all()[:SHOWN]:
            fields = ", ".join(drift.fields) or "-"
            self.stdout.write(f"  {drift.public_id} {drift.get_kind_display()} ({fields})")
