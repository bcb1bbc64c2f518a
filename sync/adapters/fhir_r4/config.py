"""Settings of a FHIR R4 target."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FhirConfig:
    base_url: str  # "https://ehr.example.org/fhir/R4"
    token_url: str
    client_id: str
    client_secret: str  # the name of the secret, not the secret itself
    scope: str = "system/*.read system/*.write"
    client_auth: str = "basic"  # how the client says who it is, see sync.adapters.oauth
    domains: tuple[str, ...] = ("supplier", "cost_center", "location", "item")
    bundle: str = "transaction"  # or "batch"
    batch_size: int = 50  # records in one Bundle; 1: a PUT each
    page_size: int = 100
    timeout: float = 30.0  # seconds without a complete answer
    max_reply: int = 16_000_000  # bytes
    verify: bool | str = True  # path of a CA bundle, or False on a test network
    limits: dict[str, dict[str, int]] = field(default_factory=dict)  # {"supplier": {"name": 80}}
