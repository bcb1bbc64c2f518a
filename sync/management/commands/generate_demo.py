"""``manage.py generate_demo var/demo``: writes the feeds of the demonstration, and the truth to judge by."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync.demo.generator import Manifest, delta, generate


def scale(text: str) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) < inf:
            return number
    raise ArgumentTypeError(f"{text} is no size; write a number above 0")


def _day(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text} is no day; write 1 or more")
    return int(text)


class Command(BaseCommand):
    help = "Write the feeds of three systems of an invented hospital network, a manifest and the truth."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--scale", type=scale, default=1.0, help="1.0 is 3,200 items and 440 suppliers")
        parser.add_argument("--day", type=_day, help="write the follow-up feeds of this day instead (1 or later)")

    def handle(self, *args: Any, directory: Path, seed: int, scale: float, day: int | None, **options: Any) -> None:
        try:
            manifest = self._follow_up(directory, day) if day else generate(directory, seed=seed, scale=scale)
        except OSError as error:
            raise CommandError(f"{directory} can't be written: {error.strerror}.") from None
        for feed in manifest.feeds:
            self.stdout.write(f"{feed.rows:>6}  {feed.system:<4}{feed.domain:<12}{manifest.directory / feed.file}")

    def _follow_up(self, directory: Path, day: int) -> Manifest:
        try:
            return delta(directory, day)
        except FileNotFoundError as error:
            raise CommandError(f"{directory} holds no demo; write the first day there before a later one") from error
