"""Secrets of targets at rest: encrypted with a key made from SECRET_KEY; SECRET_KEY_FALLBACKS still open old ones."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.fernet import InvalidToken

from mdm import sealing

PURPOSE = "target secrets"


class SealBroken(Exception):
    """The target's secrets can't be read: SECRET_KEY changed.

    Put the old key in SECRET_KEY_FALLBACKS, or enter the secrets again.
    """

    def __init__(self) -> None:
        super().__init__(" ".join((self.__doc__ or "").split()))


def close_box(values: Mapping[str, str]) -> bytes:
    return sealing.cipher(PURPOSE).encrypt(json.dumps(dict(values), sort_keys=True).encode())


def open_box(box: bytes) -> dict[str, str]:
    """Raises SealBroken when no known key fits."""
    try:
        opened: dict[str, str] = json.loads(sealing.cipher(PURPOSE).decrypt(box))
    except InvalidToken:
        raise SealBroken from None
    return opened
