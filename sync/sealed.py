"""Secrets of targets at rest: encrypted with a key made from SECRET_KEY; SECRET_KEY_FALLBACKS still open old ones."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SealBroken(Exception):
    """The target's secrets can't be read: SECRET_KEY changed.

    Put the old key in SECRET_KEY_FALLBACKS, or enter the secrets again.
    """

    def __init__(self) -> None:
        super().__init__(" ".join((self.__doc__ or "").split()))


def close_box(values: Mapping[str, str]) -> bytes:
    return _cipher().encrypt(json.dumps(dict(values), sort_keys=True).encode())


def open_box(box: bytes) -> dict[str, str]:
    """Raises SealBroken when no known key fits."""
    try:
        opened: dict[str, str] = json.loads(_cipher().decrypt(box))
    except InvalidToken:
        raise SealBroken from None
    return opened


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"concord target secrets" + secret.encode()).digest())
