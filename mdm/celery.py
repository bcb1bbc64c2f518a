"""The Celery application. Celery carries wake-ups, never the truth: a lost task costs latency, not data."""

import os
from typing import Any, Self

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import setup_logging
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdm.settings")

SOON = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}  # seconds


class Broker(Connection):
    """One that comes back is found within a second, however long it was away: kombu's own waits grow to 30 s."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Self:
        return super().ensure_connection(*args, **(SOON | kwargs))


class Messages(AMQP):
    Connection = Broker


app = Celery("concord", amqp=Messages)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _leave_logging_alone(**_: object) -> None:
    """Celery configures logging unless somebody listens here; settings have done it already."""
