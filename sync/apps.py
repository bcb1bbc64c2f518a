from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Synchronisation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if find_spec("sync.receivers"):
            import_module("sync.receivers")
