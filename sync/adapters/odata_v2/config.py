"""Settings of an OData v2 target, as SAP S/4HANA offers it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ODataConfig:
    base_url: str  # "https://sap.example.org/sap/opu/odata/sap"
    username: str = ""  # Basic …
    password: str = ""  # … the name of the secret
    token_url: str = ""  # or OAuth2 client credentials
    client_id: str = ""
    client_secret: str = ""  # the name of the secret
    scope: str = ""
    client_auth: str = "basic"  # how the client says who it is, see sync.adapters.oauth
    domains: tuple[str, ...] = ("supplier", "item")
    client: str = ""  # sap-client, "100"
    language: str = "EN"
    version_field: dict[str, str] = field(
        default_factory=lambda: {"supplier": "YY1_MDMVersion_bus", "item": "YY1_MDMVersion_PRD"}
    )  # custom text fields of 40 characters, made with the app Custom Fields
    grouping: str = "MDM"  # of business partners whose numbers come from outside
    product_type: str = "HAWA"
    tax_type: str = "US2"  # BPTaxType of an EIN
    id_types: dict[str, str] = field(
        default_factory=lambda: {"duns": "BUP001", "lei": "ZLEI", "gln": "ZGLN", "npi": "ZNPI"}
    )
    address_usages: dict[str, str] = field(
        default_factory=lambda: {"ordering": "XXDEFAULT", "remit_to": "REMIT", "ship_from": "SHIP_FROM"}
    )
    units: dict[str, str] = field(default_factory=dict)  # our unit -> SAP's, where they differ: {"CA": "CAR"}
    batch_size: int = 50  # records in one $batch
    page_size: int = 200
    timeout: float = 60.0  # seconds without an answer
    max_reply: int = 32_000_000  # bytes
    verify: bool | str = True  # path of a CA bundle, or False on a test network
    limits: dict[str, dict[str, int]] = field(default_factory=dict)  # beside SAP's own
