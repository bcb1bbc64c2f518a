"""How well the engine does on a labelled task, at its own decisions: one JSON line.

    python -m tests.bench.matching_tasks TASK_DIR --domain item --roles roles.toml [--clean] [--pairs PAIRS.csv]

A task is a folder with ``left.csv`` and ``right.csv`` (link) or ``single.csv`` (find duplicates), each with an ``id``
column, ``truth.csv`` (two id columns) and perhaps ``probable_extra.csv`` (pairs that count neither way); ``.csv.gz`` is
fine. ``roles.toml`` says what its columns mean, in a section named after the folder or without sections: name,
description, brand, code, address, city, postcode, phone, website. No truth is used but to count.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import resource
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from matching import Recipe, recipe_for
from matching.bulk import Deduplicated, Linked, dedupe, link
from matching.evaluate import Quality, quality

Rows = list[dict[str, str]]
Pair = tuple[str, str]

# Role → canonical field. Addresses of suppliers are children, see ``values_of``.
ITEM = {"name": "description", "description": "long_description", "brand": "manufacturer", "code": "catalogue_number"}
PARTY = {"name": "name", "phone": "phone", "website": "website", "email": "email"}
PLACE = {"address": "line1", "city": "city", "state": "state", "postcode": "postcode"}


def read(folder: Path, stem: str) -> Rows | None:
    """A table of the task, or None if it has none of that name."""
    for path, opened in ((folder / f"{stem}.csv", open), (folder / f"{stem}.csv.gz", gzip.open)):
        if path.exists():
            with opened(path, "rt", encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
    return None


def roles_of(folder: Path, given: Path | None) -> dict[str, str]:
    """Role → column."""
    own = folder / "roles.toml"
    table = tomllib.loads((own if own.exists() or given is None else given).read_text(encoding="utf-8"))
    roles: dict[str, str] = table.get(folder.name, table)
    return roles


def values_of(row: dict[str, str], roles: dict[str, str], domain: str) -> dict[str, Any]:
    """A row as canonical values of the domain."""
    fields = ITEM if domain == "item" else PARTY if domain == "supplier" else PARTY | PLACE
    values: dict[str, Any] = {field: row[roles[role]] for role, field in fields.items() if role in roles}
    if domain == "supplier":
        address = {field: row[roles[role]] for role, field in PLACE.items() if role in roles}
        values["addresses"] = [{"purpose": "ordering", **address}] if any(address.values()) else []
    return values


def truth_of(folder: Path, stem: str, *, ordered: bool) -> set[Pair]:
    """Pairs of ids; in a table of duplicates their order says nothing."""
    pairs = [tuple(row.values())[:2] for row in read(folder, stem) or []]
    return {(a, b) if ordered else (min(a, b), max(a, b)) for a, b in pairs}


def run_link(
    recipe: Recipe, left: Rows, right: Rows, roles: dict[str, str], clean: bool
) -> tuple[Linked, set[Pair], set[Pair]]:
    """The outcome, the automatic links and the best candidates under review, by id."""
    sides = [[values_of(row, roles, recipe.domain) for row in rows] for rows in (left, right)]
    found = link(recipe, *sides, one_to_one=clean)
    named = [{(left[a]["id"], right[b]["id"]) for a, b in pairs} for pairs in (found.links, found.reviews)]
    return found, named[0], named[1]


def run_dedupe(recipe: Recipe, rows: Rows, roles: dict[str, str]) -> tuple[Deduplicated, set[Pair], set[Pair]]:
    """The outcome, the pairs joined and the pairs under review, by id."""
    found = dedupe(recipe, [values_of(row, roles, recipe.domain) for row in rows])
    ids = [row["id"] for row in rows]
    named = [{(min(ids[a], ids[b]), max(ids[a], ids[b])) for a, b in pairs} for pairs in (found.pairs, found.reviews)]
    return found, named[0], named[1]


def report(folder: Path, counted: tuple[Quality, Quality], rows: int, reviews: int, seconds: float) -> dict[str, Any]:
    automatic, both = counted
    return {
        "task": folder.name,
        **automatic.to_json(),
        "recall_with_review": round(both.recall, 4),
        "review_rate": round(reviews / max(1, rows), 4),
        "seconds": round(seconds, 2),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", type=Path)
    parser.add_argument("--domain", default="item", choices=("item", "supplier", "location", "cost_center"))
    parser.add_argument("--roles", type=Path)
    parser.add_argument("--clean", action="store_true", help="both sources are free of duplicates: link one to one")
    parser.add_argument("--pairs", type=Path, help="write id_a, id_b, score of every pair scored")
    options = parser.parse_args(arguments)
    recipe, roles = recipe_for(options.domain), roles_of(options.task, options.roles)
    left, right, single = (read(options.task, stem) for stem in ("left", "right", "single"))
    start = time.perf_counter()
    found: Linked | Deduplicated
    if left is not None and right is not None:
        found, links, reviews = run_link(recipe, left, right, roles, options.clean)
        ids = [row["id"] for row in left], [row["id"] for row in right]
    else:
        found, links, reviews = run_dedupe(recipe, single or [], roles)
        ids = ([row["id"] for row in single or []],) * 2
    seconds = time.perf_counter() - start
    truth, ignore = (truth_of(options.task, s, ordered=single is None) for s in ("truth", "probable_extra"))
    counted = quality(links, truth, ignore), quality(links | reviews, truth, ignore)
    if options.pairs:
        write_pairs(options.pairs, found, ids)
    return report(options.task, counted, len(ids[0]), len(reviews), seconds)


def write_pairs(path: Path, found: Linked | Deduplicated, ids: tuple[list[str], list[str]]) -> None:
    """Every pair that was scored, for other scorers."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id_a", "id_b", "score"])
        for a, b, bits in zip(found.left.tolist(), found.right.tolist(), found.bits.tolist(), strict=True):
            writer.writerow([ids[0][a], ids[1][b], bits])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
