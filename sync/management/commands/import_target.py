"""``manage.py import_target erp.toml``: a target made or changed from a file of settings."""

from __future__ import annotations

import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from matching.files import why
from sync.management.commands.set_target import set_up
from sync.management.given import json_object


class Command(BaseCommand):
    help = (
        "Make or change a target from a JSON or TOML file as `export_target` writes it; settings that the file leaves "
        "out stay as they are. A secret is read from the environment variable named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--secret", action="append", default=[], metavar="NAME=VARIABLE")
        parser.add_argument("--no-check", action="store_true", help="don't try to reach it first")

    def handle(self, *, file: Path, **options: Any) -> None:
        settings = read(file)
        code = settings.get("code")
        if not isinstance(code, str) or not code:
            raise CommandError(f'{file} names no target: it needs a "code".')
        self.stdout.write(set_up(code, settings, options["secret"], check=not options["no_check"]))


def read(file: Path) -> dict[str, Any]:
    if file.suffix != ".toml":
        return json_object(file)
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} can't be read: {why(error)}.") from None
