"""``manage.py setup_roles``: the roles as Concord defines them, after somebody changed their groups by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from mdm import permissions, roles


class Command(BaseCommand):
    help = "Make the role groups and give each exactly its permissions. Runs after every migrate by itself."

    def handle(self, **_: Any) -> None:
        roles.set_up()
        for role, names in permissions.ROLES.items():
            self.stdout.write(f"{role:14} {', '.join(name.removeprefix('mdm.') for name in names)}")
