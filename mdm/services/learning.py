"""Training: what people decided becomes proposed rules, with what they would do. Applied only by a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matching import Policy as MatchPolicy
from matching.train import Costs, Trained, fit
from mdm import candidates as pool
from mdm import permissions
from mdm.candidates import standardised
from mdm.engine import Engine, engine_for
from mdm.exceptions import NeedsReason, Refused
from mdm.models import ChangeRequest, Policy, User
from mdm.services import rules
from mdm.services.labels import labels
from mdm.services.policy_diff import PolicyDiff, policy_diff


@dataclass(frozen=True, slots=True)
class Training:
    """New rules, how good they are on the labels, and what they would do; nothing is stored yet."""

    domain: str
    before: MatchPolicy
    version: int  # of the rules in force, which it was compared with
    trained: Trained
    diff: PolicyDiff

    def to_json(self) -> dict[str, Any]:
        """As stored on the change request: {path: {before, after}} for what changes, then how and to what effect."""
        new = self.trained.policy
        bounds = {
            name: {"before": getattr(self.before, name), "after": getattr(new, name)}
            for name in ("auto_bits", "review_bits")
        }
        weights = {
            name: {"before": self.before.weights[name], "after": value}
            for name, value in new.weights.items()
            if value != self.before.weights[name]
        }
        return {
            **{name: pair for name, pair in bounds.items() if pair["before"] != pair["after"]},
            "weights": weights,
            "training": self.trained.to_json(),
            "population": self.diff.to_json(),
        }


def practise(domain: str, costs: Costs | None = None) -> Training:
    """Learn from the labels of a domain and look at what the new rules would do. Writes nothing.

    ``costs``: by criticality, of a wrong link, a missed link and a review; by default those that the thresholds in
    force imply.
    """
    engine = engine_for(domain)
    trained = _fit(engine, labels(domain), costs)
    return Training(domain, engine.policy, engine.policy_version, trained, policy_diff(engine, trained.policy))


def _fit(engine: Engine, said: Mapping[tuple[int, int], bool], costs: Costs | None) -> Trained:
    if not said:
        raise Refused("Nothing was decided here yet. Decide reviews, or answer a batch of labels.")
    rows = pool.rows(sorted({pk for pair in said for pk in pair}))
    left, right = (standardised.load([rows[pair[side]] for pair in said]) for side in (0, 1))
    pairs = list(zip(left, right, strict=True))
    return fit(engine.recipe, engine.statistics, engine.policy, pairs, list(said.values()), costs)


def train(*, domain: str, actor: User, reason: str, costs: Costs | None = None) -> ChangeRequest:
    """Propose new rules, learned from what people decided. They wait for a second person's approval.

    Learning and looking at the population come before the transaction that stores the proposal, which is refused if
    other rules came into force meanwhile.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    training = practise(domain, costs)
    return rules.propose(
        kind=Policy.Kind.MATCH,
        domain=domain,
        body=training.trained.policy.to_json(),
        diff=training.to_json(),
        touched=training.diff.touched,
        expected_version=training.version,
        actor=actor,
        reason=reason,
    )
