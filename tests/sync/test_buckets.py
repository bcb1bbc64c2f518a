"""Where a target can sum up what it holds, only what departs is read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace

import pytest

from mdm.models import User
from sync import reconcile
from sync.adapters.base import TargetRecord, bucket_of
from sync.models import Target
from tests.sync import kit
from tests.sync.peers import Peer, PeerAdapter, spoil

BUCKETS = 8


class SummingAdapter(PeerAdapter):
    """The in-memory peer, which can sum up; notes what was read."""

    seen: list[str]

    def digests(self, domain: str) -> list[int] | None:
        self.seen = []
        sums = [0] * BUCKETS
        for record in self.read(domain):
            sums[bucket_of(record.id, BUCKETS)] ^= self.digest(domain, record)
        return sums

    def digest(self, domain: str, record: TargetRecord) -> int:
        told = repr((record.id, record.version, record.generation, record.active, sorted(record.values.items())))
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[:16])

    def read_buckets(self, domain: str, buckets: Collection[int]) -> Iterator[TargetRecord]:
        for record in self.read(domain):
            if bucket_of(record.id, BUCKETS) in buckets:
                self.seen.append(record.id)
                yield record


@pytest.fixture
def adapter(target: Target, peer: Peer) -> SummingAdapter:
    from sync.adapters.options import Secrets

    return SummingAdapter(target.config, Secrets())


def test_nothing_is_read_where_the_sums_agree(target: Target, peer: Peer, adapter: SummingAdapter) -> None:
    rows = kit.create_many("supplier", 30)
    kit.update(rows[0], kit.Kind.RETIRED)
    kit.deliver(target)
    kit.update(rows[1], kit.Kind.RETIRED)
    kit.deliver(target)
    run = reconcile.compare(target, actor=User.objects.system(), adapter=adapter)
    assert (run.compared, run.equal, run.drifted, run.error) == (29, 29, 0, "")
    assert adapter.seen == []


def test_what_departs_is_found_in_its_bucket_and_the_others_are_left(
    target: Target, peer: Peer, adapter: SummingAdapter
) -> None:
    rows = kit.create_many("supplier", 40)
    kit.deliver(target)
    spoilt, lost, moving = rows[3].public_id, rows[5].public_id, rows[7]
    spoil(peer, spoilt, name="theirs")
    del peer.records[lost]
    peer.records["MDM-SU-999999"] = replace(peer.records[rows[4].public_id], id="MDM-SU-999999")
    kit.update(moving, name="under way")
    run = reconcile.compare(target, actor=User.objects.system(), adapter=adapter)
    found = dict(run.drifts.values_list("public_id", "kind"))
    assert found == {spoilt: "values", lost: "missing", "MDM-SU-999999": "unexpected"}
    assert (run.in_flight, run.compared) == (1, 40)
    touched = {bucket_of(one, BUCKETS) for one in (spoilt, lost, moving.public_id, "MDM-SU-999999")}
    assert {bucket_of(one, BUCKETS) for one in adapter.seen} <= touched
    whole = reconcile.compare(target, actor=User.objects.system())
    assert (whole.compared, whole.equal, whole.in_flight) == (run.compared, run.equal, run.in_flight)
