"""Training: what people decided, or how records resemble each other, becomes proposed rules, with what they would do.
Applied only by a second person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Min
from django.db.models.functions import MD5

from matching import Policy as MatchPolicy
from matching import em
from matching.decide import Costs
from matching.em import Learned
from matching.table import Vocabularies, assemble, pack
from matching.train import Trained, fit
from mdm import candidates as pool
from mdm import permissions
from mdm.candidates import standardised
from mdm.engine import Engine, engine_for
from mdm.exceptions import NeedsReason, Refused
from mdm.models import ChangeRequest, Policy, SourceRecord, User
from mdm.services import rules
from mdm.services.labels import labels
from mdm.services.prospect import Prospect, prospect


@dataclass(frozen=True, slots=True)
class Training:
    """New rules, how good they are on the labels, and what they would do; nothing is stored yet."""

    domain: str
    before: MatchPolicy
    version: int  # of the rules in force, which it was compared with
    trained: Trained | Learned
    prospect: Prospect

    def to_json(self) -> dict[str, Any]:
        """As stored on the change request: {path: {before, after}} for what changes, then how and to what effect."""
        return {
            **changes(self.before, self.trained.policy),
            "training": self.trained.to_json(),
            **self.prospect.to_json(),
        }


def changes(before: MatchPolicy, after: MatchPolicy) -> dict[str, dict[str, Any]]:
    """What differs: {path: {before, after}}, as "costs.false_link" and "weights.code.rarity"; and, as nobody can tell
    it from the calibration, the ``sure_score`` that comes of it.
    """
    old, new = ({"sure_score": round(p.sure_score, 3), **_leaves(p.to_json())} for p in (before, after))
    return {
        path: {"before": old.get(path), "after": new.get(path)}
        for path in {**new, **old}
        if old.get(path) != new.get(path)
    }


def _leaves(body: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's body, flat."""
    flat: dict[str, Any] = {}
    for name, value in body.items():
        flat |= {f"{name}.{part}": v for part, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return flat


def practise(domain: str, costs: Costs | None = None) -> Training:
    """Learn from the labels of a domain and look at what the new rules would do. Writes nothing.

    ``costs``: what mistakes cost from now on; by default as under the rules in force.
    """
    engine = engine_for(domain)
    trained = _fit(engine, labels(domain), costs)
    return Training(domain, engine.policy, engine.policy_version, trained, prospect(engine, trained.policy))


def practise_unlabelled(domain: str) -> Training:
    """The same without labels: from how the records of a domain resemble each other. Writes nothing."""
    engine = engine_for(domain)
    learned = _learn(engine)
    if not learned.enough:
        raise Refused("; ".join(learned.notes))
    return Training(domain, engine.policy, engine.policy_version, learned, prospect(engine, learned.policy))


def _learn(engine: Engine) -> Learned:
    """From a sample of the records, each beside the first record of every golden record that it resembles."""
    live = SourceRecord.objects.filter(domain=engine.domain).exclude(state=SourceRecord.State.RETIRED)
    sample = list(live.order_by(MD5("code"), "pk").values_list("pk", flat=True)[: em.SAMPLE])  # by content
    _, near = pool.find(pool.keys(sample))
    goldens = live.filter(pk__in=near.tolist(), golden__isnull=False).values("golden")
    firsts = SourceRecord.objects.filter(golden__in=goldens).values("golden").annotate(first=Min("pk"))
    others = sorted(firsts.values_list("first", flat=True))
    rows = pool.rows([*sample, *others])
    stds, table = (standardised.load([rows[pk] for pk in ids]) for ids in (sample, others))
    place = {pk: row for row, pk in enumerate(others)}
    vocabularies: Vocabularies = {}
    return em.learn(
        engine.recipe,
        stds,
        assemble(engine.recipe, [pack(engine.recipe, table)] if table else [], vocabularies),
        vocabularies,
        engine.statistics,
        engine.policy,
        themselves=np.array([place.get(pk, -1) for pk in sample], dtype=np.int64),
    )


def _fit(engine: Engine, said: Mapping[tuple[int, int], bool], costs: Costs | None) -> Trained:
    if not said:
        raise Refused("Nothing was decided here yet. Decide reviews, or answer a batch of labels.")
    rows = pool.rows(sorted({pk for pair in said for pk in pair}))
    left, right = (standardised.load([rows[pair[side]] for pair in said]) for side in (0, 1))
    pairs = list(zip(left, right, strict=True))
    return fit(engine.recipe, engine.statistics, engine.policy, pairs, list(said.values()), costs)


def train(
    *, domain: str, actor: User, reason: str, costs: Costs | None = None, unlabelled: bool = False
) -> ChangeRequest:
    """Propose new rules, learned from what people decided, or without that (``unlabelled``; then costs stay as they
    are). They wait for a second person's approval.

    Learning and looking at the population come before the transaction that stores the proposal, which is refused if
    other rules came into force meanwhile.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    training = practise_unlabelled(domain) if unlabelled else practise(domain, costs)
    return rules.propose(
        kind=Policy.Kind.MATCH,
        domain=domain,
        body=training.trained.policy.to_json(),
        diff=training.to_json(),
        touched=training.prospect.population.touched,
        expected_version=training.version,
        actor=actor,
        reason=reason,
        pairs=training.prospect.pairs.first,
    )
