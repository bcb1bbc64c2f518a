"""A hospital's own words: read from a file, checked, and put into the form that the dictionaries have.

A CSV or TSV file has a heading with the columns ``written`` and ``meaning`` and, unless the file is named after its one
dictionary (``abbreviations.csv``), ``dictionary``. A TOML file has a table per dictionary: ``written = "meaning"``, and
``""`` where there is no meaning, as of placeholders. Lines of CSV that start with ``#`` are comments.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..files import why
from .dictionaries import NAMES, Words, shipped
from .text import fold, spell

MEANINGLESS = frozenset(("placeholders", "legal_forms", "common", "address_units"))  # sets of words
MOST = 20_000  # entries
_PHRASES = frozenset(("placeholders", "states"))  # read as a whole; of others, word by word
_UNIT = re.compile(r"([a-z]+)\*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?) ?([a-z]+)")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


class BadEntries(ValueError):
    """A file of words can't be used. The message says where, and what to do."""


def read(path: Path) -> dict[str, dict[str, str]]:
    """The entries of a file: dictionary → written form → meaning. Raises BadEntries."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadEntries(f"{path}: {why(error)}.") from error
    rows = _toml(path, text) if path.suffix == ".toml" else _separated(path, text)
    found: dict[str, dict[str, str]] = {}
    for where, name, written, meaning in rows:
        try:
            form, stands_for = entry(name, written, meaning)
        except BadEntries as error:
            raise BadEntries(f"{path}{where}: {error}") from None
        before = found.setdefault(name, {}).setdefault(form, stands_for)
        if before != stands_for:
            raise BadEntries(f"{path}{where}: {form!r} stands for {before!r} already; leave one of the two.")
    if not found:
        raise BadEntries(f"{path} has no entries.")
    if sum(map(len, found.values())) > MOST:
        raise BadEntries(f"{path} has more than {MOST:,} entries.")
    return found


def _toml(path: Path, text: str) -> Iterator[tuple[str, str, str, str]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEntries(f"{path}: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise BadEntries(f'{path}: {name} is no table; write [{name}], and below it written = "meaning".')
        for written, meaning in table.items():
            if not isinstance(meaning, str):
                raise BadEntries(f"{path}, [{name}] {written}: a meaning is a text in quotes.")
            yield f", [{name}] {written}", name, written, meaning


def _separated(path: Path, text: str) -> Iterator[tuple[str, str, str, str]]:
    lines = text.splitlines()
    body = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    rows = csv.reader((line for _, line in body), delimiter="\t" if path.suffix == ".tsv" else ",")
    numbers = iter(number for number, _ in body)
    heading = [name.strip().lower() for name in next(rows, [])]
    next(numbers, None)
    if "written" not in heading:
        raise BadEntries(f"{path}: the first line must name the columns: dictionary, written, meaning.")
    default = path.stem if path.stem in NAMES else ""
    if "dictionary" not in heading and not default:
        raise BadEntries(f"{path}: no column named dictionary. Add one, or name the file after its dictionary.")
    for number, row in zip(numbers, rows, strict=False):
        if len(row) > len(heading):
            raise BadEntries(f"{path}, line {number}: {len(row)} fields, the heading has {len(heading)}.")
        said = dict(zip(heading, row, strict=False))
        yield (
            f", line {number}",
            said.get("dictionary", "").strip() or default,
            said["written"],
            said.get("meaning", ""),
        )


def entry(name: str, written: str, meaning: str) -> tuple[str, str]:
    """One entry as the dictionary holds it: (written form, meaning). Raises BadEntries."""
    if name not in NAMES:
        raise BadEntries(f"there is no dictionary {name!r}; there are {', '.join(NAMES)}.")
    form, stands_for = fold(written), fold(meaning)
    form = _NOT_WORD.sub(" ", form).strip() if name in _PHRASES else form
    if not form:
        raise BadEntries("the written form is empty.")
    if " " in form and name not in _PHRASES:
        raise BadEntries(f"{form!r} is of several words; this dictionary is read word by word.")
    if name in MEANINGLESS:
        if stands_for:
            raise BadEntries(f"{name} is a list of words; leave the meaning of {form!r} empty.")
        return form, ""
    if not stands_for:
        raise BadEntries(f"what does {form!r} stand for? The meaning is empty.")
    return form, _MEANING.get(name, str)(stands_for)


def _unit(meaning: str) -> str:
    """ "25.4 mm" or "mm*25.4" as "mm*25.4"."""
    found = _UNIT.fullmatch(meaning)
    unit, factor = (found[1] or found[4], found[2] or found[3]) if found else ("", "")
    known = sorted({value.partition("*")[0] for value in shipped("units").values()})
    if unit not in known or not float(factor or 0):
        raise BadEntries(f'{meaning!r} is no quantity such as "25.4 mm", in one of the units {", ".join(known)}.')
    return f"{unit}*{factor}"


def _code(meaning: str) -> str:
    code = meaning.upper()
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise BadEntries(f"{meaning!r} is no code of two letters, such as BX.")
    return code


def _axis(meaning: str) -> str:
    axis, _, value = meaning.partition(":")
    if not (axis.strip() and value.strip()):
        raise BadEntries(f"{meaning!r} names no axis and value, such as side:left.")
    return f"{axis.strip()}:{value.strip()}"


_MEANING = {"units": _unit, "packs": _code, "states": _code, "variants": _axis}
_CODED = frozenset((*_MEANING, *MEANINGLESS))


def check(words: Words) -> None:
    """Raise BadEntries where a word would mean something else than itself: what stands for a word must end up as it.

    ``words``: all of a hospital's own, which come on top of the shipped ones.
    """
    for name, entries in words.items():
        if name in _CODED:
            continue
        whole = {**shipped(name), **entries}
        for written, meaning in whole.items():
            for word in meaning.split():
                again = whole.get(word, word)
                if (written in entries or word in entries) and spell(again) != spell(word):
                    raise BadEntries(
                        f"{name}: {written!r} stands for {meaning!r}, but {word!r} itself stands for {again!r}. "
                        "A meaning is written out in full, and means nothing else."
                    )
