"""Match rules changed by hand: a proposal like that of training, with what it would do to the whole population."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matching import Policy as MatchPolicy
from mdm import permissions
from mdm.engine import engine_for
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.models import ChangeRequest, Policy, User
from mdm.services import rules
from mdm.services.learning import changes
from mdm.services.prospect import prospect

CHANGEABLE = ("costs", "critical", "weights", "review_bits")


def revised(policy: MatchPolicy, values: Mapping[str, float]) -> MatchPolicy:
    """The policy with other values at some paths: {"costs.false_link": 40, "weights.code.rarity": 1.2}.

    Raises:
        InvalidValue: no rule has this path, or the value makes no sense there.
    """
    body: dict[str, Any] = policy.to_json()
    for path, value in values.items():
        top, dot, name = path.partition(".")
        known = body.get(top) if top in CHANGEABLE else None
        if known is None or (name not in known if dot else isinstance(known, Mapping)):
            raise InvalidValue(f"No match rule is called {path[:80]}.")
        if not math.isfinite(value):
            raise InvalidValue(f"{path}: give a number.")
        if dot:
            body[top] = known | {name: value}
        else:
            body[top] = value
    try:
        return MatchPolicy.from_json(body)
    except ValueError as error:
        raise InvalidValue(f"These rules don't work: {error}.") from error


def revise(
    *, domain: str, values: Mapping[str, float], expected_version: int, actor: User, reason: str
) -> ChangeRequest:
    """Propose match rules with other values. What it would do is looked at before the transaction that stores it."""
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    engine = engine_for(domain)
    proposed = revised(engine.policy, values)
    changed = changes(engine.policy, proposed)
    if not changed:
        raise Refused("These are the rules in force. Change a value first.")
    found = prospect(engine, proposed)
    return rules.propose(
        kind=Policy.Kind.MATCH,
        domain=domain,
        body=proposed.to_json(),
        diff={**changed, **found.to_json()},
        touched=found.population.touched,
        expected_version=expected_version,
        actor=actor,
        reason=reason,
        pairs=found.pairs.first,
    )
