"""Tables of golden records that somebody asked for, written by a worker and kept for some days."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models.base import DomainName, listed
from mdm.models.job import Job


class Export(Job):
    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="exports")
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    format = models.CharField(max_length=4, choices=Format.choices)
    filter = models.JSONField(default=dict, help_text="As mdm.filters.Filter.parameters.")
    columns = models.JSONField(default=list, help_text="Names of attributes, in order.")
    rows = models.PositiveIntegerField(default=0)
    path = models.CharField(max_length=255, blank=True, help_text="Below MEDIA_ROOT.")
    seen = models.BooleanField(default=False, help_text="Its owner has been told that it is ready.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            listed("state", Job.State.values, "export_state_is_known"),
            models.CheckConstraint(condition=~Q(state="done") | ~Q(path=""), name="export_done_has_a_file"),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="export_of_user")]

    def __str__(self) -> str:
        return f"export {self.pk}"
