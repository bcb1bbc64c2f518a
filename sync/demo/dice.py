"""Seeded chance: every record has dice of its own, so that a change to one record never shifts another's."""

from __future__ import annotations

import random
from collections import Counter


class Dice(random.Random):
    """Random numbers named by words: ``Dice(7, "erp", "item", "I00042")`` rolls the same in every run.

    ``counts`` tells how often each kind of noise was let through :meth:`strikes`; dice of one feed share it.
    """

    def __new__(cls, *names: object, counts: Counter[str] | None = None) -> Dice:
        """``random.Random`` takes positional seeds only; the names are handled in ``__init__``."""
        return super().__new__(cls)

    def __init__(self, *names: object, counts: Counter[str] | None = None) -> None:
        super().__init__(":".join(map(str, names)))
        self.counts: Counter[str] = Counter() if counts is None else counts

    def happens(self, rate: float) -> bool:
        return self.random() < rate

    def strikes(self, noise: str, rate: float) -> bool:
        """Whether a noise of this kind occurs now; counted when it does."""
        hit = self.random() < rate
        self.counts[noise] += hit
        return hit

    def pick(self, *options: str) -> str:
        return self.choice(options)
