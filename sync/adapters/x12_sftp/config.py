"""Settings of a target that takes X12 and CSV files by SFTP."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class X12Config:
    host: str
    username: str
    host_key: str  # the server's public key in OpenSSH form, "ssh-ed25519 AAAA…": pinned, nothing else is accepted
    private_key: str  # the name of the secret that holds our private key (OpenSSH or PEM)
    port: int = 22
    domains: tuple[str, ...] = ("supplier", "cost_center", "location", "item")
    inbound: str = "inbound"  # where the partner picks files up
    outbound: str = "outbound"  # where it leaves acknowledgements
    answers: tuple[str, ...] = ("ack_", "receipt_")  # what the names of acknowledgements begin with
    rejected: str = "rejected"  # where it leaves files that its 997 rejects
    confirms: str = "824"  # what says of each record that it was taken; "997" of a partner that sends no more than that
    sender_id: str = "CONCORD"  # ISA06, at most 15 characters
    receiver_id: str = "SUPPLY"  # ISA08
    usage: str = "P"  # ISA15: P production, T test
    batch_size: int = 1000  # records in one file
    timeout: float = 60.0  # seconds for one call
    max_reply: int = 64_000_000  # bytes of one acknowledgement or extract
    limits: dict[str, dict[str, int]] = field(default_factory=dict)  # {"item": {"description": 80}}
