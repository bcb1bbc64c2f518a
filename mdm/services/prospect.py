"""What proposed match rules promise: their effect on the population, how good they are on labelled pairs, and what an
approver must know.

Looked at before a proposal is stored, and stored with it. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matching import Policy
from mdm.engine import Engine
from mdm.services.changed_pairs import ChangedPairs, changed_pairs
from mdm.services.guardrails import Guardrail, guardrails
from mdm.services.labelled import Labelled, labelled
from mdm.services.policy_diff import PolicyDiff, policy_diff


@dataclass(frozen=True, slots=True)
class Prospect:
    population: PolicyDiff
    labelled: Labelled
    pairs: ChangedPairs
    guardrails: list[Guardrail]

    def to_json(self) -> dict[str, Any]:
        """As stored on the change request, beside what changes."""
        return {
            "population": self.population.to_json(),
            "labelled": self.labelled.to_json(),
            "pairs": {"count": self.pairs.total, "kept": len(self.pairs.first), "critical": self.pairs.critical},
            "guardrails": [guardrail.to_json() for guardrail in self.guardrails],
        }


def prospect(engine: Engine, proposed: Policy) -> Prospect:
    """Look at what a proposed policy would do in the engine's domain, beside the one in force."""
    population, measured = policy_diff(engine, proposed), labelled(engine, proposed)
    pairs = changed_pairs(engine, proposed, population)
    return Prospect(population, measured, pairs, guardrails(engine, proposed, measured, population.changed, pairs))
