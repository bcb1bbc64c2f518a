"""Adapters of targets: made once per thread, and again when the target's configuration changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sync.adapters import registry
from sync.adapters.base import Adapter
from sync.models import Target

Fingerprint = tuple[str, str, bytes]


@dataclass
class _Kept(threading.local):
    """Connections belong to the thread that opened them: adapters are not shared."""

    adapters: dict[int, tuple[Fingerprint, Adapter]] = field(default_factory=dict)


_kept = _Kept()


def adapter_of(target: Target) -> Adapter:
    """The target's adapter, kept for this thread's life. Raises ConfigError for a wrong configuration."""
    wanted = (target.adapter, repr(sorted(target.config.items())), bytes(target.sealed_secrets or b""))
    found = _kept.adapters.get(target.pk)
    if found is not None and found[0] == wanted:
        return found[1]
    forget(target)
    made = registry.build(target.adapter, target.config, target.secrets)
    _kept.adapters[target.pk] = (wanted, made)
    return made


def forget(target: Target) -> None:
    """Close this thread's adapter of the target, if there is one."""
    if found := _kept.adapters.pop(target.pk, None):
        found[1].close()


def forget_all() -> None:
    """Close every adapter of this thread, before it ends."""
    for _, adapter in _kept.adapters.values():
        adapter.close()
    _kept.adapters.clear()
