"""Batches in the pieces that one request carries."""

from __future__ import annotations

import pytest

from sync.adapters.base import ErrorClass, Outcome, PeerError, Rendered, State
from sync.adapters.batches import Chunk, in_turn, runs
from sync.adapters.odata_v2.http import Busy
from tests.sync.adapters import factory

OK = Outcome(State.ACKNOWLEDGED)


def rendered(*records: tuple[str, int]) -> list[Rendered]:
    return [Rendered(factory.message(domain, number), b"") for domain, number in records]


def test_a_run_is_of_one_domain_no_longer_than_allowed_and_holds_a_record_once() -> None:
    batch = rendered(("item", 1), ("item", 2), ("item", 3), ("item", 3), ("supplier", 1), ("item", 4))
    found = [[one.message.record[-1] for one in run] for run in runs(batch, 2)]
    assert found == [["1", "2"], ["3"], ["3"], ["1"], ["4"]]


@pytest.mark.parametrize(
    ("error", "waits"),
    [(PeerError("gone", ErrorClass.CONNECTION, maybe_applied=True), None), (Busy("later", 40.0), 40.0)],
)
def test_what_comes_behind_a_failure_is_not_sent_and_waits_as_long_as_the_peer_asks(
    error: PeerError, waits: float | None
) -> None:
    batch = rendered(*(("item", number) for number in range(1, 7)))
    seen: list[int] = []

    def send(chunk: Chunk) -> list[Outcome]:
        seen.append(len(chunk))
        if len(seen) == 2:
            raise error
        return [OK] * len(chunk)

    outcomes = in_turn(runs(batch, 2), send)
    assert seen == [2, 2]
    assert outcomes[:4] == [OK, OK, error.outcome(), error.outcome()]
    assert [(one.error_class, one.retry_after) for one in outcomes[4:]] == [(ErrorClass.NOT_SENT, waits)] * 2
