"""Item descriptions, taken apart: words, sizes, packaging, codes and the words that tell siblings apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise

from . import codes, sizes
from .dictionaries import dictionary, forgetful
from .identifiers import gtin, has_check_digit, hibc
from .text import alnum, expand, spell, stated, unique

_CHUNK = re.compile(r"[\s,;()\[\]{}|_+=:!?<>~]+")
_PART = re.compile(r"[^a-z0-9.]+")
# What a text must contain for a pattern to be tried: most texts have none of it.
_REWRITTEN: list[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    ("w/", re.compile(r"\bw/\s?o\b|\bw/out\b"), " without "),
    ("/", re.compile(r"\bw/|\bc/w\b"), " with "),
    ("n/s", re.compile(r"\bn/s\b"), " nonsterile "),
    ("n", re.compile(r"\b(non|un)[- ](?=[a-z]{4})"), r"\1"),
    ("free", re.compile(r"\b(?:latex|ltx)[- ]free\b"), "latexfree"),
    ("free", re.compile(r"\b(powder|pwd|pwdr)[- ]free\b"), r"\1free"),
    ("ns", re.compile(r"\bns\b(?=\s+(?:\d*\.\d+\s?%|\d+\s?(?:ml|cc|l)\b|flush|iv\b|irrig|bag))"), "normal saline"),
    ("do not ", re.compile(r"[\W_]*\b(?:x{3,}\W+|z{2,}\W+)?do not (?:use|order)\b[\W_]*"), " "),
    ("x", re.compile(r"\b(x{1,3})-?(large|lg|lrg|small|sm|long)\b"), r"\1\2"),
    ("", re.compile(r"\b(size|sze|sz|level|lvl|grade|type|no)[.#-]?(?=\d)"), r"\1 "),
    ("", re.compile(r"\((r|l)\)|,\s?(r|l)(?:t|ight|eft)?$"), lambda m: " right " if "r" in m[0][:3] else " left "),
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
_TYPE = re.compile(r"(?!x-)[a-z]{1,3}-\d{1,2}[a-z]?")  # "ct-1", "ps-2": kinds of needles, tips, inserts
_DIGIT = re.compile(r"\d")
_MANY_DIGITS = re.compile(r"\d{12}")
# Widths of description fields: a text of exactly such a length may have been cut off within a word or number.
_FIELD_WIDTHS = {30, 35, 40, 50, 60, 80, 100, 120, 128, 240, 250, 254, 255, 256}
_STUMP = re.compile(r"^(.*[\d.])[a-z]$")


@dataclass
class Description:
    """What a description says. ``words`` and ``sizes`` in order, each once; ``codes`` letters and digits only."""

    words: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    gtins: list[str] = field(default_factory=list)  # and other device identifiers
    packs: list[str] = field(default_factory=list)  # "BX100": 100 to a box
    variants: list[str] = field(default_factory=list)  # "side:left"


def packs(text: str) -> tuple[list[str], str]:
    """Packaging in a folded description, "bx/100" and "10 per case" → "BX100", "CA10", and the text without it."""
    found: list[str] = []
    if "/" not in text and "per" not in text and " of " not in text:
        return found, text

    def take(match: re.Match[str]) -> str:
        unit, count = (match[1], match[2]) if match[1] else (match[4], match[3])
        found.append(f"{dictionary('packs')[unit]}{int(count)}")
        return " "

    return found, _per().sub(take, text)


@forgetful
@cache
def _per() -> re.Pattern[str]:
    """ "bx/100", "box of 100", "100/bx", "100 ea per box", "10bx/cs"."""
    units = "|".join(sorted(map(re.escape, dictionary("packs")), key=len, reverse=True))
    return re.compile(
        rf"\b(?:({units})\s?(?:/|\bof\b)\s?(\d+)|(\d+)\s?(?:{units})?\s?(?:/|per)\s?({units}))(?![a-z0-9])"
    )


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
    """Take a description apart. ``whole``: it is known not to be cut off at a field's end."""
    result = Description()
    text = stated(value)
    if not text:
        return result
    cut = not whole and len(str(value)) in _FIELD_WIDTHS
    result.gtins, text = scanned(text)
    for needed, pattern, replacement in _REWRITTEN:
        if needed in text:
            text = pattern.sub(replacement, text)
    result.packs, text = packs(text)
    text, result.sizes = sizes.suture(text)
    chunks = [_trimmed(chunk) for chunk in _CHUNK.split(sizes.tidy(text))]
    chunks = [chunk for chunk in chunks if chunk and chunk != "x"]
    chunks = _unlabelled(chunks)
    for position, chunk in enumerate(_spelt_out(chunks)):
        _read_chunk(result, chunk, last=cut and position == len(chunks) - 1)
    _join_codes(result, chunks)
    result.codes, result.words, result.sizes = unique(result.codes), unique(result.words), unique(result.sizes)
    result.variants = unique([*variants(result.words), *_parts_in_or_out(text), *_signs(text)])
    return result


