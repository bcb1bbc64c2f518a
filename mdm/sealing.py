"""Secrets at rest: encrypted with keys made from SECRET_KEY; SECRET_KEY_FALLBACKS still open what they encrypted."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def cipher(purpose: str) -> MultiFernet:
    """Each purpose has keys of its own: what was sealed for one can't be passed off as another's."""
    return MultiFernet([Fernet(_key(purpose, each)) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(purpose: str, secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(f"concord {purpose}{secret}".encode()).digest())
