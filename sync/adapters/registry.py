"""Adapters by name. A new one is a folder like the others and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any

from .base import Adapter, ConfigError
from .options import Secrets

ADAPTERS = {
    "hl7v2_mllp": ("HL7 v2.6 master files over MLLP", "sync.adapters.hl7v2_mllp.client:Hl7Adapter"),
    "fhir_r4": ("FHIR R4 with OAuth2", "sync.adapters.fhir_r4.client:FhirAdapter"),
    "odata_v2": ("SAP business partners and products over OData v2", "sync.adapters.odata_v2.client:ODataAdapter"),
    "rest_json": ("REST JSON with OAuth2", "sync.adapters.rest_json.client:RestAdapter"),
    "tryton": ("Tryton 8 over JSON-RPC", "sync.adapters.tryton.client:TrytonAdapter"),
    "x12_sftp": ("X12 832 and CSV files over SFTP", "sync.adapters.x12_sftp.client:X12Adapter"),
}


def choices() -> list[tuple[str, str]]:
    """(name, label) of every adapter, for a form."""
    return [(name, label) for name, (label, _) in ADAPTERS.items()]


def config_class(name: str) -> type[Any] | None:
    """The dataclass that an adapter's settings are read into: the one in the ``config`` module of its folder."""
    package = ADAPTERS[name][1].partition(":")[0].rpartition(".")[0] if name in ADAPTERS else ""
    try:
        module = import_module(f"{package}.config") if package else None
    except ModuleNotFoundError:
        return None
    found = [one for one in vars(module).values() if is_dataclass(one) and one.__module__ == f"{package}.config"]
    return next((one for one in found if isinstance(one, type) and one.__name__.endswith("Config")), None)


def build(name: str, config: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Adapter:
    """A ready adapter; it connects when first used. Raises ConfigError for a wrong name or configuration."""
    if name not in ADAPTERS:
        raise ConfigError(f"Unknown adapter {name}; known are {', '.join(ADAPTERS)}.")
    module, _, cls = ADAPTERS[name][1].partition(":")
    adapter: Adapter = getattr(import_module(module), cls)(config, Secrets(secrets))
    return adapter
