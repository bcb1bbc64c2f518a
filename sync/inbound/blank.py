"""Empty files to fill in: every column of a domain under a heading that an import recognises by itself."""

from __future__ import annotations

import io
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from mdm.canonical import Field, Kind
from mdm.spreadsheet import csv_lines
from mdm.values import CODE, PSEUDO_PATHS, paths
from sync.inbound.domains import domain_of
from sync.inbound.headings import OWN_CODE
from sync.inbound.mapping import suggest

GUIDE = ("Column", "Part of", "Takes", "Choices")
TAKES = {
    Kind.BOOLEAN: "yes or no",
    Kind.DATE: "a date, best 2026-05-03",
    Kind.DECIMAL: "a number",
    Kind.INTEGER: "a whole number",
    Kind.IDENTIFIER: "an identifier with its check digit",
    Kind.REFERENCE: "the code that your system uses for it",
    Kind.CHOICE: "one of the choices",
    Kind.LIST: "several, separated by ;",
}


def columns(domain: str) -> list[tuple[str, str]]:
    """Heading and path of each column; each heading alone leads an import to its path."""
    model = domain_of(domain)
    wanted = [path for path in paths(model) if path not in PSEUDO_PATHS]
    labels = [label(model.by_name[path.partition(".")[0]], path) for path in wanted]
    found = suggest(domain, labels)
    named = [text if s.path == path else path for text, path, s in zip(labels, wanted, found, strict=True)]
    return [(OWN_CODE, CODE), *zip(named, wanted, strict=True)]


def label(spec: Field, path: str) -> str:
    if spec.kind is not Kind.CHILDREN:
        return spec.label
    _, key, part = path.split(".")
    child = next(c for c in spec.children if c.name == part)
    keys = dict(next(c for c in spec.children if c.name == spec.child_key).choices)
    return f"{spec.label} {keys.get(key, key)}: {child.label}"


def as_csv(domain: str) -> str:
    return "".join(csv_lines([[heading for heading, _ in columns(domain)]]))


def as_xlsx(domain: str) -> bytes:
    """A sheet to fill in, and one that says what each column takes."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = domain_of(domain).plural
    sheet.append([heading for heading, _ in columns(domain)])
    guide = book.create_sheet("What goes where")
    guide.append(GUIDE)
    for row in _guide(domain):
        guide.append(list(row))
    for one in (sheet, guide):
        one.freeze_panes = "A2"
        for number, cell in enumerate(one[1], 1):
            cell.font = Font(bold=True)
            one.column_dimensions[get_column_letter(number)].width = max(14, len(str(cell.value)) + 2)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _guide(domain: str) -> list[Sequence[str]]:
    model = domain_of(domain)
    rows: list[Sequence[str]] = [(OWN_CODE, "Record", "your system's own code; every row has one", "")]
    for heading, path in columns(domain)[1:]:
        top = model.by_name[path.partition(".")[0]]
        spec = next((c for c in top.children if path.endswith(f".{c.name}")), top)
        choices = ", ".join(text for _, text in spec.choices)
        longest = f"text, up to {spec.max_length} characters" if spec.max_length else "text"
        rows.append((heading, top.group, TAKES.get(spec.kind, longest), choices))
    return rows
