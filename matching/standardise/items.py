"""Item descriptions, taken apart: words, sizes, packaging, codes and the words that tell siblings apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from . import codes, sizes
from .dictionaries import dictionary, forgetful
from .identifiers import gtin, has_check_digit, hibc
from .text import alnum, expand, spell, stated, unique

_CHUNK = re.compile(r"[\s,;()\[\]{}|_+=:!?<>~]+")
_PART = re.compile(r"[^a-z0-9.]+")
# What a text must contain one of for a pattern to be tried: most texts have none of it.
_REWRITTEN: list[tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (("w/",), re.compile(r"\bw/\s?o\b|\bw/out\b"), " without "),
    (("w/", "c/w"), re.compile(r"\bw/|\bc/w\b"), " with "),
    (("n/s",), re.compile(r"\bn/s\b"), " nonsterile "),
    (("non-", "non ", "un-", "un "), re.compile(r"\b(non|un)[- ](?=[a-z]{4})"), r"\1"),
    (("free",), re.compile(r"\b(?:latex|ltx)[- ]free\b"), "latexfree"),
    (("free",), re.compile(r"\b(powder|pwd|pwdr)[- ]free\b"), r"\1free"),
    (("ns ",), re.compile(r"\bns\b(?=\s+(?:\d*\.\d+\s?%|\d+\s?(?:ml|cc|l)\b|flush|iv\b|irrig|bag))"), "normal saline"),
    (("do not ",), re.compile(r"[\W_]*\b(?:x{3,}\W+|z{2,}\W+)?do not (?:use|order)\b[\W_]*"), " "),
    (("xl", "xs", "x-l", "x-s"), re.compile(r"\b(x{1,3})-?(large|lg|lrg|small|sm|long)\b"), r"\1\2"),
    (
        ("siz", "sz", "lev", "lvl", "grade", "type", "no"),
        re.compile(r"\b(size|sze|sz|level|lvl|grade|type|no)[.#-]?(?=\d)"),
        r"\1 ",
    ),
    (
        ("(r)", "(l)", ","),
        re.compile(r"\((r|l)\)|,\s?(r|l)(?:t|ight|eft)?$"),
        lambda m: " right " if "r" in m[0][:3] else " left ",
    ),
]
_NEGATION = re.compile(r"\b(with|without|no)\s+(?:an?\s+|the\s+)?([a-z][a-z-]+)")
# What a scanner reads, typed into a text: GS1 element strings in brackets, GTINs after their name, HIBC.
_SCAN = re.compile(
    r"\(01\)\d{14}(?:\((?!01)\d{2,4}\)[^\s()]+)*|\b(?:gtin|upc|ean)[\s:#-]*\d{12,14}\b|\b\d{14}\b"
    r"|(?<!\S)\+[a-z][a-z0-9]{3}[a-z0-9]{1,18}\d\S*"
)
_LABELS = frozenset("ref cat catalog mfr mfg part model item no nr num number pn sku udi".split())
_SIGNED = re.compile(r"(?<![^\s(,])([+-])(\d{1,2}(?:\.\d+)?)(?:mm|d)?(?![\w/.-])")
_EDGES = re.compile(r"^(?:[-/&'*#]|\.(?!\d))+|(?:[-/&*#.]|(?<!\d)')+$")
_SIDES = {"r": "right", "l": "left"}  # after a word; after a number "l" is its length
_PLACED = frozenset({"lg", "med", *_SIDES})
_TYPE = re.compile(r"(?!x-)[a-z]{1,3}-\d{1,2}[a-z]?")  # "ct-1", "ps-2": kinds of needles, tips, inserts
_DIGIT = re.compile(r"\d")
_MANY_DIGITS = re.compile(r"\d{12}")
# Widths of description fields: a text of exactly such a length may have been cut off within a word or number.
_FIELD_WIDTHS = {30, 35, 40, 50, 60, 80, 100, 120, 128, 240, 250, 254, 255, 256}
_STUMP = re.compile(r"^(.*[\d.])[a-z]$")


@dataclass(slots=True)
class Description:
    """What a description says. ``words`` and ``sizes`` in order, each once; ``codes`` letters and digits only."""

    words: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    gtins: list[str] = field(default_factory=list)  # and other device identifiers
    packs: list[str] = field(default_factory=list)  # "BX100": 100 to a box
    variants: list[str] = field(default_factory=list)  # "side:left"


_NOTHING = Description()


def packs(text: str) -> tuple[list[str], str]:
    """Packaging in a folded description, "bx/100" and "10 per case" → "BX100", "CA10", and the text without it."""
    found: list[str] = []
    if "/" not in text and "per" not in text and " of " not in text:
        return found, text

    def take(match: re.Match[str]) -> str:
        unit, count = match["unit"], match["count"]
        if unit is None:
            unit, count = match["first"], match["last"]
        found.append(f"{dictionary('packs')[unit]}{int(count)}")
        return " "

    pattern = _per(either=_NUMBER_LAST.search(text) is not None)
    return found, pattern.sub(take, text)


_NUMBER_LAST = re.compile(r"(?:/|\bof)\s?\d")  # "bx/100", "box of 100"


@forgetful
@cache
def _per(*, either: bool) -> re.Pattern[str]:
    """ "100/bx", "100 ea per box", "10bx/cs"; or ``either`` these or "bx/100", "box of 100"."""
    units = "|".join(sorted(map(re.escape, dictionary("packs")), key=len, reverse=True))
    number_first = rf"(?P<count>\d+)\s?(?:{units})?\s?(?:/|per)\s?(?P<unit>{units})"
    unit_first = rf"(?P<first>{units})\s?(?:/|\bof\b)\s?(?P<last>\d+)"
    return re.compile(rf"\b(?:{unit_first}|{number_first})(?![a-z0-9])" if either else rf"\b{number_first}(?![a-z0-9])")


def scanned(text: str) -> tuple[list[str], str]:
    """Device identifiers in a folded description, GTINs as fourteen digits, and the text without them. Fourteen digits
    alone are a GTIN if their check digit is right.
    """
    found: list[str] = []
    if "+" not in text and not _MANY_DIGITS.search(text):
        return found, text

    def take(match: re.Match[str]) -> str:
        number = gtin(match[0]) or hibc(match[0])
        if not number or (match[0].isdigit() and not has_check_digit(number)):
            return match[0]
        found.append(number)
        return " "

    return found, _SCAN.sub(take, text)


def describe(value: object, *, whole: bool = False) -> Description:
    """Take a description apart. ``whole``: it is known not to be cut off at a field's end. Not to be changed."""
    text = stated(value)
    if not text:
        return _NOTHING
    result = Description()
    cut = not whole and len(str(value)) in _FIELD_WIDTHS
    result.gtins, text = scanned(text)
    result.packs, text = packs(_rewritten(text))
    text, result.sizes = sizes.suture(text)
    chunks = [chunk if chunk.isalnum() else _trimmed(chunk) for chunk in _CHUNK.split(sizes.tidy(text))]
    chunks = _unlabelled([chunk for chunk in chunks if chunk and chunk != "x"])
    _read_chunks(result, _spelt_out(chunks), cut=cut)
    _join_codes(result, chunks)
    result.codes, result.words, result.sizes = unique(result.codes), unique(result.words), unique(result.sizes)
    result.variants = unique([*variants(result.words), *_parts_in_or_out(text), *_signs(text)])
    return result


