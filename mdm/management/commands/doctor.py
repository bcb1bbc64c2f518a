"""`manage.py doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from mdm.doctor import Finding, State, examine

MARKS = {State.OK: "✓", State.WARNING: "!", State.ERROR: "✗"}


class Command(BaseCommand):
    help = "Say what is wrong with this installation and how to mend it; exit with 1 when something must be mended."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for a program to read")

    def handle(self, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            if not options["json"]:
                self._print(finding)
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_dict() for finding in findings], indent=2))
        if any(finding.state is State.ERROR for finding in findings):
            sys.exit(1)

    def _print(self, finding: Finding) -> None:
        style = {State.OK: self.style.SUCCESS, State.WARNING: self.style.WARNING, State.ERROR: self.style.ERROR}
        self.stdout.write(f"{style[finding.state](MARKS[finding.state])} {finding.name:<17} {finding.detail}")
        if finding.remedy:
            self.stdout.write(f"  {'':<17} → {finding.remedy}")
