"""What peers share: a task is read and cleaned, stages are timed, scored pairs are judged, a line of JSON is printed.

A peer is a function ``solve(task, watch)`` given to ``main``. Scored pairs are three arrays: row on the left, row on
the right, score. In a table of duplicates the left row stands before the right one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import time
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

CODES = ("code", "phone", "gtin", "ein")  # compared as letters and digits
LEFT_OUT = (
    "description",
    "long_description",
    "size",
    "gtin",
    "price",
    "location_type",
)  # of the one text: they blur it
CODE_LIKE = re.compile(r"(?=[a-z0-9./-]*\d)[a-z0-9][a-z0-9./-]{3,}[a-z0-9]")
SPLIT = re.compile(r"[^a-z0-9.]+")


class Pairs(NamedTuple):
    left: np.ndarray  # row numbers
    right: np.ndarray
    score: np.ndarray  # higher is surer


@dataclass
class Task:
    """``tables``: one to find duplicates in, two to link; a column per role. ``truth``: pairs of row numbers."""

    name: str
    kind: str  # "item" or "party"
    columns: list[str]  # the raw columns that have a role
    raw: list[pd.DataFrame]
    truth: set[tuple[int, int]]
    ignored: set[tuple[int, int]]
    tables: list[pd.DataFrame] = field(default_factory=list)

    @property
    def is_link(self) -> bool:
        return len(self.raw) == 2

    @property
    def every_pair(self) -> int:
        rows = len(self.raw[0])
        return rows * len(self.raw[1]) if self.is_link else rows * (rows - 1) // 2


@dataclass
class Watch:
    """Seconds of each stage; ``peak_rss_mb`` when the last one ended, so that judging isn't counted."""

    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss_mb: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - begin
        used = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        self.peak_rss_mb = max(used) // 1024


# ------------------------------------------------------------------------------------------------- reading


def read(folder: Path, stem: str) -> pd.DataFrame | None:
    """``stem``.csv or .csv.gz, all text; None if there is none."""
    for name in (f"{stem}.csv", f"{stem}.csv.gz"):
        if (folder / name).exists():
            return pd.read_csv(folder / name, dtype=str, keep_default_na=False)
    return None


def roles_of(folder: Path, given: Path | None) -> dict[str, str]:
    """Role → column: the task's own roles.toml, else the section of the one given that is named after the folder."""
    own = folder / "roles.toml"
    if not own.exists() and given is None:
        sys.exit(f"{folder} has no roles.toml; name one with --roles")
    table = tomllib.loads((own if own.exists() else given).read_text(encoding="utf-8"))
    return table.get(folder.name, table)


def pairs_of(folder: Path, stem: str, rows: list[dict[str, int]]) -> set[tuple[int, int]]:
    """Pairs of row numbers from two columns of ids, or from ``id,cluster``."""
    table = read(folder, stem)
    if table is None:
        return set()
    if "cluster" in table:
        together = (sorted(rows[0][i] for i in ids) for _, ids in table.groupby("cluster")["id"] if len(ids) > 1)
        return {pair for members in together for pair in combinations(members, 2)}
    pairs = ((rows[0][a], rows[-1][b]) for a, b in zip(table.iloc[:, 0], table.iloc[:, 1], strict=True))
    return set(pairs) if len(rows) == 2 else {(min(p), max(p)) for p in pairs}


def load(folder: Path, roles_file: Path | None, watch: Watch) -> Task:
    """Read and clean a task. Only reading and cleaning records is timed: nobody needs the truth."""
    roles = roles_of(folder, roles_file)
    with watch.stage("load"):
        raw = [table for stem in ("left", "right", "single") if (table := read(folder, stem)) is not None]
        used = {role: name for role, name in roles.items() if role not in ("kind", "domain") and name in raw[0]}
        tables = [cleaned(table, used, roles["kind"]) for table in raw]
    rows = [dict(zip(table["id"], range(len(table)), strict=True)) for table in raw]
    truth, ignored = (pairs_of(folder, stem, rows) for stem in ("truth", "probable_extra"))
    return Task(folder.name, roles["kind"], list(used.values()), raw, truth - ignored, ignored, tables)


