"""What an approver must know of proposed match rules, line by line: passed, or to be read before they approve.

Nothing here blocks. A line that isn't passed asks for the approver's reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Q

from matching import Policy, Recipe
from matching.train import ENOUGH, speaks_against
from mdm.engine import Engine
from mdm.models import ChangedPair, GoldenRecord, WorkItem
from mdm.policies import knows_critical
from mdm.services.changed_pairs import ChangedPairs
from mdm.services.labelled import Labelled
from mdm.services.policy_diff import Changed

SHOWN = 12  # records named with a line
CHUNK = 5_000
TOGETHER = (ChangedPair.Outcome.ONE, ChangedPair.Outcome.APART)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """``records``: public ids of the first records that it is about."""

    name: str
    passed: bool
    says: str
    records: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def guardrails(
    engine: Engine, proposed: Policy, measured: Labelled, changed: Sequence[Changed], pairs: ChangedPairs
) -> list[Guardrail]:
    """Every line about a proposed policy in the engine's domain. Reads only."""
    found = [_precision(proposed, measured)]
    if knows_critical(engine.domain):
        found.append(_critical(pairs.critical))
    return [*found, _vetoes(engine.recipe, engine.policy, proposed), _work(changed)]


def _precision(proposed: Policy, measured: Labelled) -> Guardrail:
    """The floor is the certainty from which the proposed costs link without asking."""
    every, floor = measured.every, f"{100 * proposed.costs.auto:.4g}%"
    now, then = every.after.quality, every.before.quality
    linked = now.true_positive + now.false_positive
    if not every.enough or not linked:
        lack = f"{every.same} labelled pairs are the same and {every.different} are not; {ENOUGH} of each are wanted"
        why = "none of the labelled pairs would be linked by itself" if every.enough else lack
        return Guardrail("precision", False, f"Precision is not measured: {why}")
    more = measured.critical.after.quality.false_positive - measured.critical.before.quality.false_positive
    holds = now.precision >= proposed.costs.auto
    says = f"Precision on labelled pairs {'stays at or above' if holds else 'would be below'} the {floor} of the costs"
    says += f": {100 * now.precision:.4g}%, {now.false_positive} of {linked} links are wrong"
    says += f", {then.false_positive} under the rules in force"
    if more > 0:
        says += f"; {more} more wrong links of critical records"
    return Guardrail("precision", holds and more <= 0, says)


def _critical(count: int) -> Guardrail:
    if not count:
        return Guardrail("critical", True, "No critical record would be joined automatically that isn't today")
    pairs = "1 pair" if count == 1 else f"{count} pairs"
    return Guardrail("critical", False, f"{pairs} with a critical record would be certain enough to join automatically")


def _vetoes(recipe: Recipe, before: Policy, after: Policy) -> Guardrail:
    """What forbids a link does so whatever it weighs; its weight says how far the pair falls."""
    changed = {name.partition(".")[0] for name in _weights_against(before, after)}
    named = [words for name, words in recipe.vetoes.items() if name in changed]
    if named:
        return Guardrail("vetoes", False, f"What vetoes a link would weigh otherwise: {', '.join(named)}")
    return Guardrail("vetoes", True, f"Vetoes unchanged: {', '.join(recipe.vetoes.values())}")


def _weights_against(before: Policy, after: Policy) -> Iterator[str]:
    """Names of changed weights that speak against a pair, under either policy."""
    for name in {**before.weights, **after.weights}:
        old, new = before.weights.get(name, 0.0), after.weights.get(name, 0.0)
        if old != new and (speaks_against(name, old) or speaks_against(name, new)):
            yield name


def _work(changed: Sequence[Changed]) -> Guardrail:
    """Golden records whose identity is in question, and on which somebody or something waits already."""
    goldens = sorted({golden for one in changed if one.outcome in TOGETHER for golden in one.goldens})
    failed, waiting = _open_items(goldens)
    records = GoldenRecord.objects.filter(pk__in=sorted(failed | waiting)[:SHOWN]).order_by("pk")
    if not failed | waiting:
        says = "No golden record that would fall apart or join has a failed delivery or an open work item"
        return Guardrail("work", True, says)
    counts = [(len(failed), "a failed delivery"), (len(waiting), "an open work item")]
    said = " and ".join(f"{number} with {what}" for number, what in counts if number)
    says = f"Golden records that would fall apart or join: {said}"
    return Guardrail("work", False, says, list(records.values_list("public_id", flat=True)))


def _open_items(goldens: Sequence[int]) -> tuple[set[int], set[int]]:
    """Of these golden records, those with a failed delivery, and those with any other open work item."""
    failed: set[int] = set()
    waiting: set[int] = set()
    for start in range(0, len(goldens), CHUNK):
        chunk = set(goldens[start : start + CHUNK])
        items = WorkItem.objects.filter(Q(golden__in=chunk) | Q(other__in=chunk), state__in=WorkItem.LIVE)
        for kind, *ends in items.values_list("kind", "golden", "other"):
            (failed if kind == WorkItem.Kind.FAILED_DELIVERY else waiting).update(chunk.intersection(ends))
    return failed, waiting
