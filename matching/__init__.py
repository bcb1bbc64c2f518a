"""Concord's matching engine: pure functions from records to evidence and decisions. No database, no clock."""

from .decide import Decision, Ranked, decide
from .domains import recipe_for
from .model import Policy, Statistics
from .recipe import Recipe, Scores
from .records import Comparison, Evidence

__all__ = [
    "Comparison", "Decision", "Evidence", "Policy", "Ranked", "Recipe", "Scores", "Statistics", "decide", "recipe_for",
]  # fmt: skip
