"""Every order of writing, claiming, sending, settling, stalling and repairing that chance comes up with, by a clock
that only the test moves. The statements are the product's own and run on PostgreSQL; only the wire is imagined.

Several workers are under way at once, each a step further whenever chance says so: that is how a worker comes to settle
what another one has claimed since.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.db.models import Max
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from mdm.models import ChangeEvent, GoldenRecord, User
from mdm.permissions import MANAGE_SYNC
from sync import gates, outbox, reconcile, services, settle, targets
from sync.adapters.base import ErrorClass, Outcome, Receipt, State, not_sent
from sync.compose import compose
from sync.models import Breaker, Lane, Target
from sync.steps import Claim, Shipment
from sync.verdicts import judge
from tests.faults.clock import Clock
from tests.sync import kit
from tests.sync.kit import Kind
from tests.sync.peers import DOWN, PEERS, Peer

EXAMPLES = int(os.environ.get("CONCORD_FAULTS_EXAMPLES", "12"))
PHASES = (Phase.generate, Phase.shrink) if "CONCORD_FAULTS_SHRINK" in os.environ else (Phase.generate,)
LEASE = 60
HOUR = 3600.0
LONGEST = 15 * HOUR  # more than any backoff with its jitter
LIVE, RETIRED, MERGED = GoldenRecord.Status.LIVE, GoldenRecord.Status.RETIRED, GoldenRecord.Status.MERGED

ANSWERS = ("acknowledged", "applied and lost", "lost", "busy", "refused", "later", "down")
WRITES = ("create_supplier", "create_item", "update", "update", "roll_back", "retire", "merge", "unmerge")
STEWARDS = ("retry", "retry", "skip", "replay", "pause")
usually_fine = st.sampled_from(("acknowledged", "acknowledged", *ANSWERS))


@dataclass
class Worker:
    """One batch on its way. ``stage``: claimed, composed, answered."""

    claims: list[Claim]
    shipments: list[Shipment] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    stage: str = "claimed"


class Lanes(RuleBasedStateMachine):
    patch: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        self.around = transaction.atomic()
        self.around.__enter__()
        self.clock = Clock(self.patch)
        PEERS.clear()
        targets.forget_all()
        self.target = kit.make_target(lease_seconds=LEASE, batch_size=3)
        self.peer: Peer = kit.peer_of(self.target)
        self.adapter = targets.adapter_of(self.target)
        self.steward: User = kit.make_user(MANAGE_SYNC)
        self.workers: list[Worker] = []
        self.fences: dict[int, int] = {}
        self.claimed: set[tuple[int, int]] = set()
        self.acked: dict[int, int] = {}
        self.skipped: set[int] = set()
        for number in range(3):
            kit.create("supplier", f"supplier {number}")

    def teardown(self) -> None:
        try:
            self.finish()
            assert not (wrong := self.differences()), "\n".join(wrong)
        finally:
            transaction.set_rollback(True)
            self.around.__exit__(None, None, None)

    # ------------------------------------------------------------------------------------------------------- writers
    @rule(what=st.sampled_from(WRITES), which=st.integers(0, 9), other=st.integers(0, 9))
    def write(self, what: str, which: int, other: int) -> None:
        getattr(self, what)(which, other)

    def create_supplier(self, which: int, other: int) -> None:
        kit.create("supplier", f"supplier {self._count()}")

    def create_item(self, which: int, other: int) -> None:
        if supplier := self._some(LIVE, "supplier", which):
            kit.create("item", f"item {self._count()}", preferred_supplier=supplier)

    def update(self, which: int, other: int) -> None:
        if golden := self._some(LIVE, None, which):
            kit.update(golden, **{"description" if golden.domain == "item" else "name": f"name {other}"})

    def roll_back(self, which: int, other: int) -> None:
        with transaction.atomic():
            self.update(which, other)
            transaction.set_rollback(True)

    def retire(self, which: int, other: int) -> None:
        if golden := self._some(LIVE, None, which):
            kit.update(golden, Kind.RETIRED)

    def merge(self, which: int, other: int) -> None:
        loser, survivor = self._some(LIVE, "supplier", which), self._some(LIVE, "supplier", other)
        if loser and survivor and loser != survivor:
            kit.merge(loser, survivor)

    def unmerge(self, which: int, other: int) -> None:
        if golden := self._some(MERGED, "supplier", which):
            kit.update(golden, Kind.UNMERGED)

    # ------------------------------------------------------------------------------------------------------- workers
    @precondition(lambda self: outbox.claimable(self.target))
    @rule()
    def claim(self) -> None:
        claims = self._claims()
        fences = {(claim.lane, claim.fence) for claim in claims}
        assert not fences & self.claimed, "a fence was given twice"
        self.claimed |= fences
        if claims:
            self.workers.append(Worker(claims))

    @precondition(lambda self: self.workers)
    @rule()
    def overtake(self) -> None:
        """Whoever is under way has stalled past the lease."""
        self.clock.forward(LEASE + 1.0)
        self.claim()

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9), steps=st.integers(1, 3), answers=st.lists(usually_fine, min_size=3, max_size=3))
    def step(self, which: int, steps: int, answers: list[str]) -> None:
        worker = self.workers[which % len(self.workers)]
        for _ in range(steps):
            if worker in self.workers:
                self._step(worker, answers)

    def _step(self, worker: Worker, answers: list[str]) -> None:
        target = self._target()
        match worker.stage:
            case "claimed":
                composed = compose(target, self.adapter, worker.claims)
                settle.settle(target, composed.verdicts)
                worker.shipments, worker.stage = composed.shipments, "composed"
            case "composed":
                pairs = zip(worker.shipments, answers, strict=False)
                worker.outcomes = [self._answer(shipment, answer) for shipment, answer in pairs]
                worker.stage = "answered"
            case "answered":
                self.workers.remove(worker)
                pairs = zip(worker.shipments, worker.outcomes, strict=True)
                now = self.clock.now
                mine = self._still_mine(worker)
                done = settle.settle(target, [judge(target, s.claim, s.step, s.letter, o, now) for s, o in pairs])
                assert done <= mine, "a worker settled what another one had claimed"

    def _still_mine(self, worker: Worker) -> set[int]:
        fences = dict(Lane.objects.values_list("pk", "fence"))
        return {claim.lane for claim in worker.claims if fences[claim.lane] == claim.fence}

    def _answer(self, shipment: Shipment, answer: str) -> Outcome:
        message = shipment.letter.message
        if answer in ("acknowledged", "applied and lost", "later"):
            outcome = self.peer.apply(message)
        match answer:
            case "acknowledged":
                return outcome
            case "later":
                self.peer.receipts.append(Receipt(message.key, outcome))
                return Outcome(State.SENT, receipt="queued")
            case "applied and lost" | "lost":
                return Outcome(State.UNKNOWN, error="no answer", error_class=ErrorClass.TIMEOUT, connection=True)
            case "busy":
                return Outcome(State.RETRY, error="busy", error_class=ErrorClass.BUSY, retry_after=90)
            case "refused":
                return Outcome(State.REJECTED, error="no such unit", error_class=ErrorClass.VALIDATION)
        return not_sent(DOWN)

    @precondition(lambda self: self.peer.receipts)
    @rule()
    def collect(self) -> None:
        Target.objects.update(collect_at=None)
        outbox.collect(self._target(), self.adapter)

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9))
    def die(self, which: int) -> None:
        del self.workers[which % len(self.workers)]

    @rule(seconds=st.sampled_from((1.0, LEASE + 1.0, HOUR, LONGEST)))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @rule()
    def tick(self) -> None:
        gates.release(self.target.pk)
        found = {finding["finding"] for finding in reconcile.check_lanes()}
        assert not found & {"behind", "missing"}

    # ------------------------------------------------------------------------------------------------------ stewards
    @precondition(lambda self: self.acked)
    @rule(what=st.sampled_from(STEWARDS), which=st.integers(0, 9))
    def decide(self, what: str, which: int) -> None:
        getattr(self, what)(which)

    def retry(self, which: int) -> None:
        if lane := self._dead(which):
            services.retry(lanes=[lane], actor=self.steward)

    def skip(self, which: int) -> None:
        lane = self._dead(which)
        if lane and services.skip(lanes=[lane], actor=self.steward, reason="not worth it"):
            self.skipped.add(lane.record_id)

    def replay(self, which: int) -> None:
        services.replay(target=self.target, actor=self.steward, reason="once more")

    def pause(self, which: int) -> None:
        services.pause(target=self.target, actor=self.steward, reason="maintenance")
        self.workers_go_on(which)
        services.resume(target=self.target, actor=self.steward)

    def workers_go_on(self, which: int) -> None:
        """While the target is paused nothing is claimed; what is under way arrives."""
        assert outbox.claim(self._target()) == []
        if self.workers:
            self._step(self.workers[which % len(self.workers)], ["acknowledged"] * 3)

    # ---------------------------------------------------------------------------------------------------- invariants
    @invariant()
    def one_live_fence_a_lane(self) -> None:
        fences = dict(Lane.objects.values_list("pk", "fence"))
        live = [claim.lane for w in self.workers for claim in w.claims if fences[claim.lane] == claim.fence]
        assert len(live) == len(set(live))
        assert all(fence >= self.fences.get(lane, 0) for lane, fence in fences.items())
        self.fences = fences

    @invariant()
    def what_is_acknowledged_stays_so(self) -> None:
        acked = dict(Lane.objects.values_list("pk", "acked"))
        assert all(version >= self.acked.get(lane, 0) for lane, version in acked.items())
        self.acked = acked

    @invariant()
    def the_head_is_the_newest_version(self) -> None:
        newest = ChangeEvent.objects.filter(published=True).values("record").annotate(newest=Max("version"))
        assert dict(Lane.objects.values_list("record", "head")) == dict(newest.values_list("record", "newest"))

    @invariant()
    def whoever_is_behind_is_looked_after(self) -> None:
        for lane in Lane.objects.all():
            assert lane.in_step or lane.due_at or lane.state in (Lane.State.HELD, Lane.State.DEAD), lane.pk

    @invariant()
    def nothing_takes_effect_twice_or_before_it_is_committed(self) -> None:
        assert set(self.peer.effects.values()) <= {1}
        known = set(ChangeEvent.objects.values_list("record__public_id", "version"))
        assert {(record, version) for record, version, _ in self.peer.effects} <= known

    # ----------------------------------------------------------------------------------------------------- the end
    def finish(self) -> None:
        """The target answers again, time passes, and a steward looks after what failed and what was skipped."""
        for worker in list(self.workers):
            while worker in self.workers:
                self._step(worker, ["acknowledged"] * 3)
        Target.objects.update(paused=False)
        for round_ in range(40):
            self.clock.forward(LONGEST)
            self.collect()
            if not self._deliver() and round_ and not self._repair():
                return
        raise AssertionError("the lanes never came to rest")

    def _deliver(self) -> int:
        delivered = 0
        while claims := self._claims():
            worker = Worker(claims)
            self.workers.append(worker)
            while worker in self.workers:
                self._step(worker, ["acknowledged"] * 3)
            delivered += len(claims)
        return delivered + gates.release(self.target.pk)

    def _repair(self) -> int:
        dead = list(Lane.objects.filter(state=Lane.State.DEAD))
        skipped = GoldenRecord.objects.filter(pk__in=self.skipped)
        self.skipped = set()
        again = services.replay(target=self.target, records=skipped, actor=self.steward, reason="mended")
        return services.retry(lanes=dead, actor=self.steward) + again

    def differences(self) -> list[str]:
        """How the target departs from the golden records, at rest."""
        now = f"at {self.clock.now}, breaker {list(Breaker.objects.values_list('state', 'retry_at'))}"
        wrong = [
            f"lane of {lane.record_id} is not in step: {lane.state}, has {lane.acked} of {lane.head}, "
            f"due {lane.due_at}, waits for {lane.waits_for_id}, {lane.error!r}; {now}"
            for lane in Lane.objects.all()
            if not lane.in_step
        ]
        asked = dict(Lane.objects.values_list("record", "generation"))
        for golden in GoldenRecord.objects.all():
            held = self.peer.records.get(golden.public_id)
            if golden.status == LIVE:
                if held is None or not held.active or held.version != golden.version:
                    wrong.append(f"lost: {golden.public_id} v{golden.version}, held {held}")
                elif held.generation != asked[golden.pk]:
                    wrong.append(f"not told again: {golden.public_id} of {asked[golden.pk]}, held {held}")
            elif held is not None and held.active:
                wrong.append(f"still live: {golden.public_id}")
        return wrong

    # -------------------------------------------------------------------------------------------------------- helpers
    def _claims(self) -> list[Claim]:
        """In one order, as PostgreSQL returns them in any: what Hypothesis repeats must go the same way."""
        return sorted(outbox.claim(self._target()), key=lambda claim: claim.lane)

    def _target(self) -> Target:
        return Target.objects.select_related("system").get(pk=self.target.pk)

    def _some(self, status: str, domain: str | None, which: int) -> GoldenRecord | None:
        rows = GoldenRecord.objects.filter(status=status, **({"domain": domain} if domain else {})).order_by("pk")
        return rows[which % count] if (count := rows.count()) else None

    def _dead(self, which: int) -> Lane | None:
        rows = list(Lane.objects.filter(state=Lane.State.DEAD).select_related("record").order_by("pk"))
        return rows[which % len(rows)] if rows else None

    def _count(self) -> int:
        return GoldenRecord.objects.count()


def simulate(patch: pytest.MonkeyPatch, examples: int = EXAMPLES) -> None:
    """Raises what the first example that fails raises; CONCORD_FAULTS_SHRINK has it made smaller, in minutes."""
    machine = type("Lanes", (Lanes,), {"patch": patch})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            phases=PHASES,
            database=None,
            derandomize="CONCORD_FAULTS_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_the_order_of_events_the_targets_end_up_in_step(
    db: None, peers: dict[str, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(monkeypatch)