def _trimmed(chunk: str) -> str:
    return chunk if chunk.isalnum() else _EDGES.sub("", chunk)


@forgetful
@lru_cache(maxsize=32_768)
def describe_term(value: str) -> Description:
    """``describe`` of a whole text that many records repeat: a brand, a term, a size. Not to be changed."""
    return describe(value, whole=True)


def _parts_in_or_out(text: str) -> list[str]:
    """ "with guidewire" and "without guidewire" as two values of one axis."""
    return [
        f"{word}:{'with' if how == 'with' else 'without'}"
        for how, phrase in _NEGATION.findall(text)
        for word in expand(phrase.split("-")[0], ("abbreviations",))[-1:]
    ]


def _signs(text: str) -> list[str]:
    """ "+3" and "-3" (the offset of a head, the power of a lens) as two values of one axis; without a sign it may be
    either.
    """
    signed = ((sign, float(number)) for sign, number in _SIGNED.findall(text))
    return [f"sign of {number:g}:{'plus' if sign == '+' else 'minus'}" for sign, number in signed if number]


def _spelt_out(chunks: list[str]) -> list[str]:
    """Short forms whose meaning depends on the place: "8mm lg" is a length, "glove lg" large; "med" often medium."""
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
    return unique(dictionary("variants").get(word, "") for word in words)


def _read_chunk(result: Description, chunk: str, *, last: bool) -> None:
    """Add what ``chunk`` is to ``result``. What comes ``last`` may be a stump: then its last number is not trusted."""
    if chunk in dictionary("abbreviations"):
        result.words += expand(chunk, ("abbreviations",))
    elif _TYPE.fullmatch(chunk):
        result.words.append(chunk.replace("-", ""))
    elif not _DIGIT.search(chunk):
        if not (last and len(chunk) < 3):
            parts = (part.replace(".", "") for part in _PART.split(chunk))
            result.words += [word for part in parts for word in expand(part, ("abbreviations",))]
    elif (quantities := _quantities(chunk, last=last)) is not None and not _is_code_number(chunk):
        result.sizes += quantities
    elif codes.looks_like_code(chunk):
        result.codes.append(alnum(chunk))
    else:
        _read_parts(result, chunk, last=last)


def _is_code_number(chunk: str) -> bool:
    return chunk.isdigit() and codes.looks_like_code(chunk)


def _quantities(chunk: str, *, last: bool) -> list[str] | None:
    """The quantities of a chunk, or None. Of a stump, "22m" is 22 of something, and the "1" of "5.5x1" is unknown."""
    stump = _STUMP.match(chunk) if last else None
    found = sizes.read(stump[1] if stump else chunk)
    if found is None:
        return None
    return list(found[:-1]) if last and not stump and sizes.split(found[-1])[1] == "" else list(found)


def _read_parts(result: Description, chunk: str, *, last: bool) -> None:
    for part in _PART.split(chunk):
        quantities = _quantities(part.strip("."), last=last) if part.strip(".") else None
        if quantities is not None:
            result.sizes += quantities
        elif part.strip("."):
            result.words += expand(part.replace(".", ""), ("abbreviations",))


def _join_codes(result: Description, chunks: list[str]) -> None:
    """Codes that are written in two pieces: "frp 707", "plav70 unlps", "5500 100"."""
    for first, second in pairwise(chunks):
        if not (_DIGIT.search(first + second) and len(first + second) <= 16 and _are_one_code(first, second)):
            continue
        result.codes.append(alnum(first + second))
        if first.isalpha():  # the parts alone are neither a word nor a size
            result.words = [word for word in result.words if word != spell(first)]
            result.sizes = [size for size in result.sizes if size != second.lstrip("0")]


def _are_one_code(first: str, second: str) -> bool:
    if first.isalpha():
        return len(first) <= 4 and second.isdigit() and len(second) >= 3 and not _is_word(first)
    joinable = len(first) >= 3 and len(second) <= 5 and second.isalnum() and not _is_word(second)
    return joinable and _is_code_part(first) and sizes.read(second) is None


def _is_word(text: str) -> bool:
    return text.isalpha() and any(text in dictionary(name) for name in ("abbreviations", "units", "packs", "common"))


def _is_code_part(chunk: str) -> bool:
    return codes.looks_like_code(chunk) and (chunk.isdigit() or sizes.read(chunk) is None)


def plain_words(value: object) -> list[str]:
    """The words of a term or category, without what is not a word."""
    return [spell(word) for word in describe(value, whole=True).words]
