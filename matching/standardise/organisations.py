"""Names of organisations: legal forms, "doing business as", inversions, initials."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .dictionaries import word_set
from .text import expand, stated, unique

_DBA = re.compile(
    r"\b(?:d\s?[./]\s?b\s?[./]\s?a\b\.?|dba|doing business as|t\s?/\s?a|trading as|aka|a/k/a|fka|f[./]?k[./]?a"
    r"|formerly(?: known as)?|previously|now known as)\b[\s:,.-]*"
)
_DECORATION = re.compile(
    r"[\s(*#-]*\b(?:do not use|don'?t use|dnu|use this(?: one)?|use vendor|duplicate|dup of|inactive|obsolete"
    r"|remit(?:[ -]?to)?|ap only|one time|closed)\b.*$"
)  # what a clerk adds to a name
_FLAG = re.compile(
    r"^[\W_]*(?:x{3,}|z{2,})?[\W_]*(?:do not (?:use|order)|don'?t use|dnu|inactive|obsolete|closed)\b[\W_]*"
)
_AND = re.compile(r"\b([a-z])\s?(?:&|\band\b)\s?(?=[a-z]\b)")  # "J&J", "P and S"
_INITIALS = re.compile(r"\b([a-z])\.\s?(?=[a-z]\b)")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_SMALL = frozenset({"of", "and", "the", "for", "in", "at", "on", "a", "an", "de", "la", "del", "et"})


@dataclass
class Name:
    """``words``: what tells it apart, in order; ``initials``: of those words, sorted, as names are inverted at will."""

    words: list[str] = field(default_factory=list)
    initials: str = ""
    raw: list[str] = field(default_factory=list)  # the words that count, as they were written


def split_dba(value: object) -> list[str]:
    """The names in "ACME INC DBA MEDCO" as a list: folded, in order."""
    text = stated(value)
    text = _FLAG.sub("", text) or text
    text = _DECORATION.sub("", text) or text
    return [part.strip(" ,-()") for part in _DBA.split(text) if part.strip(" ,-()")]


def read(text: str, *dictionaries: str) -> Name:
    """Take one folded name apart. Legal forms go, unless nothing else is left."""
    text = _INITIALS.sub(r"\1", _AND.sub(r"\1", text)).replace("&", " and ").replace("'", "")
    raw = [word for word in _NOT_WORD.split(text) if word]
    kept = [word for word in raw if word not in word_set("legal_forms")] or raw
    kept = [word for word in kept if word not in _SMALL] or kept
    words = unique(part for word in kept for part in expand(word, dictionaries))
    return Name(words, "".join(sorted(word[0] for word in kept)) if len(kept) > 1 else "", kept)


def organisation(value: object) -> list[Name]:
    """Every name in ``value``, the legal name first."""
    return [read(text, "organisations") for text in split_dba(value)]
