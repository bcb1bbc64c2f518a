"""RapidFuzz: every pair by ``token_set_ratio``, nothing left out, nothing weighted."""

from __future__ import annotations

import numpy as np
from rapidfuzz import fuzz, process

from .task import Pairs, Task, Watch, main, report, skip

THRESHOLDS = {"item": 60, "party": 80}
MOST_PAIRS, ROWS, KEPT, LOWEST = 50_000_000, 500, 5, 40


def blocks(task: Task) -> Pairs:
    """The best few of every left record to link; every pair of some similarity to deduplicate."""
    left, right = task.tables[0]["text"].tolist(), task.tables[-1]["text"].tolist()
    found = []
    for start in range(0, len(left), ROWS):
        scores = process.cdist(
            left[start : start + ROWS],
            right,
            scorer=fuzz.token_set_ratio,
            score_cutoff=LOWEST,
            dtype=np.float32,
            workers=-1,
        )
        if task.is_link:
            kept = min(KEPT, scores.shape[1] - 1)
            columns = np.argpartition(-scores, kept, axis=1)[:, :kept].ravel()
            rows = np.repeat(np.arange(len(scores)), kept)
        else:
            rows, columns = np.nonzero(scores)
            rows, columns = rows[rows + start < columns], columns[rows + start < columns]
        found.append((rows + start, columns, scores[rows, columns]))
    return Pairs(*(np.concatenate(part) for part in zip(*found, strict=True)))


def solve(task: Task, watch: Watch) -> None:
    if task.every_pair > MOST_PAIRS:
        skip("rapidfuzz", task, f"{task.every_pair:,} pairs; every pair is compared up to {MOST_PAIRS:,}")
        return
    with watch.stage("predict"):
        pairs = blocks(task)
    report("rapidfuzz", task, watch, pairs, THRESHOLDS[task.kind], scored=task.every_pair)


if __name__ == "__main__":
    main(solve)
