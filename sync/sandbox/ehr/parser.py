"""The EHR's own reader and writer of HL7: a message is a list of (segment name, {"5.1": text, …})."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from .fields import REPEATED, SINGLE, Names

Row = dict[str, Any]
Cells = dict[str, list[str]]  # "5.1" -> the text of each repetition

_LETTERS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}


def plain(text: str) -> str:
    """Text without escape sequences."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        return _LETTERS[code] if code in _LETTERS else bytes.fromhex(code[1:]).decode("latin-1")

    return re.sub(r"\\([FSTRE]|X[0-9A-F]+)\\", one, text) if "\\" in text else text


def safe(text: str) -> str:
    """Text as a component."""
    if text == '""':
        return r"\X2222" + "\\"
    for letter in "EFSTR":  # the escape character itself goes first
        text = text.replace(_LETTERS[letter], f"\\{letter}\\")
    return re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\X{ord(m[0]):02X}\\", text)


def read(payload: bytes) -> list[tuple[str, Cells]]:
    """Every segment. Raises ValueError when there is no MSH or the text is not UTF-8."""
    lines = [line for line in payload.decode("utf-8").split("\r") if line]
    if not lines or not lines[0].startswith("MSH|^~\\&|"):
        raise ValueError("not an HL7 message with the usual delimiters")
    return [_segment(line) for line in lines]


def _segment(line: str) -> tuple[str, Cells]:
    name, *fields = line.split("|")
    cells: Cells = {}
    for number, text in enumerate(fields, start=2 if name == "MSH" else 1):
        if text in ("", '""') or (name == "MSH" and number == 2):
            continue
        for repetition in text.split("~"):
            for n, component in enumerate(repetition.split("^"), start=1):
                cells.setdefault(f"{number}.{n}", []).append(plain(component))
    return name, cells


def first(cells: Cells, place: str) -> str:
    """``first(cells, "5.2")``: the text there, or an empty one."""
    return next(iter(cells.get(place, ())), "")


def record(domain: str, segments: list[tuple[str, Cells]]) -> Row:
    """The EHR's own fields of the one record in a message."""
    row: Row = {own: [] for own in REPEATED[domain]}
    groups = [(own, start, places(domain, own)) for own, (start, _) in REPEATED[domain].items()]
    for name, cells in segments:
        row |= _named(places(domain).get(name, ()), cells)
        for own, start, known in groups:
            if name == start:
                row[own].append({})
            if name in known and row[own]:
                row[own][-1] |= _named(known[name], cells)
    return row


@cache
def places(domain: str, group: str = "") -> dict[str, list[tuple[str, str, bool]]]:
    """Segment -> (cell, own name, whether it repeats), of a record or of one of its lists."""
    names = REPEATED[domain][group][1] if group else SINGLE[domain]
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for place, own in names.items():
        segment, _, field = place.removesuffix("[]").partition("-")
        cell = field if "." in field else f"{field}.1"
        found.setdefault(segment, []).append((cell, own, place.endswith("[]")))
    return found


def _named(wanted: Iterable[tuple[str, str, bool]], cells: Cells) -> Row:
    found = {own: cells.get(cell, []) if repeats else first(cells, cell) for cell, own, repeats in wanted}
    return {own: value for own, value in found.items() if value}


def written(domain: str, row: Row) -> list[str]:
    """The segments of one record, out of the EHR's own fields."""
    lines = _lines(SINGLE[domain], row)
    for own, (_, names) in REPEATED[domain].items():
        for one in row.get(own, []):
            lines += _lines(names, one)
    return lines


def _lines(names: Names, row: Row) -> list[str]:
    segments: dict[str, dict[int, dict[int, str]]] = {}
    for place, own in names.items():
        segment, _, field = place.removesuffix("[]").partition("-")
        number, _, component = field.partition(".")
        value = row.get(own) or ""
        text = "~".join(safe(v) for v in value) if isinstance(value, list) else safe(value)
        segments.setdefault(segment, {}).setdefault(int(number), {})[int(component or 1)] = text
    return [_line(name, fields) for name, fields in segments.items()]


def _line(name: str, fields: dict[int, dict[int, str]]) -> str:
    cells = [""] * max(fields)
    for number, components in fields.items():
        texts = (components.get(n, "") for n in range(1, max(components) + 1))
        cells[number - 1] = "^".join(texts).rstrip("^")
    return "|".join((name, *cells)).rstrip("|")
