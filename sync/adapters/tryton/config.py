"""Settings of a Tryton target."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrytonConfig:
    base_url: str  # "https://tryton.example.org"
    database: str
    username: str
    password: str  # the name of the secret, not the secret itself
    company: int | None = None  # id; None: the one that the user works in
    domains: tuple[str, ...] = ("supplier", "cost_center", "location", "item")
    cost_center_root: str = "CC"  # code of the analytic root account that cost centers hang under
    units: dict[str, str] = field(default_factory=lambda: {"EA": "u"})  # our base unit -> symbol of Tryton's
    currency: str = "USD"  # of a price that states none
    country: str = "US"  # of an address that states none
    record_url: str = ""  # "https://mdm.example.org/records/{id}": where the link on each record leads
    batch_size: int = 50  # records that are looked up and claimed together
    page_size: int = 500
    timeout: float = 30.0  # seconds without an answer
    max_reply: int = 16_000_000  # bytes
    verify: bool | str = True  # path of a CA bundle, or False on a test network
    limits: dict[str, dict[str, int]] = field(default_factory=dict)  # {"item": {"description": 40}}
