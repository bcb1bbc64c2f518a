"""What scores mean in this hospital's data, learned without labels before a feed is resolved.

The records that wait are the sample: how they score against the golden records tells how far certain matches, siblings
and strangers lie apart here. See ``matching.calibration``.
"""

from __future__ import annotations

import numpy as np
from django.db import transaction
from django.db.models.functions import MD5
from numpy.typing import NDArray

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

Ints = NDArray[np.int64]


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
    found = pool.find(pool.keys(list(sources)), engine.common)
    pairs = list(zip(*(side.tolist() for side in found), strict=True))
    rows = pool.rows(sorted({*sources, *(b for _, b in pairs)}))
    clean = set(CodeSystem.objects.filter(deduplicated=True).values_list("pk", flat=True))
    pairs = [
        (a, b)
        for a, b in pairs
        if b in rows and rows[b].golden is not None and not (sources[a] in clean and rows[b].code_system == sources[a])
    ]
    if len({a for a, _ in pairs}) < ENOUGH:
        return None
    [scores] = scoring.score_pairs(engine, pairs, rows, engine.policy)
    goldens = np.array([rows[b].golden for _, b in pairs], dtype=np.int64)
    return among_goldens(engine.domain, np.array([a for a, _ in pairs], dtype=np.int64), goldens, scores)


def among_goldens(domain: str, left: Ints, goldens: Ints, scores: Scores) -> Calibration:
    """What scores of records against golden records mean. A record has one golden record at most: each counts with the
    best score of its records, and any veto.

    Args: per pair the number of the left record, the golden record's id, and the score.
    """
    rows, row = np.unique(left, return_inverse=True)
    targets, target = np.unique(goldens, return_inverse=True)
    pairs, place = np.unique(row * len(targets) + target, return_inverse=True)
    bits = np.full(len(pairs), -np.inf)
    np.maximum.at(bits, place, scores.bits)
    vetoed = np.bincount(place, scores.vetoed, len(pairs)) > 0
    one, two = np.divmod(pairs, len(targets))
    _, policy = settle(len(rows), one, two, Scores(bits, vetoed), matching.Policy.default(domain))
    return policy.calibration