def _rewritten(text: str) -> str:
    for needed, pattern, replacement in _REWRITTEN:
        for part in needed:
            if part in text:
                text = pattern.sub(replacement, text)
                break
    return text


@lru_cache(maxsize=32_768)
def _trimmed(chunk: str) -> str:
    return _EDGES.sub("", chunk)


@forgetful
@lru_cache(maxsize=32_768)
def describe_term(value: str) -> Description:
    """``describe`` of a whole text that many records repeat: a brand, a term, a size. Not to be changed."""
    return describe(value, whole=True)


def _parts_in_or_out(text: str) -> list[str]:
    """ "with guidewire" and "without guidewire" as two values of one axis."""
    if "with" not in text and "no " not in text:
        return []
    return [
        f"{word}:{'with' if how == 'with' else 'without'}"
        for how, phrase in _NEGATION.findall(text)
        for word in expand(phrase.split("-")[0], ("abbreviations",))[-1:]
    ]


def _signs(text: str) -> list[str]:
    """ "+3" and "-3" (the offset of a head, the power of a lens) as two values of one axis; without a sign it may be
    either.
    """
    if "+" not in text and "-" not in text:
        return []
    signed = ((sign, float(number)) for sign, number in _SIGNED.findall(text))
    return [f"sign of {number:g}:{'plus' if sign == '+' else 'minus'}" for sign, number in signed if number]


def _spelt_out(chunks: list[str]) -> list[str]:
    """Short forms whose meaning depends on the place: "8mm lg" is a length, "glove lg" large; "med" often medium."""
    if _PLACED.isdisjoint(chunks):
        return chunks
    spelt = list(chunks)
    for position, chunk in enumerate(chunks):
        if chunk == "lg":
            after_number = position > 0 and _DIGIT.search(chunks[position - 1])
            spelt[position] = "length" if after_number else "large"
        elif chunk == "med":
            spelt[position] = "medium" if position else "medical"
        elif chunk in _SIDES and position and not _DIGIT.search(chunks[position - 1]):
            spelt[position] = _SIDES[chunk]
    return spelt


