from importlib import import_module

from django.apps import AppConfig


class MdmConfig(AppConfig):
    name = "mdm"
    verbose_name = "Concord"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("mdm.celery")  # so that @shared_task binds to our app in every process
        import_module("mdm.checks")
