"""``manage.py set_target erp …``: a system that Concord keeps in step, made or changed."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, FileType
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError
from mdm.models import User
from sync import configuring, overlap
from sync.adapters import registry
from sync.management.given import secret
from sync.models import Target


class Command(BaseCommand):
    help = (
        "Make or change a target. The configuration is the adapter's, as JSON (docs/targets.md); a secret is read from "
        "the environment variable named, and stored encrypted. A new target gets every live record."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code")
        parser.add_argument(
            "--system", required=True, help="the source system that it is, e.g. erp: its codes, its echo"
        )
        parser.add_argument("--adapter", required=True, choices=sorted(registry.ADAPTERS))
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--config", type=FileType("r"), default=sys.stdin, help="JSON file (default: standard input)"
        )
        parser.add_argument("--secret", action="append", default=[], metavar="NAME=VARIABLE")
        parser.add_argument(
            "--overlap", type=int, default=overlap.OVERLAP, metavar="HOURS",
            help="alerts are signed with the alert_webhook before a new one as well for so long; 0 if it has leaked",
        )  # fmt: skip
        parser.add_argument(
            "--subscribe",
            nargs="+",
            choices=list(DOMAINS),
            metavar="DOMAIN",
            help="what it is told of (default: as it was; a new one all that its adapter carries)",
        )
        parser.add_argument("--no-check", action="store_true", help="don't try to reach it first")

    def handle(self, *, code: str, **options: Any) -> None:
        standing = Target.objects.filter(code=code).first()
        filters = standing.subscriptions if standing else {}
        settings = {name: options[name] for name in ("system", "adapter")} | {"config": self._config(options["config"])}
        if options["subscribe"]:
            settings["subscriptions"] = {domain: filters.get(domain, {}) for domain in options["subscribe"]}
        if options["name"]:
            settings["name"] = options["name"]
        check, hours = not options["no_check"], options["overlap"]
        self.stdout.write(set_up(code, settings, options["secret"], check=check, hours=hours))

    def _config(self, file: Any) -> dict[str, Any]:
        try:
            config = json.load(file)
        except ValueError as error:
            raise CommandError(f"The configuration is no JSON: {error}") from None
        if not isinstance(config, dict):
            raise CommandError("The configuration is a JSON object: setting to value.")
        return config


def set_up(
    code: str, settings: Mapping[str, Any], secrets: Iterable[str], *, check: bool, hours: int = overlap.OVERLAP
) -> str:
    """Reach for the target, then store it; what a person is told. ``secrets``: NAME=VARIABLE of the environment."""
    given, said = dict(secret(pair) for pair in secrets), ""
    try:
        target = configuring.draft(code=code, settings=settings, secrets=given, hours=hours)
        if check:
            said = f"{configuring.reach(target)}\n"
        system = User.objects.system()
        done = configuring.configure(code=code, settings=settings, secrets=given, actor=system, hours=hours)
    except ConcordError as error:
        hint = " (--no-check sets it up all the same)" if "can't be reached" in error.message else ""
        raise CommandError(f"{error.message}{hint}") from None
    return f"{said}{code} is set up, version {done.target.version}; {done.lanes} records will be sent to it."
