"""The code systems, in memory: they are few, change rarely, and every lookup needs one."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from django.db.models.signals import post_delete, post_save

from mdm.exceptions import NotFound
from mdm.models import CodeSystem

SECONDS = 30  # each process reads them this often; one that changed them, at once


class UnknownSystem(NotFound):
    """There is no such code system. Choose one of those listed."""

    code = "unknown-code-system"


class _CodeSystems:
    """The code systems by slug, in memory for up to ``SECONDS``; one that was just made is found at once."""

    def __init__(self) -> None:
        self._by_slug: dict[str, CodeSystem] = {}
        self._by_pk: dict[int, CodeSystem] = {}
        self._stale_at = 0.0

    def all(self) -> Collection[CodeSystem]:
        if time.monotonic() > self._stale_at:
            self._read()
        return self._by_slug.values()

    def get(self, slug: str) -> CodeSystem:
        if time.monotonic() > self._stale_at or slug not in self._by_slug:
            self._read()
        try:
            return self._by_slug[slug]
        except KeyError:
            raise UnknownSystem(f"There is no code system {slug[:80]}.", known=sorted(self._by_slug)) from None

    def by_pk(self, pk: int) -> CodeSystem:
        if pk not in self._by_pk:
            self._read()
        return self._by_pk[pk]

    def forget(self, **_: Any) -> None:
        self._stale_at = 0.0

    def _read(self) -> None:
        systems = list(CodeSystem.objects.all())
        self._by_slug = {system.slug: system for system in systems}
        self._by_pk = {system.pk: system for system in systems}
        self._stale_at = time.monotonic() + SECONDS


code_systems = _CodeSystems()
post_save.connect(code_systems.forget, sender=CodeSystem)
post_delete.connect(code_systems.forget, sender=CodeSystem)
