"""Letters: the message of a lane as it was rendered, kept so that every attempt sends the same bytes."""

from __future__ import annotations

from django.db import models

from sync.adapters.base import Message, Rendered
from sync.models.lane import Lane


class Letter(models.Model):
    """The last message of a lane. After its acknowledgement it says what the target should hold."""

    lane = models.OneToOneField(Lane, on_delete=models.CASCADE, primary_key=True, related_name="letter")
    key = models.UUIDField(unique=True, help_text="The idempotency key of (target, record, version, generation).")
    version = models.PositiveIntegerField()
    generation = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    payload = models.JSONField()
    body = models.BinaryField()
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"letter of lane {self.lane_id}"

    @property
    def message(self) -> Message:
        return Message(
            key=str(self.key),
            record=self.payload["id"],
            domain=self.payload["domain"],
            version=self.version,
            generation=self.generation,
            kind=self.kind,
            payload=self.payload,
        )

    @property
    def rendered(self) -> Rendered:
        return Rendered(self.message, bytes(self.body))
