"""`make bench`: what the hot paths cost on this machine, on made-up data. Times are told, never judged.

The engine is measured on items of the demo's network. Lookups are measured on the codes that `make demo` or `make run`
has left in the database. For precision and recall on labelled tasks: `python -m matching evaluate`.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import django

from mdm import embedded

ITEMS, CANDIDATES, LOOKUPS, BATCH = 1_000, 200, 2_000, 1_000
TEXTS = ("description", "manufacturer", "catalogue_number", "size", "gtin")


def say(what: str, value: float, unit: str) -> None:
    sys.stdout.write(f"{what:<42} {value:>12,.1f} {unit}\n")


def each(what: str, act: Callable[[Any], object], arguments: Sequence[Any], *, per: int = 1) -> None:
    """Median and 95th percentile of one call, divided by what it does ``per`` call."""
    times = []
    for argument in arguments:
        begin = time.perf_counter()
        act(argument)
        times.append((time.perf_counter() - begin) * 1e6 / per)
    times.sort()
    say(f"{what}, median", times[len(times) // 2], "µs")
    say(f"{what}, p95", times[len(times) * 95 // 100], "µs")


def engine() -> None:
    from matching import Policy, Statistics, recipe_for
    from sync.demo.build import build
    from sync.demo.feeds import Landscape

    rows = Landscape(build(7, 0.5), 7).table("scm", "item").rows[:ITEMS]
    records = [{path: row.values[path] for path in TEXTS if row.values.get(path)} for row in rows]
    recipe, policy = recipe_for("item"), Policy.default("item")
    each("standardise an item", recipe.standardise, records)
    standards = [recipe.standardise(record) for record in records]
    each("blocking keys of an item", recipe.keys, standards)
    statistics = Statistics.collect(recipe, standards)
    candidates = standards[:CANDIDATES]
    each(
        f"score a pair (one item against {CANDIDATES})",
        lambda query: recipe.scores(query, candidates, statistics, policy),
        standards[-100:],
        per=CANDIDATES,
    )


def lookups() -> None:
    from mdm import lookup
    from mdm.models import CodeSystem, Crosswalk

    codes = Crosswalk.objects.filter(code_system__unique=True, known_to=None)
    busiest = max(
        CodeSystem.objects.filter(unique=True), key=lambda s: codes.filter(code_system=s).count(), default=None
    )
    known = list(codes.filter(code_system=busiest).values_list("code", flat=True)[:100_000]) if busiest else []
    if not busiest or not known:
        sys.stdout.write("No codes to look up: run make demo or make run first.\n")
        return
    dice = random.Random(7)
    each("look one code up", lambda code: lookup.resolve(busiest.slug, code), dice.choices(known, k=LOOKUPS))
    batches = [dice.choices(known, k=BATCH) for _ in range(20)]
    each(
        f"look a code up in a batch of {BATCH}",
        lambda many: lookup.resolve_many(busiest.slug, many),
        batches,
        per=BATCH,
    )


def main() -> None:
    engine()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdm.settings")
    embedded.ensure()
    django.setup()
    lookups()


if __name__ == "__main__":
    main()
