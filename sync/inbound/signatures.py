"""Signatures of webhooks that come in, as Standard Webhooks have it.

``webhook-signature`` holds one or several ``v1,<base64 of HMAC-SHA256 over id.timestamp.body>``, and a source may have
several secrets: so either side can replace a secret without a message being lost.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Mapping

from mdm.exceptions import ConcordError, InvalidValue
from sync.webhooks import sign

PREFIX = "whsec_"


class BadSignature(ConcordError):
    """The webhook isn't signed by a secret of this source, or its time is too far from ours. Nothing was kept."""

    status = 401
    code = "bad-signature"


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str], tolerance: int) -> str:
    """The message's id. ``tolerance``: seconds. Raises ``BadSignature``."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not stamp.isdecimal() or abs(time.time() - int(stamp)) > tolerance:
        raise BadSignature
    sent = [one.encode() for one in headers.get("webhook-signature", "").split()]
    ours = [sign(key_of(secret), name, int(stamp), body).encode() for secret in secrets]
    # every pair is compared, so that the time it takes tells nothing
    if not sum(hmac.compare_digest(one, own) for one in sent for own in ours):
        raise BadSignature
    return name


def key_of(secret: str) -> bytes:
    """The key that ``whsec_…`` stands for, in base64 with its padding or without. Raises ``InvalidValue``."""
    text = secret.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 24:
        raise InvalidValue("A webhook's secret is whsec_ and at least 24 bytes in base64.")
    return key
