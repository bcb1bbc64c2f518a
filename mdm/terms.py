"""What search compares: the terms of a record, and the terms that a typed text asks for. Pure.

Both sides go through the matching engine, so "16fr foley" asks for what "Catheter, Foley, 16 Fr" has. A term is a word
or a size as the engine writes it, or, told by its first character:

    #4817016    a code or identifier: letters and digits, without leading zeros
    ~16         a number that a size may be written as without its unit
    =           all records of a domain, among its words
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any

from matching import recipe_for
from matching.standardise import codes, sizes
from matching.standardise.identifiers import gtin
from matching.standardise.text import alnum, fold, unique

CODE, BARE, ALL = "#", "~", "="
MOST = 64  # terms of a record besides its own words
SHORTEST_CODE = 3  # characters of a code that is looked for by its beginning
FUZZY, VERY_FUZZY = 4, 8  # letters of a word that may have one slip, two slips
_SIZE = re.compile(r"\d+(?:\.\d+)?[a-z]*", re.ASCII)
_STEM = 7  # letters of a word that slips are looked for in

# Columns of standardised records: what the record is called, what identifies it, what else is known of it.
OWN = {"item": ("words", "sizes"), "supplier": ("name",), "location": ("name", "numbers"),
       "cost_center": ("name", "numbers")}  # fmt: skip
CODES = {
    "item": ("code_core", "gtins", "text_codes"),
    "supplier": ("duns", "ein", "lei", "gln", "npi", "phone"),
    "location": ("gln", "npi", "phone"),
    "cost_center": ("code", "segments", "segment"),
}
OTHER = {
    "item": ("packs", "maker", "sizes_context", "context"),
    "supplier": ("site", "city", "state", "postcode", "street"),
    "location": ("parent_name", "parent_numbers", "city", "state", "postcode", "street"),
    "cost_center": ("department", "entity", "around"),
}
TEXT = {"item": "description"}  # the field that a typed text is read as; elsewhere the name


@dataclass(slots=True)
class Asked:
    """One thing that a text asks for. Any of ``exact`` is it; what begins with one of ``prefixes`` may be."""

    shown: str
    exact: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """What may be misspelt; empty for sizes, codes and short words."""
        first = self.exact[0] if self.exact else ""
        return first if is_word(first) else ""


def is_word(term: str) -> bool:
    return len(term) >= FUZZY and term.isalpha()


def code(text: object) -> str:
    """A code as a term; empty if it has neither letters nor digits."""
    solid = alnum(text)
    return CODE + codes.core(solid) if solid else ""


def terms(domain: str, stds: Iterable[Mapping[str, Any]], numbers: Iterable[object] = ()) -> tuple[list[str], int]:
    """The terms of a record that these standardised records speak for, and how many of them are of its own name.

    ``numbers``: further codes, such as suppliers' part numbers.
    """
    stds = list(stds)
    own = [term for term in _columns(stds, OWN[domain]) if term != sizes.EQUAL_SIDES]
    known = [code(token) for token in _columns(stds, CODES[domain])]
    bare = [BARE + number for term in own for number in _bare(term)]
    other = (term for term in _columns(stds, OTHER[domain]) if len(term) > 1)
    mine = set(own)
    rest = [term for term in unique([*known, *map(code, numbers), *bare, *other]) if term not in mine]
    return [*own, *rest[:MOST]], len(own)


def _columns(stds: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    return unique(chain.from_iterable([std[name] for name in names for std in stds if name in std]))


def _bare(term: str) -> tuple[str, ...]:
    """The numbers that a size may be written as without its unit; none for what only begins like a size."""
    return sizes.as_bare(term) if _SIZE.fullmatch(term) else ()


def asked(domain: str, text: str) -> list[Asked]:
    """What a text asks for, a part per word, size or code. Its last word may be unfinished, unless a blank follows."""
    chunks = text.split()
    found = {term: Asked(shown(term), _ways(term)) for term in _read(domain, text)}
    for chunk in chunks:
        if any(c.isdigit() for c in chunk) and len(alnum(chunk)) >= SHORTEST_CODE:
            for term in _read(domain, chunk):
                if term in found:
                    found[term].exact += [t for t in _as_code(chunk) if t not in found[term].exact]
    if chunks and not text[-1].isspace():
        _leave_open(domain, chunks, found)
    return list(found.values())


def _read(domain: str, text: str) -> list[str]:
    """The terms of a text. It is padded, as a text that just fills a field of a system may have been cut off."""
    values = {TEXT.get(domain, "name"): text.ljust(300)}
    found, _ = terms(domain, [recipe_for(domain).standardise(values)])
    return [term for term in found if term[0] != BARE]


def _ways(term: str) -> list[str]:
    """The terms that say the same: a size with its unit and without."""
    alone = [BARE + term] if _SIZE.fullmatch(term) and not sizes.split(term)[1] else []
    return [term, *(way for way in (*_bare(term), *alone) if way != term)]


def _as_code(chunk: str) -> list[str]:
    number = gtin(chunk)
    return unique([code(chunk), code(number[1:13]) if number else ""])


def _leave_open(domain: str, chunks: Sequence[str], found: dict[str, Asked]) -> None:
    """Let what the last word says stand for everything that begins like it."""
    last = chunks[-1]
    before = set(_read(domain, " ".join(chunks[:-1])))
    parts = [part for term, part in found.items() if term not in before]
    begun = fold(last).strip(".,;:()[]\"'")
    solid = code(last)
    telling = begun.isalnum() and not (begun.isdigit() and len(begun) < SHORTEST_CODE)  # "1" begins too many numbers
    prefixes = unique([begun if telling else "", solid if len(solid) > SHORTEST_CODE else ""])
    if not parts and solid:
        parts = [found.setdefault(begun, Asked(begun))]
    for part in parts:
        if part.exact and part.exact[0][0].isdigit() and not any(c.isdigit() for c in last):
            continue  # the unit of the number before it, and that is whole
        part.prefixes = prefixes


def shown(term: str) -> str:
    """A term for people: "code 4817016", "16 fr"."""
    if term[0] == CODE:
        return f"code {term[1:]}"
    if term[0].isdigit():
        return " ".join(sizes.split(term)).strip()
    return term.removeprefix(BARE)


def slips(word: str) -> list[int]:
    """Numbers of which a word shares one at least with whatever is one slip of the keyboard away from it.

    The word's first letters without any one of them, and of longer words any two (after W. Garbe's SymSpell), hashed.
    """
    if not is_word(word):
        return []
    stem = word[:_STEM]
    depth = 2 if len(word) >= VERY_FUZZY else 1
    kept = {stem} | {"".join(part) for gone in range(1, depth + 1) for part in combinations(stem, len(stem) - gone)}
    return sorted(zlib.crc32(part.encode()) - 2**31 for part in kept)
