"""Going where records are fetched from, when it is time: sources of the ways that Concord goes itself."""

from __future__ import annotations

import datetime as dt

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mdm.exceptions import ConcordError
from sync.adapters.base import AdapterError
from sync.inbound import pull, sftp
from sync.inbound.ways import PullConfig, SftpConfig, config_of
from sync.models.inbound import InboundSource
from sync.sealed import SealBroken

log = structlog.get_logger(__name__)

LEASE = dt.timedelta(minutes=20)  # that a visit may take; then somebody else goes


def due() -> list[int]:
    """Sources to go to now."""
    rows = InboundSource.objects.filter(active=True, way__in=InboundSource.FETCHED)
    return list(rows.filter(Q(due_at__isnull=True) | Q(due_at__lte=timezone.now())).values_list("pk", flat=True))


def fetch(source_id: int) -> str:
    """Go to one source unless somebody is there. Returns what was wrong; empty when all is well."""
    source = _claim(source_id)
    if source is None:
        return ""
    error = ""
    try:
        if source.way == InboundSource.Way.SFTP:
            sftp.pick_up(source)
        else:
            pull.pull(source)
    except (ConcordError, AdapterError, SealBroken, FileNotFoundError) as failure:
        error = str(failure)[:500]
        log.warning("could not fetch", source=source.code, error=error)
    _settle(source, error)
    return error


@transaction.atomic
def _claim(source_id: int) -> InboundSource | None:
    rows = InboundSource.objects.select_related("system").select_for_update(of=("self",), skip_locked=True)
    source = rows.filter(pk=source_id, active=True).first()
    if source is None or (source.due_at and source.due_at > timezone.now()):
        return None
    source.due_at = timezone.now() + LEASE
    source.save(update_fields=["due_at"])
    return source


def _settle(source: InboundSource, error: str) -> None:
    is_sftp = source.way == InboundSource.Way.SFTP
    every = config_of(source, SftpConfig).every if is_sftp else config_of(source, PullConfig).every
    now = timezone.now()
    InboundSource.objects.filter(pk=source.pk).update(
        due_at=now + dt.timedelta(seconds=every), error=error, **({} if error else {"fetched_at": now})
    )
