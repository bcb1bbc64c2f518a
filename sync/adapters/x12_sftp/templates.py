"""Segment templates, ``SLN*{n}**I*{quantity}*{uom}****UK?*{gtin}``: written from texts, matched and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from .mapping import CONTINUED
from .x12 import Segment

Texts = Mapping[str, str]
PID05 = 5  # the position of a PID's free text


class Template:
    """``{name}`` is a value, ``UK?`` a constant that goes with the value after it, anything else a constant."""

    def __init__(self, text: str) -> None:
        marks = text.split("*")
        self._blank = ["" if mark[:1] == "{" or mark[-1:] == "?" else mark for mark in marks]
        self._values = [(n, mark[1:-1]) for n, mark in enumerate(marks) if mark[:1] == "{"]
        self._paired = [(n, m[:-1], marks[n + 1][1:-1]) for n, m in enumerate(marks) if m[-1:] == "?"]
        self._fixed = [(n, name) for n, name in self._values if marks[n - 1][-1:] != "?"]
        self.places = tuple(n for n, mark in enumerate(self._blank) if mark)
        self.constants = tuple(mark for mark in self._blank if mark)
        self._continued = self._values[-1][1] if marks[0] == "PID" and self._values[-1][0] == PID05 else ""

    def write(self, texts: Texts, *, always: bool = False) -> Iterator[Segment]:
        """No segment when there is no value, several when a PID's text is longer than one holds."""
        if self._continued:
            text = texts.get(self._continued, "")
            for start in range(0, len(text), CONTINUED):
                yield [*self._blank[:PID05], text[start : start + CONTINUED]]
        elif always or any(texts.get(name) for _, name in self._values):
            segment = self._blank.copy()
            for n, name in self._values:
                segment[n] = texts.get(name, "")
            for n, constant, name in self._paired:
                segment[n] = constant if texts.get(name) else ""
            yield segment

    def read(self, segment: Segment) -> Iterator[tuple[str, str]]:
        """(name, text) of every value that the segment has. Pairs may stand closer together than they are written."""
        yield from ((name, segment[n]) for n, name in self._fixed if n < len(segment))
        for _, constant, name in self._paired:
            at = next((n for n, _, _ in self._paired if n + 1 < len(segment) and segment[n] == constant), None)
            if at is not None:
                yield name, segment[at + 1]


template = cache(Template)


def write(templates: Iterable[str], texts: Texts) -> Iterator[Segment]:
    """The segments of one loop; its first one opens it and is always written."""
    for position, text in enumerate(templates):
        yield from template(text).write(texts, always=not position)


Index = dict[str, dict[tuple[int, ...], dict[tuple[str, ...], Template]]]


@cache
def _index(templates: tuple[str, ...]) -> Index:
    """Segment -> the places of constants -> the constants there -> template: no template is tried in vain."""
    index: Index = {}
    for one in map(template, templates):
        index.setdefault(one.constants[0], {}).setdefault(one.places, {})[one.constants] = one
    return index


def read(templates: tuple[str, ...], segments: Iterable[Segment]) -> dict[str, str]:
    """The texts of one loop; what stands in several segments is put together again."""
    found: dict[str, str] = {}
    for segment in segments:
        for places, by_constants in _index(templates).get(segment[0], {}).items():
            constants = tuple(segment[n] for n in places if n < len(segment))
            if one := by_constants.get(constants):
                for name, value in one.read(segment):
                    found[name] = found.get(name, "") + value
    return found
