"""Going where records are fetched from, when it is time: sources of the ways that Concord goes itself."""

from __future__ import annotations

import datetime as dt

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mdm.exceptions import ConcordError
from mdm.interrupts import fresh_connection
from sync.adapters.base import AdapterError
from sync.adapters.x12_sftp.sftp import Busy
from sync.inbound import pull, sftp
from sync.inbound.ways import PullConfig, SftpConfig, config_of
from sync.models.inbound import InboundSource
from sync.sealed import SealBroken
from sync.text import storable

log = structlog.get_logger(__name__)

ERROR = 500  # characters
USUAL = 60  # seconds
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
        error = _visit(source)
    except (ConcordError, AdapterError, SealBroken, FileNotFoundError, Busy) as failure:
        error = str(failure)
        log.warning("could not fetch", source=source.code, error=error)
    except SoftTimeLimitExceeded:
        error = "There was more to fetch than fits in one visit. The next one goes on."
        fresh_connection()
    except Exception as failure:  # whatever it is, it must be seen, and the next visit must come
        error = f"It failed unexpectedly: {type(failure).__name__}: {failure}"
        log.exception("could not fetch", source=source.code)
        fresh_connection()
    _settle(source, storable(error)[:ERROR])
    return error


def _visit(source: InboundSource) -> str:
    """Returns what was wrong with single files."""
    if source.way == InboundSource.Way.SFTP:
        return " ".join(sftp.pick_up(source).problems)
    pull.pull(source)
    return ""


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
    now = timezone.now()
    InboundSource.objects.filter(pk=source.pk).update(
        due_at=now + dt.timedelta(seconds=_every(source)), error=error, **({} if error else {"fetched_at": now})
    )


def _every(source: InboundSource) -> int:
    """Seconds until the next visit; the usual ones where the settings can't be read."""
    try:
        if source.way == InboundSource.Way.SFTP:
            return config_of(source, SftpConfig).every
        return config_of(source, PullConfig).every
    except ConcordError:
        return USUAL
