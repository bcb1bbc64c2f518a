"""``manage.py issue_api_key erp-interface --name "ERP, production" --scope lookup_codes --days 365``."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mdm import auth, permissions
from mdm.exceptions import ConcordError
from mdm.models import User

SCOPES = [name.removeprefix("mdm.") for name in permissions.DESCRIPTIONS]

MOST_DAYS = 3650


class Command(BaseCommand):
    help = "Issue an API key for a user and print it: this once, as only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="What uses the key.")
        parser.add_argument("--scope", action="append", required=True, choices=SCOPES, dest="scopes")
        parser.add_argument("--days", type=int, default=365, help="Until it expires. Default: %(default)s.")

    def handle(self, *, username: str, name: str, scopes: list[str], days: int, **_: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}. Make one: manage.py create_user {username} --no-login.")
        if not 0 < days <= MOST_DAYS:
            raise CommandError(f"--days {days}: write 1 to {MOST_DAYS}.")
        expires_at = timezone.now() + dt.timedelta(days=days)
        wanted = [f"mdm.{scope}" for scope in scopes]
        system = User.objects.system()
        try:
            issued = auth.issue(user=user, name=name, scopes=wanted, expires_at=expires_at, actor=system)
        except ConcordError as error:
            raise CommandError(error.message) from None
        self.stdout.write(issued[1])
        self.stderr.write(f"Valid until {timezone.localdate(expires_at)}. Store it now; it can't be shown again.")
