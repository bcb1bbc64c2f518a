"""Jobs: rows that say what a worker is to do. One worker takes each; one that dies is followed by another, but not for
ever: what has killed three workers would kill a fourth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from mdm.exceptions import ConcordError
from mdm.interrupts import fresh_connection
from mdm.models.job import Job

Work = TypeVar("Work", bound=Job)
State = Job.State

ATTEMPTS = 3
PATIENCE = dt.timedelta(minutes=1)  # after which a waiting job has not been heard of


def wake(task: str, pk: Any) -> None:
    """A word to a worker; if it gets lost, upkeep finds the job. ``task``: of ``mdm.tasks``."""
    from mdm import tasks

    with suppress(OperationalError, ConnectionError):
        getattr(tasks, task).apply_async(args=(pk,), retry=False)


def take(model: type[Work], pk: Any) -> Work | None:
    """The job, which is this worker's now; None if it doesn't wait."""
    rows = model._default_manager.filter(pk=pk)
    taken = rows.filter(state=State.WAITING).update(
        state=State.RUNNING, began_at=timezone.now(), attempts=F("attempts") + 1
    )
    return rows.get() if taken else None


@contextmanager
def carried_out(job: Job) -> Iterator[None]:
    """Do it in this block. How it ended is kept with the job, for its owner to see; a failure is not tried again."""
    try:
        yield
    except ConcordError as refused:
        _end(job, State.FAILED, refused.message)
    except Exception as error:
        fresh_connection()
        _end(job, State.FAILED, f"{type(error).__name__}: ask for it again; the log of the worker tells more.")
        raise
    else:
        _end(job, State.DONE)


def _end(job: Job, state: Job.State, error: str = "") -> None:
    job.state, job.error, job.finished_at = state, error[:500], timezone.now()
    job.save()


def idle(model: type[Work], *, lost: dt.timedelta, patience: dt.timedelta = PATIENCE) -> list[Any]:
    """Ids of those that no worker seems to have heard of, or whose worker died: it had longer than ``lost``."""
    now = timezone.now()
    rows = model._default_manager.filter(state=State.RUNNING, began_at__lt=now - lost)
    rows.filter(attempts__gte=ATTEMPTS).update(
        state=State.FAILED, finished_at=now, error=f"{ATTEMPTS} workers died of it. The log of the workers tells more."
    )
    rows.update(state=State.WAITING)
    waiting = model._default_manager.filter(state=State.WAITING, requested_at__lte=now - patience)
    return list(waiting.values_list("pk", flat=True))
