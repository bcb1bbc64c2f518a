"""GoldenMatch without configuration: it looks at the columns that have a role and chooses for itself.

Whatever it returns counts as a match.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOLDENMATCH_OFFLINE", "1")

import goldenmatch
import numpy as np
import polars as pl

from .task import Pairs, Task, Watch, in_order, main, report

UNASKED = {"confidence_required": False, "allow_red_config": True}  # a person would be asked; nobody is here


def link(task: Task) -> Pairs:
    left, right = (pl.from_pandas(table[task.columns]) for table in task.raw)
    matched = goldenmatch.match_df(left, right, **UNASKED).matched
    if matched is None or not len(matched):
        return Pairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    rows = {name: matched[name].to_numpy() for name in ("__target_row_id__", "__ref_row_id__", "__match_score__")}
    target, reference, score = rows.values()
    return Pairs(target.astype(int), reference.astype(int) - len(left), score.astype(float))


def dedupe(task: Task) -> Pairs:
    result = goldenmatch.dedupe_df(pl.from_pandas(task.raw[0][task.columns]), **UNASKED)
    found = np.array(result.scored_pairs or [], dtype=float).reshape(-1, 3)
    return in_order(Pairs(found[:, 0].astype(int), found[:, 1].astype(int), found[:, 2]))


def solve(task: Task, watch: Watch) -> None:
    with watch.stage("predict"):
        pairs = link(task) if task.is_link else dedupe(task)
    report("goldenmatch", task, watch, pairs, 0.0)


if __name__ == "__main__":
    main(solve)
