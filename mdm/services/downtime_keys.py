"""The keys that sign downtime packs: made once, sealed, rotated, and told to whoever must check a pack."""

from __future__ import annotations

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mdm import permissions, sealing
from mdm.changes import Change
from mdm.downtime import signing
from mdm.exceptions import Refused
from mdm.locks import lock_name
from mdm.models import DowntimeKey, User

PURPOSE = "downtime key"


class KeyLost(Refused):
    """The key that signs downtime packs can't be opened, as SECRET_KEY has changed. Put the earlier value into
    SECRET_KEY_FALLBACKS, or make a new key: manage.py downtime_pack --new-key.
    """

    code = "key-lost"


@transaction.atomic
def current() -> DowntimeKey:
    """The key that signs; the first one is made when it is first asked for."""
    found = DowntimeKey.objects.filter(retired_at__isnull=True).first()
    if found is None:
        lock_name("downtime", "key")
        found = DowntimeKey.objects.filter(retired_at__isnull=True).first()
    return found or _make(Change.begin(User.objects.system(), "downtime_key.make"))


def _make(change: Change) -> DowntimeKey:
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    made = DowntimeKey.objects.create(
        name=signing.named(public),
        public=signing.text(public),
        sealed=sealing.cipher(PURPOSE).encrypt(private.private_bytes_raw()),
        made_at=change.at,
    )
    change.audit(about=made, after={"name": made.name})
    return made


def sign(key: DowntimeKey, content: bytes) -> bytes:
    """64 bytes. Raises ``KeyLost``."""
    try:
        private = sealing.cipher(PURPOSE).decrypt(bytes(key.sealed))
    except InvalidToken:
        raise KeyLost from None
    return Ed25519PrivateKey.from_private_bytes(private).sign(content)


@transaction.atomic
def rotate(*, actor: User, reason: str, distrust: bool = False) -> DowntimeKey:
    """Sign with a new key from now on; the private half of the old one is destroyed.

    ``distrust``: the old one, or one before it, may be in wrong hands. What any of them signed is neither published nor
    handed out any more; tell the sites to forget their public keys.
    """
    permissions.require(actor, permissions.ADMINISTER)
    lock_name("downtime", "key")
    change = Change.begin(actor, "downtime_key.rotate", reason)
    earlier = Q(distrusted=False) if distrust else Q(retired_at__isnull=True)  # the one that signs is not distrusted
    for old in DowntimeKey.objects.select_for_update().filter(earlier):
        old.retired_at, old.sealed, old.distrusted = old.retired_at or change.at, b"", distrust
        old.save(update_fields=["retired_at", "sealed", "distrusted"])
        change.audit(about=old, after={"name": old.name, "distrusted": distrust})
    return _make(change)


def published() -> list[Ed25519PublicKey]:
    """The key that signs, then those whose packs are still in date."""
    signed = Q(packs__expires_at__gt=timezone.now(), packs__state="done")
    current()
    rows = DowntimeKey.objects.filter(Q(retired_at__isnull=True) | signed, distrusted=False).distinct()
    return [signing.read(row.public)[0] for row in rows]
