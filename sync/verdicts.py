"""What an outcome means for its lane: done, awaiting an answer, due again after a while, held, or a person's turn."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from sync import backoff
from sync.adapters.base import ErrorClass, Outcome, State
from sync.models import Lane, Letter, Target
from sync.steps import Claim, Step, Wait

# Failures of the peer or the wire, not of the record: the breaker counts them. A conflict is none: the peer answers,
# and whoever edits a hundred records there must not stop the others.
PEER_FAULTS = {ErrorClass.BUSY, ErrorClass.SERVER, ErrorClass.AUTH, ErrorClass.TIMEOUT, ErrorClass.CONNECTION}
FAILED = {State.RETRY, State.UNKNOWN}
NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a lane goes on after one step. ``delay`` in seconds; None: not due until somebody opens it."""

    claim: Claim
    step: Step
    state: str  # a LaneState
    done: bool = False
    delay: float | None = None
    give_back: bool = False  # the attempt doesn't count
    active: bool | None = None  # what the target now holds the record as; None: as before
    wait: Wait | None = None
    error: str = ""
    error_class: str = ""
    letter: Letter | None = None
    outcome: Outcome | None = None  # None: nothing was attempted
    started: dt.datetime | None = None

    @property
    def peer_failed(self) -> bool:
        outcome = self.outcome
        return outcome is not None and (outcome.connection or outcome.error_class in PEER_FAULTS)

    def attempt(self) -> dict[str, Any]:
        """What is kept of the attempt; empty when nothing went out and nothing was refused."""
        if self.outcome is None or self.step.kind is None:
            return {}
        return {
            "kind": self.step.kind,
            "outcome": self.outcome.state,
            "peer_failed": self.peer_failed,
            "receipt": self.outcome.receipt[:1000],
            "answer": self.outcome.error[:1000],
            "answer_class": self.outcome.error_class[:20],
            "payload_hash": hashlib.blake2b(self.letter.body, digest_size=16).hexdigest() if self.letter else "",
            "started": self.started,
        }


def unneeded(claim: Claim, step: Step) -> Verdict:
    """The target need not hear of this version: acknowledged unsent."""
    return Verdict(claim, step, Lane.State.OPEN, done=True)


def held(claim: Claim, step: Step, wait: Wait) -> Verdict:
    return Verdict(claim, step, Lane.State.HELD, wait=wait, error=wait.reason, give_back=True)


def unrenderable(claim: Claim, step: Step, error: str) -> Verdict:
    """A value breaks a limit of the target: nothing was sent, a person corrects it."""
    outcome = Outcome(State.REJECTED, error=error, error_class=ErrorClass.VALIDATION)
    return Verdict(claim, step, Lane.State.DEAD, error=error, error_class=outcome.error_class, outcome=outcome)


def judge(target: Target, claim: Claim, step: Step, letter: Letter, outcome: Outcome, started: dt.datetime) -> Verdict:
    """The verdict on what the adapter says of one message."""
    common: dict[str, Any] = {"letter": letter, "outcome": outcome, "started": started}
    if outcome.state is State.ACKNOWLEDGED:
        return Verdict(claim, step, Lane.State.OPEN, done=True, active=step.is_live, **common)
    common |= {"error": outcome.error, "error_class": outcome.error_class}
    if outcome.error_class == ErrorClass.NOT_SENT:
        wait = backoff.delay(1, pace=target.pace, retry_after=outcome.retry_after)
        return Verdict(claim, step, Lane.State.OPEN, delay=wait, give_back=True, **(common | {"outcome": None}))
    probing = claim.probe and (outcome.connection or outcome.error_class in PEER_FAULTS)
    if outcome.state is State.REJECTED or (
        outcome.state in FAILED and claim.attempts >= backoff.ATTEMPTS and not probing
    ):
        return Verdict(claim, step, Lane.State.DEAD, **common)
    if outcome.state is State.SENT and claim.attempts >= backoff.ATTEMPTS:
        common |= {"error": f"Sent {claim.attempts} times and never acknowledged.", "error_class": NO_ANSWER}
        return Verdict(claim, step, Lane.State.DEAD, **common)
    if outcome.state is State.SENT:
        common |= {"error": "", "error_class": ""}
        return Verdict(claim, step, Lane.State.SENT, delay=float(target.ack_seconds), **common)
    wait = backoff.delay(claim.attempts, pace=target.pace, retry_after=outcome.retry_after)
    return Verdict(claim, step, Lane.State.OPEN, delay=wait, give_back=probing, **common)
