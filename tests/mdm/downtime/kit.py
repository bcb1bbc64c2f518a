"""What tests of downtime packs need besides codes."""

from __future__ import annotations

from django.utils import timezone

from mdm.models import ChangeRequest, GoldenRecord, Substitution, new_change_id
from tests.mdm import kit


def substituted(item: GoldenRecord, other: GoldenRecord, site: GoldenRecord | None, reason: str) -> Substitution:
    """An approved substitute, in force from today on."""
    now, change = timezone.now(), new_change_id()
    people = {"proposer": kit.steward(), "approver": kit.approver()}
    request = ChangeRequest.objects.create(
        kind=ChangeRequest.Kind.SUBSTITUTE, subject=item, other=other, path=site.public_id if site else "",
        expected_version=1, state="approved", proposed_at=now, decided_at=now, reason=reason, **people,
    )  # fmt: skip
    return Substitution.objects.create(
        item=item, substitute=other, site=site, valid_from=timezone.localdate(now), reason=reason, request=request,
        change_id=change, approver=kit.approver(), approved_at=now,
    )  # fmt: skip
