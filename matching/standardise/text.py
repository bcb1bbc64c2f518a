"""Words: folding, placeholders, abbreviations of the trade, spelling variants."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from anyascii import anyascii

from .dictionaries import dictionary, forgetful, word_set

_MARKS = str.maketrans({
    "™": " ", "®": " ", "©": " ", "·": " ", "±": " ", "µ": "u", "°": " deg ", "º": " deg ", "×": "x",
    "¼": " 1/4", "½": " 1/2", "¾": " 3/4", "”": '"', "“": '"', "″": '"', "’": "'", "‘": "'", "′": "'",
    "–": "-", "—": "-", "‐": "-", "‑": "-", "Ø": "O", "ø": "o", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe",
    "ß": "ss", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d",
})  # fmt: skip
_MICRO = re.compile(
    "(?<![\u0370-\u03ff])μ(?![\u0370-\u03ff])"
)  # the letter in place of the sign; within a Greek word it is one
_REPEATED = re.compile(r"(.)\1*")
_FIRST = re.compile(r"[a-z0-9]+")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_ALNUM = re.compile(r"[^A-Z0-9]+")


def fold(value: object) -> str:
    """Lower-case ASCII with single spaces; marks of trade and accents go, signs that carry meaning are spelt out, and
    letters of other scripts are written in Latin ones.
    """
    text = str(value)
    if not text.isascii() and not (text := _MICRO.sub("u", text).translate(_MARKS)).isascii():
        text = "".join(map(_in_ascii, text))
    return " ".join(text.lower().split())


@lru_cache(maxsize=8_192)  # more than the signs that one hospital's lists are written with
def _in_ascii(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    if plain or not sign.isalpha():
        return plain
    latin = anyascii(sign)
    return f" {latin} " if unicodedata.name(sign, "").startswith("CJK UNIFIED") else latin  # each is a word


def stated(value: object) -> str:
    """The text of ``value``, or "" where it states nothing: empty, a placeholder, a run of 0, 9 or X."""
    if isinstance(value, str):
        return _stated(value) if value else ""
    return "" if value is None or isinstance(value, (dict, list)) else _stated(str(value))


@forgetful
@lru_cache(maxsize=4_096)  # the values of a few records, each of which is asked for several times
def _stated(value: str) -> str:
    text = fold(value)
    first = _FIRST.search(text)
    if first and first[0][0] not in "09x" and first[0] not in _beginnings():
        return text
    bare = _NOT_WORD.sub(" ", text).strip()
    if not bare or bare in word_set("placeholders") or _says_nothing(bare):
        return ""
    solid = bare.replace(" ", "")
    if len(solid) >= 3 and solid[0] in "09x" and _REPEATED.fullmatch(solid):
        return ""
    return text


def _says_nothing(bare: str) -> bool:
    """Whether a text is a placeholder with the name of what it stands for, or two of them: "dummy vendor", "zzz do not
    use", "test item misc". Of more than six words, hardly.
    """
    rest = bare.split()
    if len(rest) > 6 or rest[0] not in _beginnings():
        return False
    found = False
    while rest:
        size = next((n for n in range(min(5, len(rest)), 0, -1) if " ".join(rest[:n]) in word_set("placeholders")), 0)
        if not size and rest[0] not in NOUNS:
            return False
        found = found or (size > 0 and " ".join(rest[:size]) not in _WEAK)
        rest = rest[size or 1 :]
    return found


NOUNS = frozenset(
    "item items product products supply supplies vendor vendors supplier suppliers manufacturer location locations "
    "department dept cost center centre record description name number code entry account only".split()
)  # what a placeholder may stand in for


_WEAK = frozenset(  # placeholders by themselves, but "All Supplies" may be a company
    "all any same other others x xx n no sample generic blank empty void default".split()
)


@forgetful
@cache
def _beginnings() -> frozenset[str]:
    """The words that a text which says nothing may begin with."""
    return NOUNS.union(phrase.split()[0] for phrase in word_set("placeholders"))


def alnum(value: object) -> str:
    """Upper-case letters and digits only, as codes are best compared."""
    if isinstance(value, str) and value.isascii() and value.isalnum():
        return value.upper()
    text = fold(value).upper()
    return text if text.isalnum() else _ALNUM.sub("", text)


def unique(items: Iterable[str]) -> list[str]:
    """The items in order, each once, without blanks."""
    found = dict.fromkeys(items)
    if "" in found:
        del found[""]
    return list(found)


@lru_cache(maxsize=65_536)
def spell(word: str) -> str:
    """One spelling for British and American forms and for plurals: "haemodialysis" → "hemodialysis"."""
    if len(word) > 4:
        word = word.replace("haem", "hem").replace("aed", "ed").replace("paed", "ped").replace("oed", "ed")
        word = word.replace("aesth", "esth").replace("oesoph", "esoph").replace("isation", "ization")
        if word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    return word


@forgetful
@lru_cache(maxsize=65_536)
def expand(word: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """What ``word`` stands for in the dictionaries ``names`` (in order), in one spelling."""
    for name in names:
        meaning = dictionary(name).get(word)
        if meaning is not None:
            return tuple(spell(part) for part in meaning.split())
    return (spell(word),)


def words(text: str, *names: str) -> list[str]:
    """The words of folded ``text``, expanded by the dictionaries ``names``, in order, each once."""
    return unique(part for word in _split(text) for part in expand(word, names))


def _split(text: str) -> Iterator[str]:
    return (word for word in _NOT_WORD.split(text.replace("'", "")) if word)


@lru_cache(maxsize=65_536)
def skeleton(word: str) -> str:
    """First letter and the consonants after it, repeats dropped, at most five: survives most slips of the keyboard.

    "stent", "stnet" and "stnt" → "stnt"; it serves to find candidates, never to judge them.
    """
    rest = re.sub(r"[aeiouyhw]", "", word[1:])
    return (word[:1] + re.sub(r"(.)\1+", r"\1", rest))[:5]
