"""How good matching is in one domain, from what people decided since: each figure with its counts and an interval."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from matching.measures import Share
from mdm.models import AuditEntry, Check, GoldenRecord, Judgement, SourceRecord, WorkItem

Kind, State, Reason = WorkItem.Kind, SourceRecord.State, SourceRecord.LinkReason


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of a domain.

    ``review_rate``: of the records, those that a steward was asked about. ``precision``: of the automatic links, those
    that are right: the answers to a random sample of those that stand, less those that were split since. ``recall``: of
    the links known to be right, those made automatically; ``recall_with_reviews``: or asked about. Duplicates that
    nobody has found yet count in neither, so both are at most this.
    """

    domain: str
    review_rate: Share
    precision: Share
    recall: Share
    recall_with_reviews: Share
    automatic: int  # automatic links
    split: int  # of these, split by a person since
    accepted: int  # links that a steward made of a doubtful record
    merged: int  # golden records merged by a person
    confirmed: int  # of these, those that the engine had asked about

    @property
    def notes(self) -> list[str]:
        """What is not yet to be relied on, and why."""
        figures = {"review rate": self.review_rate, "precision": self.precision, "recall": self.recall}
        return [
            f"Not enough decisions for the {name}: {share.whole} so far"
            + (". Plan a sample of automatic links" if name == "precision" else "")
            for name, share in figures.items()
            if not share.enough
        ]

    def to_json(self) -> dict[str, Any]:
        shares = {
            "review_rate": self.review_rate,
            "precision": self.precision,
            "recall": self.recall,
            "recall_with_reviews": self.recall_with_reviews,
        }
        counts = ("automatic", "split", "accepted", "merged", "confirmed")
        return {
            "domain": self.domain,
            **{name: share.to_json() for name, share in shares.items()},
            "counts": {name: getattr(self, name) for name in counts},
            "notes": self.notes,
        }


def accuracy(domain: str, since: dt.datetime | None = None) -> Accuracy:
    """Measure a domain; of what was linked, merged and decided since then, if given."""
    since = since or dt.datetime.min.replace(tzinfo=dt.UTC)
    linked = SourceRecord.objects.filter(domain=domain, linked_at__gte=since)
    automatic = linked.filter(link_reason=Reason.AUTO).count()
    split = _split(domain, since)
    items = WorkItem.objects.filter(domain=domain, resolved_at__gte=since)
    accepted = items.filter(kind=Kind.POSSIBLE_MATCH, resolution="accepted").count()
    gone = GoldenRecord.objects.filter(domain=domain, status=GoldenRecord.Status.MERGED, updated_at__gte=since)
    merged = gone.count()
    asked = items.filter(kind=Kind.POSSIBLE_DUPLICATE, resolution__in=("merged", "proposed"))
    confirmed = min(merged, asked.filter(Q(golden__in=gone) | Q(other__in=gone)).count())
    right = automatic - split
    return Accuracy(
        domain=domain,
        review_rate=_review_rate(domain, since),
        precision=_precision(domain, since, standing=right / automatic if automatic else 1.0),
        recall=Share(right, right + accepted + merged),
        recall_with_reviews=Share(right + accepted + confirmed, right + accepted + merged),
        automatic=automatic,
        split=split,
        accepted=accepted,
        merged=merged,
        confirmed=confirmed,
    )


def _review_rate(domain: str, since: dt.datetime) -> Share:
    """Records that came since then; one that was settled before anybody looked at it counts as not asked about."""
    items = WorkItem.objects.filter(source=OuterRef("pk"), kind=Kind.POSSIBLE_MATCH)
    records = SourceRecord.objects.filter(
        domain=domain, first_seen_at__gte=since, state__in=(State.LINKED, State.REVIEW)
    )
    asked = records.filter(Exists(items.exclude(state=WorkItem.State.CANCELLED)))
    return Share(asked.count(), records.count())


def _precision(domain: str, since: dt.datetime, standing: float) -> Share:
    """The sample speaks for the links that stand; ``standing`` is their share of all."""
    answered = Check.objects.filter(
        domain=domain, kind=Check.Kind.SAMPLE, answered_at__gte=since, first__golden=F("second__golden")
    )
    return Share(answered.filter(same=True).count(), answered.count(), standing)


def _split(domain: str, since: dt.datetime) -> int:
    """Automatic links that a person has taken apart: splits in which the link that came later was automatic."""
    splits = AuditEntry.objects.filter(action="split", at__gte=since, golden__domain=domain).values("change_id")
    told = AuditEntry.objects.filter(action="judgement", change_id__in=splits).values_list("change_id", "after")
    changes = {pk: change for change, after in told for pk in (after or {}).get("judgements", [])}
    pairs = Judgement.objects.filter(pk__in=changes, first__linked_at__gte=since, second__linked_at__gte=since)
    rows = pairs.select_related("first", "second").only(
        "first__linked_at", "first__link_reason", "second__linked_at", "second__link_reason"
    )
    return len({changes[row.pk] for row in rows if _made_automatically(row.first, row.second)})


def _made_automatically(*ends: SourceRecord) -> bool:
    """How the later of two records was linked; of two linked at once, the one that did not found the golden record."""
    later = max(ends, key=lambda end: (end.linked_at, end.link_reason != Reason.NEW))
    return later.link_reason == Reason.AUTO
