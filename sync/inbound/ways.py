"""The ways in and their settings: what a source's ``config`` may say, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import TypeVar

from mdm.exceptions import InvalidValue
from sync.adapters.base import ConfigError
from sync.adapters.oauth import check_client_auth
from sync.adapters.options import load
from sync.inbound.signatures import key_of
from sync.models.inbound import InboundSource

T = TypeVar("T")
MEBIBYTE = 1 << 20
ACKS = {  # what an HL7 sender is answered (table 0008), by what became of its message
    "kept": "AA",
    "repeated": "AA",
    "conflict": "AE",
    "unreadable": "AE",
    "refused": "AR",
    "busy": "AR",
}


@dataclass(frozen=True, slots=True)
class ApiConfig:
    largest: int = 16 * MEBIBYTE  # bytes of a message


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """The secrets of the source, whatever they are called, are those that sign; two while one replaces the other."""

    tolerance: int = 300  # seconds that a signature's time may be off
    largest: int = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class MllpConfig:
    port: int
    host: str = "127.0.0.1"
    senders: tuple[str, ...] = ()  # "APPLICATION^FACILITY" of MSH-3 and MSH-4 that may send; none named: everybody
    networks: tuple[str, ...] = ()  # addresses and networks that may connect; none named: all
    certificate: str = ""  # file with certificate and key; empty: no TLS
    client_ca: str = ""  # file with the CA that signs the senders' certificates, for mutual TLS
    acks: dict[str, str] = field(default_factory=dict)  # replaces lines of ACKS
    largest: int = 16 * MEBIBYTE
    timeout: float = 30.0  # seconds that a message may take from its first byte to its last
    idle: float = 3600.0  # seconds after which a connection without a message is closed
    connections: int = 64


@dataclass(frozen=True, slots=True)
class SftpConfig:
    host: str
    username: str
    host_key: str  # the server's public key in OpenSSH form: pinned, nothing else is accepted
    private_key: str = "private_key"  # the name of the secret
    port: int = 22
    folder: str = "."
    working: str = "working"  # below the folder, made where it is missing; files that are just being taken
    done: str = "done"
    failed: str = "failed"
    acks: str = "acks"  # 997, 999 and HL7 ACKs; empty: none are written
    every: int = 60  # seconds between looks
    quiet: int = 10  # seconds for which a file must have kept its size
    timeout: float = 60.0
    largest: int = 64 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class PullConfig:
    base_url: str
    path: str
    token_url: str
    client_id: str
    client_secret: str = "client_secret"  # noqa: S105 - the name of the secret
    scope: str = ""
    client_auth: str = "basic"  # how the client says who it is, see sync.adapters.oauth
    verify: bool = True
    since: str = "changed_since"  # the parameter that asks for changes from an instant on
    params: dict[str, str] = field(default_factory=dict)  # further ones; {since} is the instant, as in $filter
    records: str = ""  # where in the answer the records are, "value" or "d.results"; empty: it is a list
    changed_at: str = "updated_at"  # where in a record its time of change is
    next: str = "next"  # where in the answer the next page's address is
    every: int = 300  # seconds between pulls
    overlap: int = 120  # seconds asked for again: clocks differ, and transactions commit late
    most_pages: int = 1000
    timeout: float = 60.0
    largest: int = 16 * MEBIBYTE


CONFIGS = {"api": ApiConfig, "webhook": WebhookConfig, "mllp": MllpConfig, "sftp": SftpConfig, "pull": PullConfig}


def check(source: InboundSource) -> None:
    """Raises ``InvalidValue`` for settings that its way doesn't have."""
    config: object = config_of(source, CONFIGS[source.way])
    if isinstance(config, MllpConfig):
        _check_mllp(config)
    if isinstance(config, PullConfig):
        _check_pull(config)
    if isinstance(config, WebhookConfig):
        if not source.secrets:
            raise InvalidValue("A webhook has a secret that signs it: --secret now=VARIABLE.")
        for secret in source.secrets.values():
            key_of(secret)


def _check_mllp(config: MllpConfig) -> None:
    if unknown := sorted(set(config.acks) - set(ACKS)):
        raise InvalidValue(f"acks: unknown outcomes {', '.join(unknown)}; known are {', '.join(ACKS)}.")
    if strange := sorted(set(config.acks.values()) - set(ACKS.values())):
        raise InvalidValue(f"acks: {', '.join(strange)} is no code; they are AA, AE and AR.")
    try:
        _ = [ip_network(network) for network in config.networks]
    except ValueError as error:
        raise InvalidValue(f"networks: {error}. Write them like 10.1.0.0/16.") from None
    if not (config.networks or (config.certificate and config.client_ca) or _is_loopback(config.host)):
        raise InvalidValue(
            f"Everybody who reaches {config.host!r} could send. State networks, or certificate and client_ca."
        )
    if config.client_ca and not config.certificate:
        raise InvalidValue("client_ca asks senders for certificates, which needs TLS: state certificate, too.")


def _check_pull(config: PullConfig) -> None:
    try:
        check_client_auth(config.client_auth)
    except ConfigError as error:
        raise InvalidValue(str(error)) from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def config_of(source: InboundSource, kind: type[T]) -> T:
    """The source's settings. Raises ``InvalidValue``."""
    try:
        return load(kind, source.config)
    except (ConfigError, TypeError) as error:
        raise InvalidValue(f"The configuration of {source.code} can't be used: {error}") from None
