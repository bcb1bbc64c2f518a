"""What `manage.py doctor` asks of the targets, and of where records come from."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError

from mdm.doctor import Finding, error, ok
from mdm.exceptions import ConcordError
from sync import targets
from sync.adapters.base import AdapterError
from sync.models import Target
from sync.models.inbound import InboundSource
from sync.sealed import SealBroken


def check_targets() -> Iterator[Finding]:
    """Every active target, asked by its own adapter."""
    try:
        found = list(Target.objects.filter(active=True))
    except DatabaseError:
        return  # the doctor has said what is wrong with the database
    for target in found:
        yield _check(target)


def check_sources() -> Iterator[Finding]:
    """Every active inbound source: Concord goes where it fetches from; of the others it reads the settings."""
    try:
        found = list(InboundSource.objects.filter(active=True))
    except DatabaseError:
        return
    for source in found:
        yield _check_source(source)


def _check_source(source: InboundSource) -> Finding:
    from sync.inbound import pull, sftp, ways  # not at every start: they take a while to load

    name, asked = f"source {source.code}", {source.Way.SFTP: sftp.check, source.Way.PULL: pull.check}
    try:
        if source.way in asked:
            return ok(name, asked[source.Way(source.way)](source))
        ways.check(source)
    except (AdapterError, ConcordError, SealBroken) as failure:
        return error(name, str(failure), "Start that system, or correct the settings with `manage.py set_source`")
    return ok(name, f"waits for messages ({source.get_way_display()})")


def _check(target: Target) -> Finding:
    name = f"target {target.code}"
    try:
        return ok(name, targets.adapter_of(target).check())
    except (AdapterError, SealBroken) as failure:
        return error(name, str(failure), "Start the target, or correct its settings on the sync page")
    finally:
        targets.forget(target)
