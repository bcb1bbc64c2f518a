"""Settings from the environment and from ``.env`` beside ``manage.py``; `.env.example` documents every variable."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")  # what the environment already says wins

Network = IPv4Network | IPv6Network

MOVE_VAR = "Free or own that directory, or let CONCORD_VAR name another."

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """An unset and an empty variable mean the same: the default."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")
    return value in _TRUE


def number(name: str, default: int, *, least: int = 0) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number from {least} on.")
    return int(value)


def choice(name: str, known: Sequence[str], default: str) -> str:
    value = text(name, default)
    if value not in known:
        raise ImproperlyConfigured(f"{name} is {value!r}; write {' or '.join(known)}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def zone(name: str, default: str) -> str:
    """The name of a time zone."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(f"{name} is {value!r}; write a name such as America/New_York.") from None
    return value


def pairs(name: str) -> dict[str, str]:
    """``left=right``, separated by commas."""
    found = {}
    for word in words(name):
        left, divided, right = (part.strip() for part in word.rpartition("="))
        if not (left and divided and right):
            raise ImproperlyConfigured(f"{name} has {word!r}; write group=role, separated by commas.")
        found[left] = right
    return found


def networks(name: str) -> list[Network]:
    """IP networks or single addresses, separated by commas."""
    try:
        return [ip_network(word) for word in words(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; write networks such as 10.20.0.0/16,127.0.0.1.") from None


def var_dir() -> Path:
    """Where everything that Concord writes goes: embedded servers, uploads, logs, the generated secret key."""
    return Path(text("CONCORD_VAR", str(BASE_DIR / "var"))).resolve()


def secret(name: str) -> str:
    """The variable, or a value that is generated once and kept in ``var/`` for the owner's eyes only."""
    if value := text(name):
        return value
    path = var_dir() / name.lower()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(64))
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"{path} can't be kept: {error.strerror}. {MOVE_VAR}") from None


def _write_once(path: Path, content: str) -> None:
    """Whole or not at all, also when two processes start at once: the first one's value stands."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for a libpq URL; parameters Django has no key for go to OPTIONS."""
    try:
        parts = dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL is not a PostgreSQL URL ({str(error).strip()}); write postgresql://user:password@host:5432/name."
        ) from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "concord"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "OPTIONS": parts,
    }


def broker(url: str) -> str:
    """The same Redis in kombu's spelling, which differs from redis-py's for a unix socket."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured(
            "REDIS_URL is no address of a Redis; write redis://host:6379/0, or rediss:// for TLS."
        )
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}" + (f"?virtual_host={parts.query[3:]}" if parts.query[:3] == "db=" else "")
