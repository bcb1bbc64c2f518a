"""The audit log: who did what, when and why. Append-only by trigger."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mdm.models.golden import GoldenRecord


class AuditEntry(models.Model):
    """Written in the transaction of what it tells. Values of golden records are in the history rows it points to by
    (golden, version); ``before`` and ``after`` hold only what has no history of its own, such as a work item's state.
    """

    at = models.DateTimeField()
    # The database doesn't check whom and what the log names: neither can be deleted, and it is most of what is written.
    # Their indexes: audit_entry_by_actor, audit_entry_by_golden.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    action = models.CharField(max_length=40)
    golden = models.ForeignKey(
        GoldenRecord,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="audit",
        db_constraint=False,
        db_index=False,
    )
    version = models.PositiveIntegerField(null=True, blank=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    change_id = models.UUIDField()
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["golden", "-id"], name="audit_entry_by_golden"),
            models.Index(fields=["object_type", "object_id"], name="audit_entry_by_object"),
            models.Index(fields=["change_id"], name="audit_entry_by_change"),
            # the log, narrowed to a person or to a kind of action
            models.Index(fields=["actor", "-id"], name="audit_entry_by_actor"),
            models.Index(fields=["action", "-id"], name="audit_entry_by_action"),
            # what people took apart, for the precision of automatic links
            models.Index(fields=["at"], name="audit_entry_splits", condition=models.Q(action="split")),
        ]

    def __str__(self) -> str:
        return f"audit entry {self.pk}"
