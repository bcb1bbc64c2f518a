"""What comes in as messages: the ways in, each message as it was received, and what became of each of its records."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.db.models import Q

from mdm.models import CodeSystem, DomainName, SourceRecord, SourceSystem
from mdm.models.base import listed
from sync import sealed
from sync.models.feed import FeedRun


class InboundSource(models.Model):
    """One way in which one system tells Concord of its records, and how to read what comes that way."""

    class Way(models.TextChoices):
        API = "api", "Posted with an API key"
        WEBHOOK = "webhook", "Signed webhook"
        MLLP = "mllp", "HL7 listener (MLLP)"
        SFTP = "sftp", "Picked up by SFTP"
        PULL = "pull", "Asked for what has changed"

    FETCHED = ("sftp", "pull")  # ways on which Concord goes there itself

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    system = models.ForeignKey(SourceSystem, on_delete=models.PROTECT, related_name="inbound_sources")
    way = models.CharField(max_length=8, choices=Way.choices)
    format = models.CharField(max_length=20, help_text="A name in sync.inbound.formats.")
    profile = models.JSONField(default=dict, blank=True, help_text="How its messages are read, e.g. where fields are.")
    config = models.JSONField(default=dict, blank=True, help_text="Of the way; names of secrets, not secrets.")
    sealed_secrets = models.BinaryField(null=True, blank=True, editable=False)
    active = models.BooleanField(default=True, help_text="Off: nothing is accepted or fetched.")
    progress = models.JSONField(
        default=dict, blank=True, help_text="How far fetching is: a watermark, or sizes of files as last seen."
    )
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it is fetched from next.")
    fetched_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, help_text="Why it couldn't be fetched from the last time.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]
        constraints = [listed("way", ["api", "webhook", "mllp", "sftp", "pull"], "inbound_source_way_is_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> dict[str, str]:
        return sealed.open_box(bytes(self.sealed_secrets)) if self.sealed_secrets else {}

    @secrets.setter
    def secrets(self, values: Mapping[str, str]) -> None:
        self.sealed_secrets = sealed.close_box(values) if values else None


class InboundMessage(models.Model):
    """A message as it was received, stored before its sender is answered. Its number is its place in the order."""

    class State(models.TextChoices):
        RECEIVED = "received", "Waiting"
        DONE = "done", "Taken"
        PARTLY = "partly", "Taken in part"
        QUARANTINED = "quarantined", "Put aside"
        DISCARDED = "discarded", "Given up"

    OPEN = ("partly", "quarantined")  # a person has to look

    source = models.ForeignKey(InboundSource, on_delete=models.PROTECT, related_name="messages")
    message_id = models.CharField(max_length=200, help_text="The sender's own; else the beginning of the hash.")
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the payload.")
    kind = models.CharField(max_length=40, blank=True, help_text="As the format names it, e.g. MFN^M16 or 832.")
    payload = models.BinaryField(null=True, help_text="As received; empty once it has been pruned.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=11, choices=State.choices, default=State.RECEIVED)
    reason = models.TextField(blank=True, help_text="Why it was put aside, and what to do.")
    conflicts_with = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reply = models.TextField(blank=True, help_text="What the sender was or is to be answered, where the format has it.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Workers that began it and didn't end it.")
    taken = models.PositiveIntegerField(default=0, help_text="Records up to this one have been dealt with.")
    landed = models.PositiveIntegerField(default=0, help_text="Records that are new, changed, unchanged or retired.")
    refused = models.PositiveIntegerField(default=0, help_text="Records that couldn't be taken.")
    superseded = models.PositiveIntegerField(default=0, help_text="Records of which something newer is known.")
    received_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "message_id", "digest"], name="inbound_message_once"),
            listed(
                "state", ["received", "done", "partly", "quarantined", "discarded"], "inbound_message_state_is_known"
            ),
        ]
        indexes = [
            # what waits, in order; the sweep
            models.Index(fields=["source", "id"], name="inbound_message_waiting", condition=Q(state="received")),
            # what a person has to look at
            models.Index(
                fields=["source", "-id"], name="inbound_message_open", condition=Q(state__in=("partly", "quarantined"))
            ),
            # payloads to prune
            models.Index(fields=["received_at"], name="inbound_message_payloads", condition=Q(payload__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"inbound message {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class InboundRecord(models.Model):
    """What became of one record of a message."""

    class Outcome(models.TextChoices):
        NEW = "new", "New"
        CHANGED = "changed", "Changed"
        UNCHANGED = "unchanged", "Unchanged"
        RETIRED = "retired", "Retired"
        SUPERSEDED = "superseded", "Something newer is known"
        REFUSED = "refused", "Put aside"

    HEEDED = ("new", "changed", "unchanged", "retired")  # the system's word on the code as of this message

    message = models.ForeignKey(InboundMessage, on_delete=models.CASCADE, related_name="records")
    position = models.PositiveIntegerField(help_text="In the message, from 1.")
    domain = models.CharField(max_length=12, choices=DomainName.choices, blank=True)
    code_system = models.ForeignKey(CodeSystem, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    code = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    problems = models.JSONField(default=list, blank=True, help_text="Why it couldn't be taken: texts.")
    source_record = models.ForeignKey(SourceRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["message", "position"]
        constraints = [
            models.UniqueConstraint(fields=["message", "position"], name="inbound_record_once_per_message"),
            models.CheckConstraint(
                condition=Q(outcome__in=("refused",)) | Q(code_system__isnull=False),
                name="inbound_record_taken_has_a_code_system",
            ),
        ]
        indexes = [
            # whether something newer about a code has been heeded
            models.Index(fields=["code_system", "code", "message"], name="inbound_record_by_code"),
        ]

    def __str__(self) -> str:
        return f"record {self.position} of inbound message {self.message_id}"


class PickedUp(models.Model):
    """A file that a source's folder held and that was given to an import, so that it is taken once."""

    source = models.ForeignKey(InboundSource, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the file.")
    run = models.ForeignKey(FeedRun, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "name", "digest"], name="picked_up_once"),
        ]

    def __str__(self) -> str:
        return f"file of inbound source {self.source_id}"
