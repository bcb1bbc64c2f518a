"""Target configuration: a JSON object from the Target row, read into a frozen dataclass, checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mdm.canonical import DOMAINS

from .base import ConfigError

T = TypeVar("T")


class Secrets:
    """Secrets by name: from the target's own store first, else from the environment. Never printed."""

    def __init__(self, stored: Mapping[str, str] | None = None) -> None:
        self._stored = dict(stored or {})

    def get(self, name: str) -> str:
        """The secret. Raises ConfigError naming it, and where to put it, when there is none."""
        value = self._stored.get(name) or os.environ.get(name)
        if not value:
            raise ConfigError(f"The secret {name} is missing: add it to the target or set the environment variable.")
        return value


def load(cls: type[T], config: Mapping[str, Any]) -> T:
    """``cls(**config)``; lists become tuples. Raises ConfigError for unknown and missing settings, and for secrets."""
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(config) - set(known)):
        raise ConfigError(f"Unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
    required = {n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING}
    if missing := sorted(required - set(config)):
        raise ConfigError(f"The setting {', '.join(missing)} is missing.")
    for name, value in config.items():  # settings are shown, exported and kept in versions
        if isinstance(value, str) and "://" in value and "@" in urlsplit(value).netloc:
            raise ConfigError(f"The setting {name} names a user in its address: keep that among the secrets.")
    settings = cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in config.items()})
    _check_domains(getattr(settings, "domains", ()))
    return settings


def _check_domains(domains: tuple[str, ...]) -> None:
    if unknown := sorted(set(domains) - set(DOMAINS)):
        raise ConfigError(f"Unknown domain {', '.join(unknown)}; known are {', '.join(DOMAINS)}.")
