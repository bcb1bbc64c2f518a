"""The dictionaries: tab-separated files beside this module, each with its source in the first line.

A file has two columns, a written form and what it stands for; lines that start with ``#`` are comments. A hospital's
own words come on top with ``use``; ``matching.standardise.entries`` reads them from files and checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Protocol, TypeVar

Words = Mapping[str, Mapping[str, str]]
"""Dictionary → written form → meaning."""


class _Cached(Protocol):
    def cache_clear(self) -> None: ...


T = TypeVar("T", bound=_Cached)

_FILES = resources.files(__package__).joinpath("data")
NAMES = tuple(sorted(file.name.removesuffix(".tsv") for file in _FILES.iterdir() if file.name.endswith(".tsv")))
_own: Words = MappingProxyType({})
_dependents: list[_Cached] = []


def forgetful(cached: T) -> T:
    """Mark a cached function whose results depend on the dictionaries: they are forgotten when the words change."""
    _dependents.append(cached)
    return cached


@cache
def shipped(name: str) -> Mapping[str, str]:
    """The dictionary ``name`` as it comes with the engine."""
    text = _FILES.joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return MappingProxyType({p[0].strip(): p[1].strip() if len(p) > 1 else "" for p in lines})


@forgetful
@cache
def dictionary(name: str) -> Mapping[str, str]:
    """The dictionary ``name``: written form → meaning, the hospital's own entries on top."""
    return MappingProxyType({**shipped(name), **_own.get(name, {})})


@forgetful
@cache
def word_set(name: str) -> frozenset[str]:
    """The written forms of the dictionary ``name``."""
    return frozenset(dictionary(name))


def own_words() -> Words:
    """The hospital's own words in use."""
    return _own


def use(words: Words) -> None:
    """Read with a hospital's own words from now on, in place of those used before; ``{}`` uses none.

    What was standardised before stays as it is: stored records are to be standardised anew.
    """
    global _own
    _own = MappingProxyType({name: MappingProxyType(dict(entries)) for name, entries in words.items() if entries})
    for cached in _dependents:
        cached.cache_clear()
