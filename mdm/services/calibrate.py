"""What scores mean in this hospital's data, learned without labels before a feed is resolved.

The records that wait are the sample: how they score against the golden records tells how far certain matches, siblings
and strangers lie apart here. See ``matching.calibration``.
"""

from __future__ import annotations

import numpy as np
from django.db import transaction
from django.db.models.functions import MD5

import matching
from matching import Scores
from matching.bulk import settle
from matching.calibration import Calibration
from mdm import candidates as pool
from mdm.engine import Engine, count_frequencies, engine_for
from mdm.locks import lock_name
from mdm.models import CodeSystem, Frequencies, SourceRecord
from mdm.services import scoring

SAMPLE = 2_000  # records
ENOUGH = 200  # of them that resemble something

Best = dict[tuple[int, int], tuple[float, bool]]


def prepare(domain: str) -> None:
    """Count frequencies anew and learn what scores mean, if the domain has grown since."""
    if count_frequencies(domain):
        _calibrate(domain)


@transaction.atomic
def _calibrate(domain: str) -> None:
    lock_name("statistics", domain)
    engine = engine_for(domain)
    learned = _learn(engine)
    if learned is not None:
        latest = Frequencies.objects.filter(domain=domain).order_by("-version").values("pk")[:1]
        Frequencies.objects.filter(pk__in=latest).update(calibration=learned.to_json())


def _learn(engine: Engine) -> Calibration | None:
    waiting = SourceRecord.objects.filter(
        domain=engine.domain, state=SourceRecord.State.PENDING, golden__isnull=True
    ).order_by(MD5("code"))  # by content: the same records give the same sample
    sources = dict(waiting.values_list("pk", "code_system")[:SAMPLE])
    best = _best(engine, sources)
    lefts, rights = (sorted({pair[side] for pair in best}) for side in (0, 1))
    if len(lefts) < ENOUGH:
        return None
    left_at, right_at = ({pk: i for i, pk in enumerate(side)} for side in (lefts, rights))
    left = np.array([left_at[a] for a, _ in best], dtype=np.int64)
    right = np.array([right_at[b] for _, b in best], dtype=np.int64)
    scored = Scores(np.array([bits for bits, _ in best.values()]), np.array([veto for _, veto in best.values()]))
    _, policy = settle(len(lefts), left, right, scored, matching.Policy.default(engine.domain))
    return policy.calibration


def _best(engine: Engine, sources: dict[int, int]) -> Best:
    """(source, golden record) → the best score of its records, and whether any vetoes."""
    found = zip(*(side.tolist() for side in pool.find(pool.keys(list(sources)), engine.common)), strict=True)
    pairs = list(found)
    rows = pool.rows(sorted({*sources, *(b for _, b in pairs)}))
    clean = set(CodeSystem.objects.filter(deduplicated=True).values_list("pk", flat=True))
    pairs = [
        (a, b)
        for a, b in pairs
        if b in rows and rows[b].golden is not None and not (sources[a] in clean and rows[b].code_system == sources[a])
    ]
    best: Best = {}
    if not pairs:
        return best
    [scores] = scoring.score_pairs(engine, pairs, rows, engine.policy)
    for (a, b), bits, veto in zip(pairs, scores.bits.tolist(), scores.vetoed.tolist(), strict=True):
        pair = a, rows[b].golden or 0
        before, vetoed = best.get(pair, (bits, False))
        best[pair] = max(bits, before), veto or vetoed
    return best
