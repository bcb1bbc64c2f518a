"""The review queue as a table to choose from, and those who could take a part of it."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.db.models import Q

from mdm.models import User, WorkItem
from mdm.permissions import DECIDE
from mdm.ui.readers.queue import Asked

SHOWN = 200
LARGE = ("candidates", "details", "source__raw", "source__values", "source__standardised", "golden__provenance")


def items(asked: Asked, user: User) -> list[WorkItem]:
    rows = asked.rows(user).select_related("source__code_system__system", "golden", "assignee").defer(*LARGE)
    return list(rows[:SHOWN])


def stewards() -> list[User]:
    """Everybody who may decide reviews."""
    wanted = Permission.objects.filter(codename=DECIDE.removeprefix("mdm."), content_type__app_label="mdm")
    holds = Q(groups__permissions__in=wanted) | Q(user_permissions__in=wanted) | Q(is_superuser=True)
    return list(User.objects.filter(holds, is_active=True).distinct().order_by("first_name", "username"))