def _unlabelled(chunks: list[str]) -> list[str]:
    """Without "REF" and the like before a code."""
    if _LABELS.isdisjoint(chunks):
        return chunks
    kept: list[str] = []
    code = False
    for chunk in reversed(chunks):
        if not (code and chunk in _LABELS):
            code = codes.looks_like_code(chunk) and sizes.read(chunk) is None
            kept.append(chunk)
    return kept[::-1]


def variants(words: list[str]) -> list[str]:
    """The words that tell siblings apart, as axis and value."""
    axes = dictionary("variants")
    return unique([axes[word] for word in words if word in axes])


class _Chunk(NamedTuple):
    """What one piece of a description says by itself."""

    words: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def _read_chunks(result: Description, chunks: list[str], *, cut: bool) -> None:
    """Add what the chunks are to ``result``. Of a text that was cut, the last may be a stump."""
    read = [*map(_read_chunk, chunks[:-1] if cut else chunks)]
    if cut and chunks:
        read.append(_read_chunk(chunks[-1], last=True))
    for words, measures, found in read:
        result.words += words
        result.sizes += measures
        result.codes += found


@forgetful
@lru_cache(maxsize=65_536)
def _read_chunk(chunk: str, last: bool = False) -> _Chunk:
    """What ``chunk`` is. What comes ``last`` may be a stump: then its last number is not trusted."""
    if chunk in dictionary("abbreviations"):
        return _Chunk(words=expand(chunk, ("abbreviations",)))
    if _TYPE.fullmatch(chunk):
        return _Chunk(words=(chunk.replace("-", ""),))
    if not _DIGIT.search(chunk):
        parts = () if last and len(chunk) < 3 else _PART.split(chunk)
        return _Chunk(words=tuple(w for part in parts for w in expand(part.replace(".", ""), ("abbreviations",))))
    quantities = _quantities(chunk, last=last)
    if quantities is not None and not _is_code_number(chunk):
        return _Chunk(sizes=quantities)
    if codes.looks_like_code(chunk):
        return _Chunk(codes=(alnum(chunk),))
    return _read_parts(chunk, last=last)


def _is_code_number(chunk: str) -> bool:
    return chunk.isdigit() and codes.looks_like_code(chunk)


def _quantities(chunk: str, *, last: bool) -> tuple[str, ...] | None:
    """The quantities of a chunk, or None. Of a stump, "22m" is 22 of something, and the "1" of "5.5x1" is unknown."""
    stump = _STUMP.match(chunk) if last else None
    found = sizes.read(stump[1] if stump else chunk)
    if found is None:
        return None
    return found[:-1] if last and not stump and sizes.split(found[-1])[1] == "" else found


def _read_parts(chunk: str, *, last: bool) -> _Chunk:
    words: list[str] = []
    measures: list[str] = []
    for part in filter(None, (part.strip(".") for part in _PART.split(chunk))):
        quantities = _quantities(part, last=last)
        if quantities is not None:
            measures += quantities
        else:
            words += expand(part.replace(".", ""), ("abbreviations",))
    return _Chunk(tuple(words), tuple(measures))


def _join_codes(result: Description, chunks: list[str]) -> None:
    """Codes that are written in two pieces: "frp 707", "plav70 unlps", "5500 100"."""
    for first, second in pairwise(chunks):
        if not (_begins_code(first) and len(first + second) <= 16 and _are_one_code(first, second)):
            continue
        result.codes.append(alnum(first + second))
        if first.isalpha():  # the parts alone are neither a word nor a size
            result.words = [word for word in result.words if word != spell(first)]
            result.sizes = [size for size in result.sizes if size != second.lstrip("0")]


@forgetful
@lru_cache(maxsize=65_536)
def _begins_code(chunk: str) -> bool:
    """Whether a code may begin with ``chunk`` and go on in the next one."""
    if chunk.isalpha():
        return len(chunk) <= 4 and not _is_word(chunk)
    return len(chunk) >= 3 and _is_code_part(chunk)


def _are_one_code(first: str, second: str) -> bool:
    if first.isalpha():
        return second.isdigit() and len(second) >= 3
    return len(second) <= 5 and second.isalnum() and not _is_word(second) and sizes.read(second) is None


def _is_word(text: str) -> bool:
    return text.isalpha() and any(text in dictionary(name) for name in ("abbreviations", "units", "packs", "common"))


def _is_code_part(chunk: str) -> bool:
    return codes.looks_like_code(chunk) and (chunk.isdigit() or sizes.read(chunk) is None)


def plain_words(value: object) -> list[str]:
    """The words of a term or category, without what is not a word."""
    return [spell(word) for word in describe(value, whole=True).words]
