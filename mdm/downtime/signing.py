"""Ed25519 keys and how they are written: as JSON Web Keys (RFC 8037), named by their thumbprint (RFC 7638)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

Keys = Mapping[str, Ed25519PublicKey]  # by name
JWK_PARTS = {"kty": "OKP", "crv": "Ed25519"}


class NoKey(ValueError):
    """This is no Ed25519 public key."""


def text(key: Ed25519PublicKey) -> str:
    """43 characters, as the ``x`` of a JSON Web Key."""
    return _base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def named(key: Ed25519PublicKey) -> str:
    """Its thumbprint: names it, and lets two people compare a key over the telephone."""
    said = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": text(key)}, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(said.encode()).digest())


def jwk(key: Ed25519PublicKey) -> dict[str, str]:
    return {**JWK_PARTS, "x": text(key), "kid": named(key), "use": "sig", "alg": "EdDSA"}


def pem(key: Ed25519PublicKey) -> str:
    """For other tools, such as openssl."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def by_name(keys: Iterable[Ed25519PublicKey]) -> dict[str, Ed25519PublicKey]:
    return {named(key): key for key in keys}


def read(said: str) -> list[Ed25519PublicKey]:
    """Public keys from what people have at hand: a key set as the API publishes it, a PEM, or the bare text of a key.

    Raises ``NoKey``.
    """
    said = said.strip()
    try:
        if said.startswith("{"):
            told = json.loads(said)
            return [_of_jwk(one) for one in told.get("keys", [told])]
        if said.startswith("-----"):
            return [_ed25519(load_pem_public_key(said.encode()))]
        return [_of_text(said)]
    except (ValueError, TypeError, AttributeError, KeyError, UnsupportedAlgorithm) as error:
        raise NoKey(f"{said[:60]!r} is no Ed25519 public key.") from error


def _of_jwk(said: Mapping[str, str]) -> Ed25519PublicKey:
    if {name: said[name] for name in JWK_PARTS} != JWK_PARTS:
        raise NoKey
    return _of_text(said["x"])


def _of_text(said: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(said + "=" * (-len(said) % 4), b"-_", validate=True))


def _ed25519(key: object) -> Ed25519PublicKey:
    if not isinstance(key, Ed25519PublicKey):
        raise NoKey
    return key


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
