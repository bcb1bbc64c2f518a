"""The truth about the demo's records: which rows of which systems are the same thing.

It lies apart from the feeds (``truth/<domain>.csv``: system, code, truth_id) and is read only by the simulated stewards
and by the report.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

Code = tuple[str, str]  # (system, the system's code)
HEADING = ("system", "code", "truth_id")


@dataclass
class Truth:
    """``ids[domain][(system, code)]`` is the id of the thing that the row describes."""

    ids: dict[str, dict[Code, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path) -> Truth:
        """Reads ``directory/truth``, and what later days (``directory/day*/truth``) added to it."""
        truth = cls()
        for path in [*sorted(directory.glob("truth/*.csv")), *sorted(directory.glob("day*/truth/*.csv"))]:
            with path.open(encoding="utf-8", newline="") as file:
                rows = {(row["system"], row["code"]): row["truth_id"] for row in csv.DictReader(file)}
            truth.ids.setdefault(path.stem, {}).update(rows)
        if not truth.ids:
            raise FileNotFoundError(f"No truth under {directory}; write the demo first (manage.py generate_demo)")
        return truth

    def of(self, domain: str, code: Code) -> str | None:
        """The id of the thing behind a code, None for a code that the generator never gave out."""
        return self.ids[domain].get(code)

    def same(self, domain: str, one: Code, other: Code) -> bool:
        """Whether two codes stand for the same thing; an unknown code is the same as nothing."""
        known = self.of(domain, one)
        return known is not None and known == self.of(domain, other)

    def groups(self, domain: str) -> dict[str, list[Code]]:
        """Truth id → all its codes, sorted."""
        groups: dict[str, list[Code]] = defaultdict(list)
        for code, truth_id in sorted(self.ids[domain].items()):
            groups[truth_id].append(code)
        return dict(groups)

    def pairs(self, domain: str) -> set[tuple[Code, Code]]:
        """All pairs of codes that are the same thing, each pair once and in order, within a system and across."""
        return {pair for codes in self.groups(domain).values() for pair in combinations(codes, 2)}


def write_truth(directory: Path, domain: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Writes ``directory/truth/<domain>.csv`` sorted by system and code."""
    directory.joinpath("truth").mkdir(parents=True, exist_ok=True)
    with directory.joinpath("truth", f"{domain}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADING)
        writer.writerows(sorted(rows))
