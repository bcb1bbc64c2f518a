"""People and machines that act: users with roles, and API keys."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils import timezone

from mdm import permissions

SYSTEM_USERNAME = "concord"


class Users(UserManager["User"]):
    def system(self) -> User:
        """The actor of everything Concord decides by itself. Can't log in, can't approve."""
        user, made = self.get_or_create(
            username=SYSTEM_USERNAME, defaults={"first_name": "Concord", "is_active": False}
        )
        if made:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        return user


class User(AbstractUser):
    preferences = models.JSONField(default=dict, blank=True)
    simulated = models.BooleanField(
        default=False, help_text="A simulated steward of the demo; labelled so wherever shown."
    )

    # While an API key speaks for the user: what its scopes and the user's roles both allow.
    granted: frozenset[str] | None = None
    api_key: int = 0  # its id

    objects = Users()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):
        permissions = [(name.removeprefix("mdm."), text) for name, text in permissions.DESCRIPTIONS.items()]

    def __str__(self) -> str:
        return self.display_name

    @property
    def is_system(self) -> bool:
        return self.username == SYSTEM_USERNAME

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    @property
    def initials(self) -> str:
        words = self.display_name.replace(".", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"

    def has_permission(self, permission: str) -> bool:
        if self.granted is not None:
            return permission in self.granted
        if self.is_system:
            return permission != permissions.APPROVE
        return self.has_perm(permission)


class ApiKeys(models.Manager["ApiKey"]):
    def issue(self, *, user: User, name: str, scopes: list[str], expires_at: Any = None) -> tuple[ApiKey, str]:
        """Make a key. The secret is returned once and never stored: only its peppered hash is."""
        prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = self.create(
            user=user, name=name, scopes=scopes, expires_at=expires_at, prefix=prefix, hashed=ApiKey.hash(secret)
        )
        return key, f"ck_{prefix}_{secret}"

    def authenticate(self, token: str) -> ApiKey | None:
        """The live key that this token belongs to, or None. Compares in constant time."""
        kind, _, rest = token.partition("_")
        prefix, _, secret = rest.partition("_")
        if kind != "ck" or not secret:
            return None
        key = self.select_related("user").filter(prefix=prefix).first()
        if key is None or not hmac.compare_digest(key.hashed, ApiKey.hash(secret)):
            return None
        return key if key.is_live else None


class ApiKey(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=8, unique=True)
    hashed = models.CharField(max_length=64)
    scopes = models.JSONField(default=list, help_text="Permissions, a subset of the user's own.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeys()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"API key {self.prefix}"

    @property
    def is_live(self) -> bool:
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.revoked_at is None and not expired and self.user.is_active

    @staticmethod
    def hash(secret: str) -> str:
        return hmac.new(settings.API_KEY_PEPPER.encode(), secret.encode(), hashlib.sha256).hexdigest()
