"""The dictionaries: tab-separated files beside this module, each with its source in the first line.

A file has two columns, a written form and what it stands for; lines that start with ``#`` are comments. A hospital
adds its own words with ``extend``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_EXTENSIONS: dict[str, dict[str, str]] = {}


def _rows(name: str) -> list[tuple[str, str]]:
    text = resources.files(__package__).joinpath("data", f"{name}.tsv").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [(parts[0].strip(), parts[1].strip() if len(parts) > 1 else "") for parts in lines]


@cache
def dictionary(name: str) -> Mapping[str, str]:
    """The dictionary ``name``: written form → meaning, the hospital's own entries on top."""
    return MappingProxyType(dict(_rows(name)) | _EXTENSIONS.get(name, {}))


@cache
def word_set(name: str) -> frozenset[str]:
    """The written forms of the dictionary ``name``."""
    return frozenset(dictionary(name))


def extend(name: str, entries: Mapping[str, str]) -> None:
    """Add a hospital's own ``entries`` to the dictionary ``name``.

    To be called once, before anything is standardised: what is stored was made with the dictionaries of its time.
    """
    _EXTENSIONS.setdefault(name, {}).update(entries)
    for cached in (dictionary, word_set):
        cached.cache_clear()
