"""One recipe per domain."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from ..recipe import Recipe

NAMES = ("item", "supplier", "location", "cost_center")


@cache
def recipe_for(domain: str) -> Recipe:
    """The recipe of ``domain``: "item", "supplier", "location" or "cost_center"; ``KeyError`` for anything else."""
    if domain not in NAMES:
        raise KeyError(f"no recipe for the domain {domain!r}; there are {', '.join(NAMES)}")
    recipe: Recipe = import_module(f"{__name__}.{domain}").RECIPE
    return recipe
