"""Comparing by buckets: where a target can sum up what it holds, only what departs is read back.

Records fall into buckets by their public id. Each side sums up the records of a bucket, as they are there and as they
should be there; a bucket whose sums are equal is in step, and only the others are read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sync import pins
from sync.adapters.base import Adapter, Digesting, TargetRecord, bucket_of
from sync.models import Lane, Letter, Target

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Compared:
    number: int  # of buckets
    differing: frozenset[int]  # those that have to be read
    equal: int  # records of the others

    def has(self, public_id: str) -> bool:
        """Whether the record is in a bucket that has to be read."""
        return bucket_of(public_id, self.number) in self.differing


def under_way(lane: Lane, since: dt.datetime) -> bool:
    """What the target should hold can't be said: a delivery is under way, or has come to its end since then."""
    letter: Letter | None = getattr(lane, "letter", None)
    return (
        letter is None
        or lane.due_at is not None
        or lane.changed_at >= since
        or (letter.version, letter.generation) != (lane.acked, lane.acked_generation)
    )


def compare(target: Target, adapter: Adapter, domain: str, since: dt.datetime) -> Compared | None:
    """Which buckets depart; None where the target has no sums. ``since``: before it was asked. Raises PeerError."""
    theirs = adapter.digests(domain) if isinstance(adapter, Digesting) else None
    if not theirs or not isinstance(adapter, Digesting):
        return None
    ours, counts, moving = [0] * len(theirs), [0] * len(theirs), set()
    for lane, record in _should_hold(target, adapter, domain, since):
        bucket = bucket_of(lane.record.public_id, len(theirs))
        counts[bucket] += 1
        if record is None:
            moving.add(bucket)
        else:
            ours[bucket] ^= adapter.digest(domain, record)
    differing = moving | {n for n, digest in enumerate(theirs) if digest != ours[n]}
    equal = sum(n for bucket, n in enumerate(counts) if bucket not in differing)
    return Compared(len(theirs), frozenset(differing), equal)


def _should_hold(
    target: Target, adapter: Adapter, domain: str, since: dt.datetime
) -> Iterator[tuple[Lane, TargetRecord | None]]:
    """Every record that the target was told of, as it should be there; None while a delivery is under way."""
    rows = Lane.objects.filter(target=target, record__domain=domain, letter__isnull=False)
    last = 0
    while chunk := list(rows.filter(pk__gt=last).select_related("record", "letter").order_by("pk")[:CHUNK]):
        kept = pins.of(target, [lane.record_id for lane in chunk])
        for lane in chunk:
            if under_way(lane, since):
                yield lane, None
                continue
            letter = lane.letter
            values = adapter.expected(pins.should_hold(letter, kept.get(lane.record_id, {})))
            yield lane, TargetRecord(lane.record.public_id, letter.version, letter.generation, lane.active, values)
        last = chunk[-1].pk
