"""dedupe: the one peer that is given labels, 100 matching and 100 distinct pairs, which then don't count.

Every second distinct pair is a hard one: neighbours by name.
"""

from __future__ import annotations

import io
import logging
import os
import random
from dataclasses import replace
from itertools import combinations

import dedupe
import numpy as np
from dedupe.serializer import write_training

from .task import Pairs, Task, Watch, in_order, main, report, skip

LABELS, MOST_ROWS = 100, 50_000
EVEN_ODDS = 0.5
NOT_COMPARED = ("text", "codes", "price")
Record = dict[str, str | None]


def fields_of(task: Task) -> list[str]:
    """Columns that a fifth of the records have."""
    names = [name for name in task.tables[0] if name not in NOT_COMPARED]
    return [name for name in names if all((table[name] != "").mean() > 0.2 for table in task.tables)]


def records_of(task: Task, fields: list[str]) -> list[dict[int, Record]]:
    return [
        {row: {name: value or None for name, value in values.items()} for row, values in enumerate(rows)}
        for rows in (table[fields].to_dict("records") for table in task.tables)
    ]


def labels(task: Task, left: dict[int, Record], right: dict[int, Record]) -> tuple[list, list]:
    """Matching and distinct pairs of rows, drawn with a fixed seed."""
    rng = random.Random(0)
    matching = rng.sample(sorted(task.truth), min(LABELS, len(task.truth) // 2))
    by_name = sorted(right, key=lambda row: right[row]["name"] or "")
    lefts = sorted(left, key=lambda row: left[row]["name"] or "")
    distinct: set[tuple[int, int]] = set()
    while len(distinct) < LABELS:
        place = rng.randrange(len(lefts))
        near = int(place * len(by_name) / len(lefts)) + rng.randint(-2, 2)
        a, b = lefts[place], by_name[near % len(by_name)] if len(distinct) % 2 else rng.choice(by_name)
        pair = (a, b) if task.is_link else (min(a, b), max(a, b))
        if (task.is_link or a != b) and pair not in task.truth | task.ignored:
            distinct.add(pair)
    return matching, sorted(distinct)


def taught(task: Task, fields: list[str], records: list[dict[int, Record]], pairs: tuple[list, list]) -> object:
    left, right = records[0], records[-1]
    file = io.StringIO()
    examples = ([(left[a], right[b]) for a, b in labelled] for labelled in pairs)
    write_training(dict(zip(("match", "distinct"), examples, strict=True)), file)
    file.seek(0)
    missing = {name: any((table[name] == "").any() for table in task.tables) for name in fields}
    compared = [dedupe.variables.String(name, has_missing=missing[name]) for name in fields]
    compared += [dedupe.variables.Text("name")] * (task.kind == "item")
    matcher = (dedupe.RecordLink if task.is_link else dedupe.Dedupe)(compared, num_cores=os.cpu_count())
    matcher.prepare_training(*records, training_file=file, sample_size=2000)
    matcher.train(recall=0.95, index_predicates=True)
    return matcher


def solve(task: Task, watch: Watch) -> None:
    logging.disable(logging.ERROR)
    random.seed(0)  # dedupe draws from the global generators
    np.random.seed(0)
    if not task.truth:
        skip("dedupe", task, "no truth to draw labels from")
        return
    if len(task.raw[0]) > MOST_ROWS:
        skip("dedupe", task, f"more than {MOST_ROWS:,} rows")
        return
    fields = fields_of(task)
    records = records_of(task, fields)
    with watch.stage("train"):
        matching, distinct = labels(task, records[0], records[-1])
        matcher = taught(task, fields, records, (matching, distinct))
    with watch.stage("predict"):
        if task.is_link:
            found = [(a, b, score) for (a, b), score in matcher.join(*records, threshold=0.0, constraint="one-to-one")]
        else:
            groups = matcher.partition(records[0], threshold=EVEN_ODDS)
            found = [(a, b, 1.0) for rows, _ in groups for a, b in combinations(sorted(rows), 2)]
        columns = zip(*found, strict=True) if found else ((), (), ())
        pairs = Pairs(*(np.array(column) for column in columns))
    used = set(matching) | set(distinct)
    unseen = replace(task, truth=task.truth - used, ignored=task.ignored | used)
    report(
        "dedupe (200 labels)",
        unseen,
        watch,
        pairs if task.is_link else in_order(pairs),
        EVEN_ODDS,
        known=False,
        assigns=True,
    )


if __name__ == "__main__":
    main(solve)
