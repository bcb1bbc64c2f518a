"""``manage.py reset_second_factor maria``: for somebody whose phone and recovery codes are lost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mdm.changes import Change
from mdm.management.people import user_named
from mdm.models import User


class Command(BaseCommand):
    help = "Take a user's authenticator app and recovery codes away: the password alone signs in again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    @transaction.atomic
    def handle(self, *, username: str, **options: Any) -> None:
        user = user_named(username)
        removed, _ = Authenticator.objects.filter(user=user).delete()
        if not removed:
            raise CommandError(f"{username} has no second factor.")
        Change.begin(User.objects.system(), "user.second_factor_reset").audit(about=user)
        self.stdout.write(f"{username} signs in by password alone now.")
