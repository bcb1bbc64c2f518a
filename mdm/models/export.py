"""Tables of golden records that somebody asked for, written by a worker and kept for some days."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models.base import DomainName, listed


class Export(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WRITING = "writing", "Being written"
        DONE = "done", "Ready"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Deleted"

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="exports")
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    format = models.CharField(max_length=4, choices=Format.choices)
    filter = models.JSONField(default=dict, help_text="As mdm.filters.Filter.parameters.")
    columns = models.JSONField(default=list, help_text="Names of attributes, in order.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    rows = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    path = models.CharField(max_length=255, blank=True, help_text="Below MEDIA_ROOT.")
    seen = models.BooleanField(default=False, help_text="Its owner has been told that it is ready.")
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            listed("state", ("waiting", "writing", "done", "failed", "expired"), "export_state_is_known"),
            models.CheckConstraint(condition=~Q(state="done") | ~Q(path=""), name="export_done_has_a_file"),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="export_of_user")]

    def __str__(self) -> str:
        return f"export {self.pk}"
