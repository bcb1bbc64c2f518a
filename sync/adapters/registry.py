"""Adapters by name. A new one is a folder like the others and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .base import Adapter, ConfigError
from .options import Secrets

ADAPTERS = {
    "hl7v2_mllp": ("HL7 v2.6 master files over MLLP", "sync.adapters.hl7v2_mllp.client:Hl7Adapter"),
    "rest_json": ("REST JSON with OAuth2", "sync.adapters.rest_json.client:RestAdapter"),
    "tryton": ("Tryton 8 over JSON-RPC", "sync.adapters.tryton.client:TrytonAdapter"),
    "x12_sftp": ("X12 832 and CSV files over SFTP", "sync.adapters.x12_sftp.client:X12Adapter"),
}


def choices() -> list[tuple[str, str]]:
    """(name, label) of every adapter, for a form."""
    return [(name, label) for name, (label, _) in ADAPTERS.items()]


def build(name: str, config: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Adapter:
    """A ready adapter; it connects when first used. Raises ConfigError for a wrong name or configuration."""
    if name not in ADAPTERS:
        raise ConfigError(f"Unknown adapter {name}; known are {', '.join(ADAPTERS)}.")
    module, _, cls = ADAPTERS[name][1].partition(":")
    adapter: Adapter = getattr(import_module(module), cls)(config, Secrets(secrets))
    return adapter
