"""The benchmark's words: tab-separated files under ``data``, each with its source in the first line."""

from __future__ import annotations

from functools import cache
from importlib import resources
from random import Random


@cache
def table(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of ``data/<name>.tsv``; lines that start with ``#`` are comments."""
    text = resources.files(__package__).joinpath("data", f"{name}.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return tuple(tuple(part.strip() for part in line.split("\t")) for line in lines)


@cache
def column(name: str) -> tuple[str, ...]:
    """The first column of a table."""
    return tuple(row[0] for row in table(name))


@cache
def grouped(name: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The rows of a table by their first column, which is left out."""
    keys = dict.fromkeys(column(name))
    return {key: tuple(row[1:] for row in table(name) if row[0] == key) for key in keys}


@cache
def short_forms(name: str = "words") -> dict[str, tuple[str, ...]]:
    """Word in lower case → its abbreviations."""
    return {row[0].lower(): tuple(row[1].split()) for row in table(name)}


def seeded(*parts: object) -> Random:
    """A generator of its own for whatever ``parts`` name, the same on every machine and in every order of calls."""
    return Random("/".join(map(str, parts)))  # noqa: S311 (made-up data)


MARKS = ("", " Plus", " Pro", " Neo", " XR", " Duo", " Elite")


def coined(number: int) -> str:
    """The coined word with this number: all differ below 152,684, and neighbours are not alike."""
    first, middle, last = ([row[0] for row in grouped("syllables")[place]] for place in ("first", "middle", "last"))
    words = len(first) * len(middle) * len(last)
    spread, tail = divmod(number * 7_919 % words, len(last))
    head, body = divmod(spread, len(middle))
    return first[head] + middle[body] + last[tail] + MARKS[number // words % len(MARKS)]
