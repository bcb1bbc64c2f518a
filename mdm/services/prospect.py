"""What proposed match rules promise: their effect on the whole population, and how good they are on labelled pairs.

Looked at before a proposal is stored, and stored with it. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matching import Policy
from mdm.engine import Engine
from mdm.services.labelled import Labelled, labelled
from mdm.services.policy_diff import PolicyDiff, policy_diff


@dataclass(frozen=True, slots=True)
class Prospect:
    population: PolicyDiff
    labelled: Labelled

    def to_json(self) -> dict[str, Any]:
        """As stored on the change request, beside what changes."""
        return {"population": self.population.to_json(), "labelled": self.labelled.to_json()}


def prospect(engine: Engine, proposed: Policy) -> Prospect:
    """Look at what a proposed policy would do in the engine's domain, beside the one in force."""
    return Prospect(policy_diff(engine, proposed), labelled(engine, proposed))
