"""What deliveries leave behind is forgotten in time, and what is still needed is not."""

from __future__ import annotations

import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone

from mdm.models import User
from sync import pruning, reconcile, services, tasks
from sync.models import Attempt, Drift, Reconciliation, Target
from tests.sync import kit
from tests.sync.peers import Peer, spoil


@pytest.fixture
def later() -> dt.datetime:
    return timezone.now() + dt.timedelta(days=settings.DELIVERY_KEEP_DAYS, minutes=1)


def test_old_attempts_go_but_for_the_last_of_each_lane(
    target: Target, peer: Peer, later: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "CHUNK", 2)  # less than one batch, whose attempts end at one instant
    kit.create_many("supplier", 5)
    for _ in range(3):
        kit.deliver(target)
        services.full_sync(target=target, actor=User.objects.system())
    kit.deliver(target)
    last = set(Attempt.objects.filter(generation=4).values_list("pk", flat=True))
    tasks.prune_deliveries()
    assert Attempt.objects.count() == 20  # none is old
    assert pruning.prune_attempts(now=later) == 15
    assert set(Attempt.objects.values_list("pk", flat=True)) == last
    assert pruning.prune_attempts(now=later) == 0


def test_old_comparisons_go_but_for_the_last_that_came_to_its_end(
    target: Target, peer: Peer, later: dt.datetime
) -> None:
    golden = kit.create()
    kit.deliver(target)
    spoil(peer, golden.public_id, name="theirs")
    runs = [reconcile.compare(target, actor=User.objects.system()) for _ in range(2)]
    peer.down = True
    runs += [reconcile.compare(target, actor=User.objects.system()) for _ in range(2)]
    assert pruning.prune_comparisons(now=timezone.now()) == 0
    assert pruning.prune_comparisons(now=later) == 2
    assert list(Reconciliation.objects.order_by("pk")) == [runs[1], runs[3]]
    assert Drift.objects.get().reconciliation == runs[1]
