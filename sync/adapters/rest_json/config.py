"""Settings of a REST JSON target."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RestConfig:
    base_url: str  # "https://erp.example.org/api/v1"
    token_url: str
    client_id: str
    client_secret: str  # the name of the secret, not the secret itself
    scope: str = "masterdata"
    client_auth: str = "basic"  # how the client says who it is, see sync.adapters.oauth
    domains: tuple[str, ...] = ("supplier", "cost_center", "location", "item")
    batch_size: int = 200  # records in one POST; 1: a PUT each
    page_size: int = 500
    timeout: float = 30.0  # seconds without an answer
    max_reply: int = 16_000_000  # bytes
    verify: bool | str = True  # path of a CA bundle, or False on a test network
    limits: dict[str, dict[str, int]] = field(default_factory=dict)  # {"item": {"description": 40}}
