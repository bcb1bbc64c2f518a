"""What `manage.py doctor` asks of the targets."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError

from mdm.doctor import Finding, error, ok
from sync import targets
from sync.adapters.base import AdapterError
from sync.models import Target
from sync.sealed import SealBroken


def check_targets() -> Iterator[Finding]:
    """Every active target, asked by its own adapter."""
    try:
        found = list(Target.objects.filter(active=True))
    except DatabaseError:
        return  # the doctor has said what is wrong with the database
    for target in found:
        yield _check(target)


def _check(target: Target) -> Finding:
    name = f"target {target.code}"
    try:
        return ok(name, targets.adapter_of(target).check())
    except (AdapterError, SealBroken) as failure:
        return error(name, str(failure), "Start the target, or correct its settings on the sync page")
    finally:
        targets.forget(target)
