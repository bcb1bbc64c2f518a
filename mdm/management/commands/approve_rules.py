"""``manage.py approve_rules 17 --user omar``: put proposed rules into force, as a second person."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.exceptions import ConcordError
from mdm.management.people import user_named
from mdm.models import ChangeRequest
from mdm.services import requests


class Command(BaseCommand):
    help = "Approves a change of the rules. Nobody approves their own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("request", type=int, help="number of the change request")
        parser.add_argument("--user", required=True, help="who approves")
        parser.add_argument("--reason", default="")

    def handle(self, *, request: int, user: str, reason: str, **_: Any) -> None:
        actor = user_named(user)
        found = ChangeRequest.objects.filter(pk=request, kind=ChangeRequest.Kind.POLICY).first()
        if found is None:
            raise CommandError(f"There is no change of the rules {request}.")
        try:
            approved = requests.approve(request=found, actor=actor, reason=reason)
        except ConcordError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"In force now: {approved.policy}.")
