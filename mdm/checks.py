"""Django system checks of Concord's own rules: `manage.py check` makes them, and so does nearly every command."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


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
