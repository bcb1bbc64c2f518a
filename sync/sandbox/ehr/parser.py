"""The EHR's own reader and writer of HL7: a message is a list of (segment name, {"5.1": text, …})."""

from __future__ import annotations

import re
from collections.abc import Iterable
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

    return re.sub(r"\\([FSTRE]|X[0-9A-F]+)\\", one, text)


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
        if text in ("", '""') or (name == "MSH" and number == 2):  # noqa: PLR2004
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
    row: Row = {}
    for name, cells in segments:
        row |= {own: value for own, value in _named(SINGLE[domain], name, cells) if value}
    for own, (start, names) in REPEATED[domain].items():
        row[own] = _rows(start, names, segments)
    return row


def _named(names: Names, segment: str, cells: Cells) -> Iterable[tuple[str, Any]]:
    for place, own in names.items():
        at, _, field = place.removesuffix("[]").partition("-")
        if at == segment:
            field = field if "." in field else f"{field}.1"
            yield own, cells.get(field, []) if place.endswith("[]") else first(cells, field)


def _rows(start: str, names: Names, segments: list[tuple[str, Cells]]) -> list[Row]:
    known = {place.partition("-")[0] for place in names}
    rows: list[Row] = []
    for name, cells in segments:
        if name == start:
            rows.append({})
        if name in known and rows:
            rows[-1] |= {own: value for own, value in _named(names, name, cells) if value}
    return rows


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
