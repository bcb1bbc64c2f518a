"""``manage.py set_target erp …``: a system that Concord keeps in step, made or changed."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, FileType
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.models import SourceSystem, User
from sync import receivers, targets
from sync.adapters import registry
from sync.adapters.base import AdapterError
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
        parser.add_argument("--subscribe", nargs="+", default=list(DOMAINS), choices=list(DOMAINS), metavar="DOMAIN")
        parser.add_argument("--no-check", action="store_true", help="don't try to reach it first")

    def handle(self, *, code: str, **options: Any) -> None:
        target = Target.objects.filter(code=code).first() or Target(code=code)
        target.name = options["name"] or target.name or code
        target.adapter, target.config = options["adapter"], self._config(options["config"])
        target.system = self._system(options["system"])
        target.subscriptions = {domain: target.subscriptions.get(domain, {}) for domain in options["subscribe"]}
        if options["secret"]:
            target.secrets = dict(target.secrets) | dict(self._secret(pair) for pair in options["secret"])
        self._try(target, reach=not options["no_check"])
        with transaction.atomic():
            target.save()
            made = receivers.backfill(target)
            change = Change.begin(User.objects.system(), "target.set")
            change.audit(about=target, after={"adapter": target.adapter, "subscriptions": target.subscriptions})
            receivers.wake_after_commit([target.pk])
        self.stdout.write(f"{code} is set up; {made} records will be sent to it.")

    def _config(self, file: Any) -> dict[str, Any]:
        try:
            config = json.load(file)
        except json.JSONDecodeError as error:
            raise CommandError(f"The configuration is no JSON: {error}") from None
        if not isinstance(config, dict):
            raise CommandError("The configuration is a JSON object: setting to value.")
        return config

    def _system(self, code: str) -> SourceSystem:
        system = SourceSystem.objects.filter(code=code).first()
        if system is None:
            known = ", ".join(SourceSystem.objects.values_list("code", flat=True)) or "none yet"
            raise CommandError(f"There is no system {code} (known: {known}). import_file --create-system makes one.")
        return system

    def _secret(self, pair: str) -> tuple[str, str]:
        name, _, variable = pair.partition("=")
        value = os.environ.get(variable or name, "")
        if not value:
            raise CommandError(
                f"The environment variable {variable or name} is empty; it should hold the secret {name}."
            )
        return name, value

    def _try(self, target: Target, *, reach: bool) -> None:
        try:
            target.full_clean(exclude=["namespace"])
            adapter = registry.build(target.adapter, target.config, target.secrets)
        except (ValidationError, AdapterError) as error:
            raise CommandError(str(error)) from None
        try:
            if reach:
                self.stdout.write(adapter.check())
        except AdapterError as error:
            raise CommandError(
                f"{target.code} can't be reached: {error} (--no-check sets it up all the same)"
            ) from None
        finally:
            adapter.close()
            targets.forget(target)
