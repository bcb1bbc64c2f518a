"""Probes for load balancers and orchestrators: no sign-in, no detail beyond which part is not ready."""

from __future__ import annotations

import time

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mdm import access

LOOK_EVERY = 15  # seconds


def database() -> str:
    """An empty string when the database answers, else why not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return ""


def migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "unknown"
    return f"{len(pending)} not applied" if pending else ""


def broker() -> str:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        return "unreachable"
    return ""


_looked: tuple[float, bool] = (float("-inf"), True)  # when, and what was seen


def in_service() -> bool:
    """Whether people can work, for pages that strangers see: it tells no more, and costs at most one look in a while.

    Without its broker Concord is slower, but it works.
    """
    global _looked
    now = time.monotonic()
    if now - _looked[0] > LOOK_EVERY:
        _looked = now, _looked[1]  # others go on with what was seen while this one looks
        _looked = now, not (database() or migrations())
    return _looked[1]


CHECKS = {"database": database, "redis": broker, "migrations": migrations}


@access.public
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. Says nothing about what it depends on: restarting the web does not mend a database."""
    return HttpResponse("ok\n", content_type="text/plain")


@access.public
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a request could be served now, else 503 and which part is missing."""
    problems = {name: check() for name, check in CHECKS.items()}
    ready = not any(problems.values())
    return JsonResponse({name: problem or "ok" for name, problem in problems.items()}, status=200 if ready else 503)


PROBES = {"/healthz": healthz, "/readyz": readyz}
