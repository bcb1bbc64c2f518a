from importlib import import_module

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Synchronisation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("sync.receivers")
        from mdm import doctor
        from mdm.ui.readers import todo
        from sync.doctor import check_sources, check_targets
        from sync.ui.todos import todos

        doctor.also(check_targets)
        doctor.also(check_sources)
        todo.also(todos)
