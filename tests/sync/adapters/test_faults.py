"""What each fault of a counterpart becomes, and that nothing ever takes effect twice."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sync.adapters.base import ErrorClass, Outcome, PeerError, State
from sync.sandbox.launch import Sandbox

from . import factory
from .conftest import TARGETS, Make, deliver

each_target = pytest.mark.parametrize("target", TARGETS)


def send_two(make: Make, target: str, **settings: Any) -> list[Outcome]:
    adapter = make(target, **settings)
    return deliver(adapter, *factory.rendered(adapter, factory.message(number=1), factory.message(number=2)), within=3)


def effects(sandbox: Sandbox, target: str) -> dict[str, int]:
    return {e["id"]: e["times"] for e in sandbox.effects(target)}


@each_target
def test_a_refused_connection_is_tried_again_and_counts_for_the_breaker(
    make: Make, sandbox: Sandbox, target: str
) -> None:
    sandbox.fault(target, "refuse", count=10)

    outcomes = send_two(make, target, timeout=5)

    assert {o.state for o in outcomes} <= {State.RETRY, State.UNKNOWN}
    assert all(o.connection for o in outcomes)
    assert effects(sandbox, target) == {}


@each_target
def test_a_port_where_nobody_listens_is_a_connection_failure(make: Make, target: str) -> None:
    dead = (
        {"base_url": "http://127.0.0.1:9/api", "token_url": "http://127.0.0.1:9/t"}
        if target in ("erp", "fhir")
        else {"port": 9}
    )

    outcomes = send_two(make, target, **dead)

    assert [o.state for o in outcomes] == [State.RETRY, State.RETRY]
    assert outcomes[0].error_class == ErrorClass.CONNECTION
    assert all(o.connection for o in outcomes)


@each_target
def test_a_peer_that_hangs_costs_one_timeout_and_leaves_the_rest_unsent(
    make: Make, sandbox: Sandbox, target: str
) -> None:
    sandbox.fault(target, "hang", count=10)
    adapter = make(target, timeout=1, **({"batch_size": 1} if target != "ehr" else {"window": 1}))
    batch = factory.rendered(adapter, *(factory.message(number=n) for n in range(1, 6)))

    started = time.monotonic()
    outcomes = adapter.send(batch)

    assert time.monotonic() - started < 3
    assert (outcomes[0].state, outcomes[0].error_class) == (State.UNKNOWN, ErrorClass.TIMEOUT)
    assert {(o.state, o.error_class) for o in outcomes[1:]} == {(State.RETRY, ErrorClass.NOT_SENT)}


@each_target
def test_a_connection_that_breaks_before_anything_is_applied_loses_nothing(
    make: Make, sandbox: Sandbox, target: str
) -> None:
    sandbox.fault(target, "disconnect")

    first = send_two(make, target)
    second = send_two(make, target)

    assert {o.state for o in first} <= {State.UNKNOWN, State.RETRY}
    assert [o.state for o in second] == [State.ACKNOWLEDGED] * 2
    assert set(effects(sandbox, target).values()) == {1}


@each_target
def test_a_change_whose_acknowledgement_is_lost_takes_effect_once(make: Make, sandbox: Sandbox, target: str) -> None:
    sandbox.fault(target, "disconnect_after")

    first = send_two(make, target)
    second = send_two(make, target)

    assert first[0].state is State.UNKNOWN
    assert [o.state for o in second] == [State.ACKNOWLEDGED] * 2
    assert effects(sandbox, target) == {"MDM-IT-000001": 1, "MDM-IT-000002": 1}


@each_target
def test_the_same_bytes_again_have_no_second_effect_and_the_same_answer(
    make: Make, sandbox: Sandbox, target: str
) -> None:
    adapter = make(target)
    batch = factory.rendered(adapter, factory.message())

    codes = {deliver(adapter, *batch)[0].target_code for _ in range(3)}

    assert len(codes) == 1
    assert effects(sandbox, target) == {"MDM-IT-000001": 1}


@each_target
def test_a_receiver_that_forgets_is_caught_by_the_count_of_effects(make: Make, sandbox: Sandbox, target: str) -> None:
    adapter = make(target)
    batch = factory.rendered(adapter, factory.message())
    sandbox.fault(target, "forget", count=2)

    for _ in range(2):
        deliver(adapter, *batch)

    assert effects(sandbox, target) == {"MDM-IT-000001": 2}


@each_target
def test_an_older_version_is_acknowledged_and_changes_nothing(make: Make, sandbox: Sandbox, target: str) -> None:
    adapter = make(target)
    newer = factory.message(version=3, generation=0, description="newer")
    older = [factory.message(version=2, generation=9, description="older"), factory.message(version=1)]

    outcomes = deliver(adapter, *factory.rendered(adapter, newer))
    outcomes += deliver(adapter, *factory.rendered(adapter, *older))
    (record,) = adapter.read("item")

    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * 3
    assert (record.version, record.values["description"]) == (3, "newer")
    assert len(sandbox.effects(target)) == 1


@each_target
def test_a_higher_generation_of_the_same_version_is_applied(make: Make, sandbox: Sandbox, target: str) -> None:
    adapter = make(target)
    for generation, text in ((0, "first"), (1, "corrected")):
        message = factory.message(version=2, generation=generation, description=text)
        deliver(adapter, *factory.rendered(adapter, message))

    (record,) = adapter.read("item")

    assert (record.generation, record.values["description"]) == (1, "corrected")


@each_target
def test_one_rejected_record_does_not_hold_up_its_neighbours(make: Make, sandbox: Sandbox, target: str) -> None:
    sandbox.fault(target, "reject", match="MDM-IT-000002")
    adapter = make(target)
    batch = factory.rendered(adapter, *(factory.message(number=n) for n in (1, 2, 3)))

    outcomes = deliver(adapter, *batch)

    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]
    assert "rejected on demand" in outcomes[1].error
    assert outcomes[1].error_class in (ErrorClass.REFUSED, ErrorClass.VALIDATION)
    assert not outcomes[1].connection
    assert set(effects(sandbox, target)) == {"MDM-IT-000001", "MDM-IT-000003"}


@each_target
def test_a_rejected_record_is_applied_when_it_is_sent_again(make: Make, sandbox: Sandbox, target: str) -> None:
    sandbox.fault(target, "reject")
    adapter = make(target)
    batch = factory.rendered(adapter, factory.message())

    states = [deliver(adapter, *batch)[0].state for _ in range(2)]

    assert states == [State.REJECTED, State.ACKNOWLEDGED]


@each_target
@pytest.mark.parametrize("domain", ["item", "supplier"])
def test_a_message_that_is_refused_whole_is_rejected(make: Make, sandbox: Sandbox, target: str, domain: str) -> None:
    sandbox.fault(target, "nak", count=3)
    adapter = make(target)

    outcomes = deliver(adapter, *factory.rendered(adapter, *(factory.message(domain, n) for n in (1, 2))))

    assert [o.state for o in outcomes] == [State.REJECTED] * 2
    assert effects(sandbox, target) == {}


@each_target
@pytest.mark.parametrize("kind", ["429", "503"])
def test_a_busy_peer_is_tried_again(make: Make, sandbox: Sandbox, target: str, kind: str) -> None:
    sandbox.fault(target, kind, count=2, delay=7)

    outcomes = send_two(make, target)

    assert [(o.state, o.error_class) for o in outcomes] == [(State.RETRY, ErrorClass.BUSY)] * 2
    assert effects(sandbox, target) == {}
    if target in ("erp", "fhir"):
        assert outcomes[0].retry_after == 7


@pytest.mark.parametrize("target", ["ehr", "erp", "fhir"])
def test_a_reply_of_100_mb_is_refused_early(make: Make, sandbox: Sandbox, target: str) -> None:
    sandbox.fault(target, "huge")

    outcomes = send_two(make, target, max_reply=1_000_000)

    assert outcomes[0].state is State.UNKNOWN
    assert outcomes[0].error_class == ErrorClass.PROTOCOL
    assert "larger than 1000000 bytes" in outcomes[0].error


@pytest.mark.parametrize("target", ["ehr", "erp", "fhir"])
def test_a_peer_that_answers_byte_by_byte_is_given_up_in_time(make: Make, sandbox: Sandbox, target: str) -> None:
    sandbox.fault(target, "slow", delay=0.3)

    started = time.monotonic()
    outcomes = send_two(make, target, timeout=1)

    assert time.monotonic() - started < 4
    assert (outcomes[0].state, outcomes[0].error_class) == (State.UNKNOWN, ErrorClass.TIMEOUT)


@pytest.mark.parametrize("target", ["ehr", "erp", "fhir"])
def test_a_late_answer_within_the_timeout_is_an_answer(make: Make, sandbox: Sandbox, target: str) -> None:
    sandbox.fault(target, "late", delay=0.5)

    assert [o.state for o in send_two(make, target)] == [State.ACKNOWLEDGED] * 2


@each_target
def test_a_peer_that_comes_back_is_used_again_without_being_told(make: Make, sandbox: Sandbox, target: str) -> None:
    adapter = make(target)
    assert adapter.check()
    sandbox.fault(target, "refuse", count=1)  # breaks the connection that is kept, and the next one
    batch = factory.rendered(adapter, factory.message())

    states = [deliver(adapter, *batch)[0].state for _ in range(3)]

    assert states[0] in (State.RETRY, State.UNKNOWN)
    assert states[2] is State.ACKNOWLEDGED


@each_target
def test_a_kept_connection_that_the_peer_has_closed_is_replaced_silently(
    make: Make, sandbox: Sandbox, target: str
) -> None:
    adapter = make(target)
    adapter.check()
    sandbox.fault(target, "refuse", count=0)  # breaks what is open, refuses nothing
    time.sleep(0.2)

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message()))

    assert outcome.state is State.ACKNOWLEDGED


@each_target
def test_reading_from_a_dead_peer_raises_a_peer_error(make: Make, sandbox: Sandbox, target: str) -> None:
    adapter = make(target, timeout=3)
    sandbox.fault(target, "refuse", count=20)

    with pytest.raises(PeerError):
        list(adapter.read("item"))
    with pytest.raises(PeerError):
        adapter.check()


@each_target
def test_an_adapter_that_was_closed_connects_again(make: Make, target: str) -> None:
    adapter = make(target)
    adapter.check()
    adapter.close()

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message()))

    assert outcome.state is State.ACKNOWLEDGED
