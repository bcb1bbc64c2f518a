"""Django system checks of Concord's own rules: `manage.py check` makes them, and so does nearly every command."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from mdm import permissions


@register()
def check_task_times(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A task that outlives the broker's patience is given to a second worker while the first is still at it."""
    from mdm.celery import app

    app.autodiscover_tasks(force=True)
    for module in settings.CELERY_IMPORTS:
        import_module(module)
    patience = settings.CELERY_VISIBILITY_TIMEOUT
    return [
        Error(
            f"The task {task.name} may take {limit} s, but after {patience} s a second worker gets it, too.",
            hint="Give it less time, or acks_late=False if it may be lost with its worker.",
            id="concord.E001",
        )
        for task in app.tasks.values()
        if task.acks_late and (limit := task.time_limit or settings.CELERY_TASK_TIME_LIMIT) >= patience
    ]


@register()
def check_single_sign_on(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What is set of ``OIDC_…`` fits together."""
    if not settings.OIDC_ISSUER:
        return []
    unknown = sorted(set(settings.OIDC_ROLES.values()) - set(permissions.ROLES))
    problems = [
        (
            not settings.OIDC_CLIENT_ID,
            "OIDC_CLIENT_ID is not set.",
            "It is what the provider calls Concord.",
        ),
        (
            settings.HTTPS and not settings.OIDC_ISSUER.startswith("https://"),
            "OIDC_ISSUER is not an https:// address.",
            "Who listens in between could sign in as anybody.",
        ),
        (unknown, f"OIDC_ROLES names {', '.join(unknown)}.", f"Roles are {', '.join(permissions.ROLES)}."),
    ]
    return [Error(text, hint=hint, id="concord.E002") for wrong, text, hint in problems if wrong]
