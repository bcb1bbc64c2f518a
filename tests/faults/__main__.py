"""``make faults`` and ``make soak``: a Concord of its own, harmed in every way of the plan, one seed after the other.

Prints one JSON line per figure (``name``, ``ours``, ``limit``, ``kept``) and a table at the end. Ends with 1 when a
figure isn't kept; the seed that it happened under is part of what is printed. ``--seeds 7 --first 12`` runs 12 to 18.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VAR = Path(os.environ.get("CONCORD_FAULTS_VAR") or ROOT / "var" / "faults")


def settle_environment() -> None:
    """Nothing of what the caller's Concord uses may be touched. Before Django reads its settings."""
    from mdm import embedded

    os.environ |= {
        "CONCORD_VAR": str(VAR),
        "CONCORD_HTTPS": "0",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": embedded.database_url(VAR.resolve()).replace("/concord?", "/faults?"),
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "mdm.settings",
    }


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    ours: float
    limit: float
    more: dict[str, Any]

    @property
    def kept(self) -> bool:
        return self.ours <= self.limit

    def print(self) -> None:
        row = {"name": self.name, "ours": round(self.ours, 2), "limit": self.limit, "kept": self.kept, **self.more}
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def arguments() -> Any:
    parser = ArgumentParser(description="Chaos: loss, phantoms, gaps and duplicates, and how long recovering takes.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seconds", type=float, default=25.0, help="of harm under each seed")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    settle_environment()
    import django

    django.setup()
    figures = list(chaos(range(options.first, options.first + options.seeds), options.seconds))
    table(figures)
    return 0 if all(figure.kept for figure in figures) else 1


def chaos(seeds: range, seconds: float) -> Iterator[Figure]:
    from tests.faults.chaos import run
    from tests.faults.chaos.world import world

    VAR.mkdir(parents=True, exist_ok=True)
    promised: dict[str, int] = {}
    with world() as made:
        run.come_to_rest(made)  # the records are where they belong before any harm is done
        for seed in seeds:
            yield from _shown(_of_seed(run.run(made, seed, seconds, promised)))
        yield from _shown(Figure(f"{r.name} (s)", r.seconds, r.limit, {}) for r in run.recoveries(made))


def _of_seed(done: Any) -> list[Figure]:
    about = {
        "seed": done.seed, "harms": done.harms, "changes": done.promised, "unanswered": done.unanswered,
        "attempts": done.attempts, "seconds_to_rest": round(done.rest, 1),
    }  # fmt: skip
    return [
        Figure(f"{name} under seed {done.seed}", len(found), 0, about | {"found": found[:5]})
        for name, found in vars(done.findings).items()
    ]


def _shown(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Each as soon as it is known."""
    for figure in figures:
        figure.print()
        yield figure


def table(figures: list[Figure]) -> None:
    width = max(len(figure.name) for figure in figures)
    sys.stdout.write(f"\n{'':{width}}     ours   limit\n")
    for figure in figures:
        mark = "" if figure.kept else "   NOT KEPT"
        sys.stdout.write(f"{figure.name:{width}} {figure.ours:8.2f} {figure.limit:7.1f}{mark}\n")


if __name__ == "__main__":
    sys.exit(main())
