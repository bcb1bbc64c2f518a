"""Taking apart what should not be together: unmerge a wrong merge, or split sources off into a record of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused, Stale
from mdm.locks import lock_records
from mdm.models import AuditEntry, ChangeEvent, GoldenRecord, Judgement, SourceRecord, User
from mdm.services import crosswalk, substitution
from mdm.services.change import writable
from mdm.services.follow import rebuild_naming
from mdm.services.judgements import judge, members
from mdm.services.storage import new_goldens
from mdm.services.survive import recompute


@transaction.atomic
def unmerge(*, loser: GoldenRecord, actor: User, reason: str, apart: bool = True) -> GoldenRecord:
    """Undo a merge: the old id lives again with the sources it brought. ``apart``: they are judged different, so that
    no re-match joins them again.
    """
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    loser, survivor = _merged_pair(loser)
    entry = _merge_of(loser)
    brought = entry.after or {}
    moved = _with(survivor, brought["sources"])
    if not moved:
        raise Refused(f"None of the sources that {loser.public_id} brought is with {survivor.public_id} any more.")
    if len(moved) == len(members(survivor)):
        raise Refused(f"All that is left of {survivor.public_id} came from {loser.public_id}; it would be empty.")
    change = Change.begin(actor, "unmerge", reason)
    GoldenRecord.objects.filter(pk=loser.pk).update(status=brought["was"], merged_into=None)
    absorbed = GoldenRecord.objects.filter(pk__in=_absorbed(entry), merged_into=survivor)
    if loser.is_published:
        change.together.update({g.pk: g.public_id for g in (survivor, loser, *absorbed)})
    absorbed.update(merged_into=loser)
    crosswalk.move_given(change, survivor.pk, loser.pk, brought["codes"])
    substitution.follow_unmerge(change, entry.change_id, loser, survivor)
    _move(change, moved, survivor, loser, apart=apart, kinds={loser.pk: ChangeEvent.Kind.UNMERGED})
    return GoldenRecord.objects.get(pk=loser.pk)


def _merged_pair(loser: GoldenRecord) -> tuple[GoldenRecord, GoldenRecord]:
    """(loser, survivor), locked."""
    loser = GoldenRecord.objects.select_related("merged_into").get(pk=loser.pk)
    if loser.merged_into is None:
        raise Refused(f"{loser.public_id} is not merged into another record.")
    loser, survivor = lock_records(loser, loser.merged_into)
    if loser.merged_into_id != survivor.pk:
        raise Stale
    return loser, survivor


def _merge_of(golden: GoldenRecord) -> AuditEntry:
    entry = AuditEntry.objects.filter(golden=golden, after__has_key="into").order_by("-pk").first()
    if entry is None:
        raise Refused(f"No record of how {golden.public_id} was merged. Split the sources off instead.")
    return entry


def _absorbed(entry: AuditEntry) -> list[int]:
    """Records that had been merged into the loser before, and not merged anew since."""
    found = (entry.after or {})["absorbed"]
    since = AuditEntry.objects.filter(golden__in=found, after__has_key="into", pk__gt=entry.pk)
    return sorted(set(found) - set(since.values_list("golden", flat=True)))


def _with(golden: GoldenRecord, sources: Iterable[int]) -> list[SourceRecord]:
    found = SourceRecord.objects.select_related("code_system").filter(pk__in=list(sources), golden=golden)
    return list(found.order_by("pk"))


@transaction.atomic
def split(*, golden: GoldenRecord, sources: Sequence[SourceRecord], actor: User, reason: str) -> GoldenRecord:
    """Give some of a record's sources a golden record of their own; returns the new one."""
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    lock_records(golden)
    golden = writable(golden)
    wanted = {s.pk for s in sources}
    moved = _with(golden, wanted)
    if len(moved) != len(wanted) or not moved:
        raise Refused(f"Choose sources of {golden.public_id}; some of these aren't.")
    if len(moved) == len(members(golden)):
        raise Refused("At least one source must stay.")
    change = Change.begin(actor, "split", reason)
    fresh = new_goldens(golden.domain, 1, change)[0]
    change.together.update({g.pk: g.public_id for g in (golden, fresh)})
    _move(change, moved, golden, fresh, apart=True, fresh={fresh.pk: fresh})
    return GoldenRecord.objects.get(pk=fresh.pk)


def _move(
    change: Change,
    moved: Sequence[SourceRecord],
    old: GoldenRecord,
    new: GoldenRecord,
    *,
    apart: bool,
    fresh: Mapping[int, GoldenRecord] | None = None,
    kinds: Mapping[int, str] | None = None,
) -> None:
    leaving = [source.pk for source in moved]
    if apart:
        judge(change, leaving, set(members(old)) - set(leaving), Judgement.Verdict.DIFFERENT)
    SourceRecord.objects.filter(pk__in=leaving).update(golden=new.pk)
    for source in moved:
        source.golden_id = new.pk
    crosswalk.move_sources(change, moved)
    both = [old.pk, new.pk]
    recompute(change, old.domain, both, fresh=fresh, relinked=both, kinds=kinds)
    rebuild_naming(change, old)


def parted_from(golden: GoldenRecord) -> list[str]:
    """Public ids of the published records that were split off from this one and stand by themselves."""
    named = ChangeEvent.objects.filter(others__contains=[golden.public_id]).exclude(others=[])
    parted = named.filter(kind=ChangeEvent.Kind.CREATED, record__approved_version__gt=0)
    return sorted(set(parted.values_list("record__public_id", flat=True)))
