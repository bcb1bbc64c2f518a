"""Settings of an HL7 v2 target."""

from __future__ import annotations

from dataclasses import dataclass, field

ACKS = {
    "AA": "acknowledged",
    "CA": "acknowledged",
    "AE": "rejected",
    "CE": "rejected",
    "AR": "retry",
    "CR": "retry",
}


@dataclass(frozen=True, slots=True)
class Hl7Config:
    host: str
    port: int
    domains: tuple[str, ...] = ("supplier", "cost_center", "location", "item")
    sending_application: str = "CONCORD"
    sending_facility: str = "MDM"
    receiving_application: str = "EHR"
    receiving_facility: str = "HOSPITAL"
    processing_id: str = "P"  # HL7 table 0103: P production, T training, D debugging
    acks: dict[str, str] = field(default_factory=dict)  # vendors differ: {"AE": "retry"} replaces one line of ACKS
    window: int = 1  # messages on the wire before an answer is waited for; 1 is what MLLP promises
    timeout: float = 30.0  # seconds for one whole answer
    max_reply: int = 16_000_000  # bytes
    page_size: int = 200  # records in one answer when reading back
    tls: bool = False
    ca_file: str = ""  # CA bundle of the peer; empty: the system's
    client_certificate: str = ""  # file with certificate and key, for mutual TLS
    limits: dict[str, dict[str, int]] = field(default_factory=dict)  # {"item": {"description": 60}}
