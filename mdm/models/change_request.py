"""Every action that needs a second person."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mdm.models.golden import GoldenRecord
from mdm.models.policy import Policy
from mdm.models.source import SourceRecord


class ChangeRequest(models.Model):
    class Kind(models.TextChoices):
        MERGE = "merge", "Merge two golden records"
        RETIRE = "retire", "Retire a golden record"
        GUARDED_VALUE = "guarded_value", "Change a guarded value"
        POLICY = "policy", "Change a policy"
        SUBSTITUTE = "substitute", "Allow a substitute"
        TARGET_VALUE = "target_value", "Take over a target's value"

    class State(models.TextChoices):
        OPEN = "open", "Waiting for approval"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    subject = models.ForeignKey(
        GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="change_requests"
    )
    other = models.ForeignKey(GoldenRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    policy = models.OneToOneField(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="change_request",
        help_text="The version of the rules that is proposed.",
    )  # fmt: skip
    touched = models.ManyToManyField(
        SourceRecord,
        blank=True,
        related_name="+",
        help_text="What the proposed rules would decide differently; looked at anew once they are in force.",
    )
    path = models.CharField(max_length=80, blank=True, help_text='An attribute; of rules, which: "match:item".')
    expected_version = models.PositiveIntegerField(
        help_text="The version of the subject, or of the rules in force, that the approver sees."
    )
    expected_other_version = models.PositiveIntegerField(null=True, blank=True)
    diff = models.JSONField(default=dict, help_text="What it does: {path: {before, after}} or the merge's outcome.")
    reason = models.CharField(max_length=500)
    proposer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(approver__isnull=True) | ~Q(approver=F("proposer")),
                name="change_request_nobody_approves_their_own",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "withdrawn"]) | Q(approver__isnull=False),
                name="change_request_decided_names_who",
            ),
            models.CheckConstraint(
                condition=Q(kind="policy", policy__isnull=False) | (~Q(kind="policy") & Q(policy__isnull=True)),
                name="change_request_of_rules_names_them",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject", "path", "other"],
                nulls_distinct=False,
                condition=Q(state="open"),
                name="change_request_one_open_per_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"change request {self.pk}"

    @property
    def guardrails(self) -> list[dict[str, Any]]:
        """Of match rules: what an approver must know; see ``mdm.services.guardrails``."""
        return list(self.diff.get("guardrails", [])) if self.kind == self.Kind.POLICY else []

    @property
    def to_read(self) -> list[dict[str, Any]]:
        """The guardrails that aren't passed: whoever approves says why."""
        return [line for line in self.guardrails if not line["passed"]]


def new_change_id() -> uuid.UUID:
    """Names everything that one action changes: history, audit, events, crosswalk rows."""
    return uuid.uuid4()
