"""Files to send, and a system that sends them."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from mdm.models import CodeSystem, GoldenRecord, SourceRecord, User, WorkItem
from sync.inbound import services
from sync.inbound.tabular import open_table
from sync.models import FeedRun
from tests.mdm import kit

MAPPING = {"Code": "$code", "Name": "name", "Status": "lifecycle", "From": "effective_from"}
ROWS = [("100", "Surgery", "A", "2026-01-01"), ("200", "Radiology", "A", "2026-01-01"), ("300", "Linen", "I", "")]


def csv_bytes(rows: list[tuple[str, ...]] | None = None, heading: tuple[str, ...] = tuple(MAPPING)) -> bytes:
    lines = [",".join(row) for row in [heading, *(ROWS if rows is None else rows)]]
    return ("\n".join(lines) + "\n").encode()


def many(count: int) -> list[tuple[str, ...]]:
    """Cost centers that nobody could take for each other."""
    words = "Surgery Radiology Linen Dietary Pharmacy Oncology Security Laundry Imaging Cardiology".split()
    return [(f"{n:05d}", f"{words[n % 10]} {n * 7919 % 10007}", "A", "2026-01-01") for n in range(1, count + 1)]


def workbook_bytes(*rows: tuple[Any, ...], title: str = "Sheet1") -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def read(path: Path, content: bytes, **options: Any) -> tuple[list[str], list[list[Any]], list[str], str]:
    """(columns, good rows, faults, damage) of a file with this content."""
    path.write_bytes(content)
    table = open_table(path, **options)
    rows = list(table.rows())
    return table.columns, [list(r.cells) for r in rows if not r.fault], [r.fault for r in rows if r.fault], table.damage


@dataclass
class Sender:
    """A system that sends files of one domain."""

    system: str
    domain: str
    actor: User

    def __post_init__(self) -> None:
        self.code_system: CodeSystem = kit.code_system(self.system, self.domain)

    def queue(self, content: bytes, **options: Any) -> FeedRun:
        """A run that waits for a worker."""
        options = {"mapping": MAPPING, **options}
        return services.start_run(
            file=io.BytesIO(content),
            name="feed.csv",
            actor=self.actor,
            system=self.code_system.system,
            domain=self.domain,
            **options,
        )

    def send(self, content: bytes, **options: Any) -> FeedRun:
        """A run to its end."""
        return services.run(self.queue(content, **options).pk)

    def codes(self, *states: str) -> set[str]:
        """Codes of source records, of those in these states if any are named."""
        found = SourceRecord.objects.filter(code_system=self.code_system)
        return set((found.filter(state__in=states) if states else found).values_list("code", flat=True))


def footprint() -> dict[str, Any]:
    """Everything that a repeated feed must leave as it is."""
    return {
        "golden": list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status")),
        "sources": list(SourceRecord.objects.order_by("pk").values_list("pk", "version", "state", "golden", "ingest")),
        "work": list(WorkItem.objects.order_by("pk").values_list("pk", "version", "state")),
    }
