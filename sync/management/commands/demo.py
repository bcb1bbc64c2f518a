"""`manage.py demo`: the whole path on made-up hospital data."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from sync.demo import report, run, world
from sync.management.commands.generate_demo import scale


class Command(BaseCommand):
    help = "Run the main job once on made-up data: feeds, matching, decisions, golden records, delivery; then report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=7, help="of the generator (%(default)s)")
        parser.add_argument("--scale", type=scale, default=1.0, help="size of the network (%(default)s)")
        parser.add_argument(
            "--open", action="store_true", help="leave reviews open; use the services that run already (manage.py up)"
        )

    def handle(self, **options: Any) -> None:
        directory = settings.VAR_DIR / "demo"
        if not options["open"] and run.answering_sandbox():
            raise CommandError(
                "`make run` is up here, and the demo begins by emptying its database. Stop it first, or let "
                "CONCORD_VAR name another directory."
            )
        call_command("migrate", verbosity=0, interactive=False)
        if not run.is_demo():
            raise CommandError(
                "This database holds other records than the demo's, and the demo begins by emptying it. "
                "Name an empty database, or unset DATABASE_URL and let CONCORD_VAR name another directory."
            )
        if options["open"]:
            self._open(directory, options)
            return
        self._empty()
        shutil.rmtree(settings.VAR_DIR / "sandbox", ignore_errors=True)
        with run.services(directory):
            self._run(directory, options)

    def _open(self, directory: Any, options: dict[str, Any]) -> None:
        try:
            sandbox = run.running_sandbox()
        except run.DemoError as error:
            raise CommandError(str(error)) from None
        if run.has_records() and not report.was_unattended(directory / "report.json"):
            world.targets(sandbox.targets)
        else:  # nobody has worked with what an unattended run left, and it has nothing to decide
            self._empty()
            sandbox.reset()
            self._run(directory, options)
        self._logins()

    def _run(self, directory: Any, options: dict[str, Any]) -> None:
        demo = run.Demo(
            directory, self.stdout.write, seed=options["seed"], scale=options["scale"], decide=not options["open"]
        )
        try:
            found = demo.run()
        except run.DemoError as error:
            raise CommandError(str(error)) from None
        report.write(found, directory / "report.json")
        self.stdout.write(report.table(found))
        self.stdout.write(f"\nThe report is in {directory / 'report.json'}")
        if short := report.shortfalls(found, decided=not options["open"]):
            raise CommandError("Below what the demo promises:\n  " + "\n  ".join(short))

    def _empty(self) -> None:
        """Begin anew, without an earlier demo's records."""
        if run.has_records():
            call_command("flush", verbosity=0, interactive=False)

    def _logins(self) -> None:
        known = world.logins(settings.VAR_DIR / "demo")
        self.stdout.write(f"\nSign in as {', '.join(known.names)}; the password of each is {known.password}\n")
