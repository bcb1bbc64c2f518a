"""``manage.py sync_replay erp --since 2026-11-26T08:00 --reason "restored a backup"``: tell a target again."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from mdm.canonical import DOMAINS
from mdm.exceptions import ConcordError
from mdm.models import User
from sync import services
from sync.management.given import records
from sync.models import Target


class Command(BaseCommand):
    help = (
        "Tell a target again what it was told: everything, some records or domains, or what it confirmed since a time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", help="code of the target")
        parser.add_argument("--reason", required=True, help="kept in the audit log")
        parser.add_argument("--since", help="a time, such as 2026-11-26T08:00: what it confirmed from then on")
        parser.add_argument("--record", nargs="+", metavar="MDM-IT-000001", help="public ids")
        parser.add_argument("--domain", action="append", default=[], choices=list(DOMAINS))

    def handle(self, *, target: str, **options: Any) -> None:
        found = Target.objects.filter(code=target).first()
        if found is None:
            raise CommandError(f"No target {target}.")
        try:
            told = services.replay(
                target=found,
                actor=User.objects.system(),
                since=_since(options["since"]),
                records=records(options["record"]) if options["record"] else None,
                domains=options["domain"],
                reason=options["reason"],
            )
        except ConcordError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{target}: {told} records to be told again")


def _since(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
        day = parse_date(text) if moment is None else None
    except ValueError:
        moment = day = None
    if moment is None and day is None:
        raise CommandError(f"{text} is no time; write 2026-11-26T08:00.")
    moment = moment or dt.datetime.combine(day, dt.time())  # type: ignore[arg-type]  # one of the two is there
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
