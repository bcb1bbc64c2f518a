"""Targets: the systems that Concord keeps in step, and what each of them subscribes to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from mdm.canonical import DOMAINS, Kind
from mdm.models import SourceSystem
from mdm.models.base import listed
from sync import sealed

MANY = (Kind.LIST, Kind.CHILDREN)


def check_subscriptions(value: Any) -> None:
    """``{"item": {}, "supplier": {"supplier_type": ["distributor"]}}``: domains, each limited to the values given."""
    if not isinstance(value, dict):
        raise ValidationError("Write an object: domain to filter.")
    for domain, wanted in value.items():
        if domain not in DOMAINS:
            raise ValidationError(f"Unknown domain {domain}; known are {', '.join(DOMAINS)}.")
        if not isinstance(wanted, dict) or not all(isinstance(v, list) for v in wanted.values()):
            raise ValidationError(f"The filter of {domain} names a list of values for each attribute.")
        if unknown := sorted(set(wanted) - set(DOMAINS[domain].by_name)):
            raise ValidationError(f"{domain} has no attribute {', '.join(unknown)}.")
        if parts := sorted(n for n in wanted if DOMAINS[domain].by_name[n].kind in (Kind.REFERENCE, *MANY)):
            raise ValidationError(f"A filter asks for plain values; {', '.join(parts)} of {domain} has none.")


class OnDrift(models.TextChoices):
    ASK = "ask", "Leave it until somebody answers"
    OURS = "ours", "Send ours"


class Target(models.Model):
    OnDrift = OnDrift

    code = models.SlugField(max_length=40, unique=True)
    namespace = models.UUIDField(
        default=uuid.uuid4,
        editable=False,
        help_text="Of its idempotency keys: two installations share none.",
    )
    name = models.CharField(max_length=120)
    adapter = models.CharField(max_length=40, help_text="A name in sync.adapters.registry.")
    config = models.JSONField(
        default=dict, blank=True, help_text="Settings of the adapter; names of secrets, not secrets."
    )
    sealed_secrets = models.BinaryField(null=True, blank=True, editable=False)
    system = models.ForeignKey(
        SourceSystem,
        on_delete=models.PROTECT,
        related_name="targets",
        help_text="The same system as a source: whose codes the target keeps, and what of its feeds is echo.",
    )
    subscriptions = models.JSONField(default=dict, validators=[check_subscriptions])
    active = models.BooleanField(default=True, help_text="Off: gets no lanes and no deliveries.")
    paused = models.BooleanField(default=False, help_text="Lanes fill, nothing is sent.")
    paused_reason = models.CharField(max_length=500, blank=True)
    batch_size = models.PositiveSmallIntegerField(default=200, help_text="Records claimed and sent together.")
    lease_seconds = models.PositiveIntegerField(
        default=120, help_text="What a batch may take; then its lanes come due again."
    )
    ack_seconds = models.PositiveIntegerField(default=4 * 3600, help_text="How long a late acknowledgement may take.")
    pace = models.FloatField(default=1.0, help_text="Factor on every wait between attempts; tests and demos hurry.")
    mapping = models.JSONField(default=dict, blank=True, help_text="See sync.fieldmap; empty: as the adapter has it.")
    objectives = models.JSONField(default=dict, blank=True, help_text="See sync.objectives; empty: no alerts.")
    schedule = models.JSONField(default=dict, blank=True, help_text="See sync.schedule; empty: at once, at any time.")
    per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Messages at most; empty: no limit.")
    critical_first = models.BooleanField(
        default=True, help_text="Records of high criticality overtake the others that wait."
    )
    full_sync = models.BooleanField(default=True, help_text="Every live record is sent again each night.")
    on_drift = models.CharField(
        max_length=4,
        choices=OnDrift.choices,
        default=OnDrift.ASK,
        db_default=OnDrift.ASK,
        help_text="Whether that goes over what was found to differ there before anybody has answered.",
    )
    collect_at = models.DateTimeField(
        null=True, blank=True, help_text="When late acknowledgements may next be collected."
    )
    version = models.PositiveIntegerField(default=0, help_text="Of its settings: the number of the newest one kept.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            listed("on_drift", OnDrift.values, "target_on_drift_is_known"),
            models.CheckConstraint(condition=Q(per_minute__gte=1), name="target_throttle_lets_something_through"),
            models.CheckConstraint(condition=Q(pace__gt=0), name="target_pace_is_positive"),
            models.CheckConstraint(condition=Q(batch_size__gte=1), name="target_batch_has_records"),
            models.CheckConstraint(condition=Q(lease_seconds__gte=1), name="target_lease_lasts"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def domains(self) -> tuple[str, ...]:
        """Subscribed domains, those that others refer to first."""
        return tuple(d for d in DOMAINS if d in self.subscriptions)

    @property
    def secrets(self) -> dict[str, str]:
        return sealed.open_box(bytes(self.sealed_secrets)) if self.sealed_secrets else {}

    @secrets.setter
    def secrets(self, values: Mapping[str, str]) -> None:
        self.sealed_secrets = sealed.close_box(values) if values else None

    def wants(self, domain: str, attributes: Mapping[str, Any]) -> bool:
        """Whether a record with these attributes belongs to this target."""
        wanted: Mapping[str, list[Any]] | None = self.subscriptions.get(domain)
        return wanted is not None and all(attributes.get(name) in values for name, values in wanted.items())
