"""``manage.py create_user maria --role steward``: a person who can log in."""

from __future__ import annotations

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mdm import permissions
from mdm.changes import Change
from mdm.models import User

PASSWORD_VARIABLE = "CONCORD_PASSWORD"  # noqa: S105 - the variable's name


class Command(BaseCommand):
    help = f"Create a user with roles. The password is asked for, or read from {PASSWORD_VARIABLE}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", action="append", default=[], choices=list(permissions.ROLES), dest="roles")
        parser.add_argument("--first-name", default="")
        parser.add_argument("--last-name", default="")
        parser.add_argument("--email", default="")
        parser.add_argument("--no-login", action="store_true", help="Without a password: a machine that uses API keys.")

    @transaction.atomic
    def handle(self, *, username: str, roles: list[str], no_login: bool, **options: Any) -> None:
        if User.objects.filter(username=username).exists():
            raise CommandError(f"There is a user {username} already.")
        user = User(username=username, **{name: options[name] for name in ("first_name", "last_name", "email")})
        user.set_unusable_password()
        try:
            user.full_clean()
            if not no_login:
                user.set_password(_password(user))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        user.save()
        user.groups.set(Group.objects.filter(name__in=roles))
        Change.begin(User.objects.system(), "user.create").audit(about=user, after={"roles": roles})
        self.stdout.write(f"Created {username} with {', '.join(roles) or 'no role'}.")


def _password(user: User) -> str:
    """A password that will do. Raises ValidationError."""
    try:
        password = os.environ.get(PASSWORD_VARIABLE) or getpass.getpass(f"Password for {user.username}: ")
    except EOFError:
        raise CommandError(f"Nobody is there to be asked; set {PASSWORD_VARIABLE}, or say --no-login.") from None
    validate_password(password, user)
    return password
