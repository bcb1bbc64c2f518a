"""Judgements: what people decided about pairs of source records, which outlives every re-match."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from mdm.changes import Change
from mdm.models import GoldenRecord, Judgement, SourceRecord


def members(golden: GoldenRecord) -> list[int]:
    """Ids of the source records of a golden record."""
    return list(SourceRecord.objects.filter(golden=golden).order_by("pk").values_list("pk", flat=True))


def judge(
    change: Change, some: Iterable[int], others: Iterable[int], verdict: str, *, score: float | None = None
) -> list[Judgement]:
    """Record what a person decided about each pair of source records across; returns the judgements that are new.

    A newer verdict about the same pair ends the older one.
    """
    pairs = {(min(a, b), max(a, b)) for b in list(others) for a in some if a != b}
    standing = {
        (j.first_id, j.second_id): j
        for j in Judgement.objects.filter(
            first__in={a for a, _ in pairs}, second__in={b for _, b in pairs}, reopened_at__isnull=True
        )
    }
    fresh = []
    for pair in sorted(pairs):
        known = standing.get(pair)
        if known is not None and known.verdict == verdict:
            continue
        if known is not None:
            end_judgement(change, known)
        first, second = pair
        fresh.append(
            Judgement(
                first_id=first,
                second_id=second,
                verdict=verdict,
                author=change.actor,
                reason=change.reason,
                score=score,
            )
        )
    made = Judgement.objects.bulk_create(fresh)
    if made:
        change.audit(action="judgement", after={"verdict": verdict, "judgements": [j.pk for j in made]})
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
