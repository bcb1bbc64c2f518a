"""Roles as Django groups, kept equal to ``mdm.permissions.ROLES`` after every migrate.

Groups of other names are the installation's own and left alone.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

from mdm import permissions


def set_up(*, using: str = "default", apps: Any = installed) -> None:
    """Make the groups and give each exactly its role's permissions."""
    group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    ours = permission.objects.using(using).filter(content_type__app_label="mdm")
    by_name = {f"mdm.{row.codename}": row for row in ours}
    for role, names in permissions.ROLES.items():
        group.objects.using(using).get_or_create(name=role)[0].permissions.set([by_name[name] for name in names])


def after_migrate(*, app_config: AppConfig, using: str, apps: Any = installed, **_: Any) -> None:
    """Receives ``post_migrate``. Roles name permissions, so those are made first, whichever receiver comes first."""
    try:
        apps.get_model("mdm", "User")
    except LookupError:  # migrated back to before Concord had users
        return
    create_permissions(app_config, verbosity=0, using=using, apps=apps)
    set_up(using=using, apps=apps)
