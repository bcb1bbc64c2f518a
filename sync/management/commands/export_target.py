"""``manage.py export_target erp > erp.json``: a target's settings as a file that can be kept with other code."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync.configuring import settings_of
from sync.models import Target


class Command(BaseCommand):
    help = "Print a target's settings as JSON. Secrets are named, not told. `import_target` takes the file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code")

    def handle(self, *, code: str, **options: Any) -> None:
        target = Target.objects.select_related("system").filter(code=code).first()
        if target is None:
            known = ", ".join(Target.objects.values_list("code", flat=True)) or "none"
            raise CommandError(f"There is no target {code}; known are {known}.")
        self.stdout.write(json.dumps(settings_of(target), indent=2, ensure_ascii=False))
