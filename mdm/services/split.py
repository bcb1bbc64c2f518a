"""Taking apart what should not be together: unmerge a wrong merge, or split sources off into a record of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Q

from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import NeedsReason, Refused
from mdm.models import AuditEntry, ChangeEvent, Crosswalk, GoldenRecord, Judgement, SourceRecord, User
from mdm.services import crosswalk
from mdm.services.change import writable
from mdm.services.storage import new_goldens
from mdm.services.survive import recompute

Status = GoldenRecord.Status


@transaction.atomic
def unmerge(*, loser: GoldenRecord, actor: User, reason: str, apart: bool = True) -> GoldenRecord:
    """Undo a merge: the old id lives again with the sources it brought. ``apart``: they are judged different, so that
    no re-match joins them again.
    """
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    loser = GoldenRecord.objects.select_related("merged_into").get(pk=loser.pk)
    if loser.merged_into is None:
        raise Refused(f"{loser.public_id} is not merged into another record.")
    survivor = writable(loser.merged_into)
    brought = _brought(loser)
    moved = list(
        SourceRecord.objects.select_related("code_system").filter(pk__in=brought, golden=survivor).order_by("pk")
    )
    if not moved:
        raise Refused(f"None of the sources that {loser.public_id} brought is with {survivor.public_id} any more.")
    change = Change.begin(actor, "unmerge", reason)
    status = Status.LIVE if loser.approved_version else Status.DRAFT
    GoldenRecord.objects.filter(pk=loser.pk).update(status=status, merged_into=None)
    _give_back_absorbed(loser, survivor)
    _move(change, moved, survivor, loser, apart=apart)
    return GoldenRecord.objects.get(pk=loser.pk)


def _brought(loser: GoldenRecord) -> list[int]:
    entry = AuditEntry.objects.filter(golden=loser, after__has_key="into").order_by("-id").first()
    if entry is None or entry.after is None:
        raise Refused(f"No record of how {loser.public_id} was merged. Split the sources off instead.")
    return list(entry.after["sources"])


def _give_back_absorbed(loser: GoldenRecord, survivor: GoldenRecord) -> None:
    """Records that had been merged into the loser before redirect to it again."""
    told = AuditEntry.objects.filter(after__into=loser.public_id).values("golden")
    GoldenRecord.objects.filter(merged_into=survivor, pk__in=told).update(merged_into=loser)


@transaction.atomic
def split(*, golden: GoldenRecord, sources: Sequence[SourceRecord], actor: User, reason: str) -> GoldenRecord:
    """Give some of a record's sources a golden record of their own; returns the new one."""
    permissions.require(actor, permissions.CHANGE_IDENTITY)
    if not reason.strip():
        raise NeedsReason
    golden = writable(golden)
    wanted = {s.pk for s in sources}
    moved = list(SourceRecord.objects.select_related("code_system").filter(pk__in=wanted, golden=golden).order_by("pk"))
    if len(moved) != len(wanted) or not moved:
        raise Refused(f"Choose sources of {golden.public_id}; some of these aren't.")
    if not SourceRecord.objects.filter(golden=golden).exclude(pk__in=wanted).exists():
        raise Refused("At least one source must stay.")
    change = Change.begin(actor, "split", reason)
    fresh = new_goldens(golden.domain, 1, change)[0]
    _move(change, moved, golden, fresh, apart=True, is_new=True)
    return GoldenRecord.objects.get(pk=fresh.pk)


def _move(
    change: Change,
    moved: Sequence[SourceRecord],
    old: GoldenRecord,
    new: GoldenRecord,
    *,
    apart: bool,
    is_new: bool = False,
) -> None:
    staying = SourceRecord.objects.filter(golden=old).exclude(pk__in=[s.pk for s in moved])
    if apart:
        judge(change, moved, staying, Judgement.Verdict.DIFFERENT)
    for source in moved:
        source.golden_id = new.pk
    SourceRecord.objects.filter(pk__in=[s.pk for s in moved]).update(golden=new.pk)
    crosswalk.move_sources(change, moved)
    Crosswalk.objects.filter(golden=new.pk, source__isnull=True, known_to__isnull=True).update(known_to=change.at)
    recompute(
        change,
        old.domain,
        [old.pk, new.pk],
        fresh={new.pk: new} if is_new else {},
        relinked=[old.pk, new.pk],
        kinds={} if is_new else {new.pk: ChangeEvent.Kind.UNMERGED},
    )


def judge(
    change: Change,
    some: Iterable[SourceRecord],
    others: Iterable[SourceRecord],
    verdict: str,
    *,
    score: float | None = None,
) -> list[Judgement]:
    """Record what a person decided about each pair. A newer verdict about the same pair ends the older one."""
    pairs = sorted({(min(a.pk, b.pk), max(a.pk, b.pk)) for a in some for b in list(others) if a.pk != b.pk})
    made = []
    for first, second in pairs:
        standing = Judgement.objects.filter(first=first, second=second, reopened_at__isnull=True).first()
        if standing is not None and standing.verdict == verdict:
            made.append(standing)
            continue
        if standing is not None:
            end_judgement(change, standing)
        made.append(
            Judgement.objects.create(
                first_id=first,
                second_id=second,
                verdict=verdict,
                author=change.actor,
                reason=change.reason,
                score=score,
            )
        )
    change.audit(action="judgement", after={"verdict": verdict, "pairs": pairs})
    return made


def end_judgement(change: Change, judgement: Judgement) -> None:
    judgement.reopened_at, judgement.reopened_by = change.at, change.actor
    judgement.save(update_fields=["reopened_at", "reopened_by"])
    change.audit(about=judgement, action="judgement.reopened", after={"verdict": judgement.verdict})


def rejected_between(some: Iterable[int], others: Iterable[int]) -> bool:
    """Whether a person said of any pair across that they are not the same."""
    some, others = list(some), list(others)
    return Judgement.objects.filter(
        Q(first__in=some, second__in=others) | Q(first__in=others, second__in=some),
        verdict=Judgement.Verdict.DIFFERENT,
        reopened_at__isnull=True,
    ).exists()