def fold(text: str) -> str:
    """Lower-case ASCII words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return " ".join(word for part in SPLIT.split(plain) if (word := part.strip(".")))


def solid(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def host(text: str) -> str:
    return re.sub(r"^(https?://)?(www\.)?", "", text.strip().lower()).split("/")[0]


def codes_of(text: str) -> list[str]:
    """Words that look like codes, whole and in those parts that are long enough to tell something."""
    found = CODE_LIKE.findall(text.lower())
    parts = (part for word in found for part in re.split(r"[./-]", word) if len(part) >= 4)
    return sorted({solid(word).lstrip("0") for word in (*found, *parts) if any(c.isdigit() for c in word)} - {""})


def cleaned(raw: pd.DataFrame, roles: dict[str, str], kind: str) -> pd.DataFrame:
    """A column per role; ``text``, which is nearly everything in one; ``codes``, lists of what looks like a code."""
    table = pd.DataFrame(index=raw.index)
    for role, name in roles.items():
        table[role] = raw[name].map(solid if role in CODES else host if role == "website" else fold)
    parts = [table[role] for role in roles if role not in LEFT_OUT]
    if "code" in roles:
        named = [raw[roles[role]] for role in ("name", "description") if role in roles] if kind == "item" else []
        table["codes"] = (
            raw[roles["code"]].str.cat(named, sep=" ").map(codes_of) if named else raw[roles["code"]].map(codes_of)
        )
    table["text"] = parts[0].str.cat(parts[1:], sep=" ").str.replace(r" +", " ", regex=True).str.strip()
    return table


# ------------------------------------------------------------------------------------------------- judging


def one_to_one(pairs: Pairs) -> Pairs:
    """Greedy: the surest pair first, every row once. Ties are broken by lot: rows may stand in telling order."""
    lot = np.random.default_rng(0).permutation(len(pairs.score))
    left_used, right_used, kept = set[int](), set[int](), []
    for at in lot[np.argsort(-pairs.score[lot], kind="stable")]:
        a, b = int(pairs.left[at]), int(pairs.right[at])
        if a not in left_used and b not in right_used:
            left_used.add(a)
            right_used.add(b)
            kept.append(at)
    chosen = np.array(kept, dtype=int)
    return Pairs(pairs.left[chosen], pairs.right[chosen], pairs.score[chosen])


def in_order(pairs: Pairs) -> Pairs:
    """Pairs of one table with the first row first, each once, none with itself."""
    low, high = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    order = np.lexsort((-pairs.score, high, low))
    low, high, score = low[order], high[order], pairs.score[order]
    first = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])) if len(low) else np.zeros(0, bool)
    kept = first & (low != high)
    return Pairs(low[kept], high[kept], score[kept])


def hits_of(pairs: Pairs, wanted: set[tuple[int, int]]) -> np.ndarray:
    """Per pair, whether it is wanted."""
    keys = np.array([(a << 32) | b for a, b in wanted], dtype=np.int64)
    return np.isin((pairs.left.astype(np.int64) << 32) | pairs.right.astype(np.int64), keys)


def best_f1(score: np.ndarray, hit: np.ndarray, true: int) -> float:
    """F1 at the threshold that the truth would choose: what no tool can know, and so a bound on all its settings."""
    order = np.argsort(-score, kind="stable")
    score, found = score[order], np.cumsum(hit[order])
    ends = np.append(score[1:] != score[:-1], True) if len(score) else np.zeros(0, bool)
    values = 2 * found[ends] / (np.flatnonzero(ends) + 1 + true)
    return round(float(values.max(initial=0.0)), 4)


def judge(task: Task, pairs: Pairs, threshold: float) -> dict[str, Any]:
    """Precision, recall and F1 of the pairs at least as good as the threshold. Ignored pairs count neither way."""
    if not task.truth:
        return dict.fromkeys(("precision", "recall", "f1", "best_f1"))
    counted = ~hits_of(pairs, task.ignored)
    score, hit, true = pairs.score[counted], hits_of(pairs, task.truth)[counted], len(task.truth)
    over = score >= threshold
    hits, found = int(hit[over].sum()), int(over.sum())
    return {
        "precision": round(hits / found, 4) if found else 0.0,
        "recall": round(hits / true, 4),
        "f1": round(2 * hits / (found + true), 4),
        "best_f1": best_f1(score, hit, true),
        "threshold": threshold,
    }


_results = sys.stdout


def report(
    peer: str,
    task: Task,
    watch: Watch,
    candidates: Pairs,
    threshold: float,
    *,
    scored: int | None = None,
    known: bool = True,
    assigns: bool = False,
) -> None:
    """Print the figures of the pairs over the threshold and, to link, of their one-to-one assignment.

    ``scored``: how many pairs were, if every one was and the best are kept; ``known=False``: the peer keeps its
    candidates to itself; ``assigns``: it assigns one to one by itself.
    """
    reached = None
    if known and task.truth:
        reached = 1.0 if scored else round(int(hits_of(candidates, task.truth).sum()) / len(task.truth), 4)
    counts = {"pair_completeness": reached, "pairs_scored": scored or (len(candidates.score) if known else None)}
    _print(peer, task, watch, judge(task, candidates, threshold) | counts)
    if task.is_link and not assigns:
        with watch.stage("assign"):
            assigned = one_to_one(candidates)
        _print(f"{peer}+1to1", task, watch, judge(task, assigned, threshold) | counts)


def _print(peer: str, task: Task, watch: Watch, figures: dict[str, Any]) -> None:
    stages = {f"seconds_{name}": round(value, 2) for name, value in watch.seconds.items()}
    line = {"task": task.name, "peer": peer, **figures, "seconds": round(sum(watch.seconds.values()), 2), **stages}
    say(line | {"peak_rss_mb": watch.peak_rss_mb})


def say(line: dict[str, Any]) -> None:
    _results.write(json.dumps(line) + "\n")
    _results.flush()


def skip(peer: str, task: Task, reason: str) -> None:
    """Print that there is no result, and why."""
    say({"task": task.name, "peer": peer, "skipped": reason})


def main(solve: Callable[[Task, Watch], None]) -> None:
    """Command line of a peer: ``TASK_DIR [--roles FILE]``. Whatever libraries print goes to standard error."""
    global _results
    parser = argparse.ArgumentParser()
    parser.add_argument("task", type=Path)
    parser.add_argument("--roles", type=Path)
    options = parser.parse_args()
    _results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    watch = Watch()
    solve(load(options.task.resolve(), options.roles, watch), watch)
