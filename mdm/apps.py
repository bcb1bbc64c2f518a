from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MdmConfig(AppConfig):
    name = "mdm"
    verbose_name = "Concord"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("mdm.celery")  # so that @shared_task binds to our app in every process
        import_module("mdm.checks")
        post_migrate.connect(import_module("mdm.roles").after_migrate, sender=self)
