"""What the import screens read: recent runs, progress, the report, and the rows put aside."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count
from django.utils import timezone

from mdm.exceptions import ConcordError
from mdm.models import PRIMARY, CodeSystem, SourceSystem, User
from sync.inbound import services
from sync.inbound.errors import BadMapping
from sync.inbound.preview import DryRun
from sync.models import FeedRun, QuarantinedRow
from sync.models.feed import GL_ACCOUNT, FeedDomain
from sync.ui.mapping import said

ROWS_SHOWN = 100
CELL = "cell."


def recent(number: int) -> list[FeedRun]:
    return list(FeedRun.objects.select_related("system", "actor", "feed")[:number])


def brings() -> list[tuple[str, str]]:
    """What a file may bring: each system's records of each domain it keeps codes of."""
    kept = CodeSystem.objects.filter(kind=PRIMARY, system__active=True).select_related("system")
    labels = dict(FeedDomain.choices)
    found = [(f"{cs.system.code}/{cs.domain}", f"{cs.system.name}: {labels[cs.domain].lower()}s") for cs in kept]
    ledgers = SourceSystem.objects.filter(active=True, kind=SourceSystem.Kind.ERP)
    found += [(f"{s.code}/{GL_ACCOUNT}", f"{s.name}: chart of accounts") for s in ledgers]
    return sorted(found, key=lambda pair: pair[1])


def brought(choice: str) -> dict[str, Any]:
    code, _, domain = choice.partition("/")
    return {"system": services.system_of(code, domain), "domain": domain}


@dataclass(frozen=True, slots=True)
class Checked:
    """A dry run and the reasons of its problems, or why there can be none."""

    result: DryRun | None = None
    error: str = ""
    mend: bool = False  # the columns, that is: the file can be read
    reasons: list[tuple[str, list[int]]] = field(default_factory=list)


def dry_run(run: FeedRun, user: User) -> Checked:
    try:
        result = services.dry_run(run=run, actor=user)
    except ConcordError as error:
        return Checked(error=said(run.domain, error), mend=isinstance(error, BadMapping))
    numbers: dict[str, list[int]] = {}
    for bad in result.problems:
        numbers.setdefault(bad.reason, []).append(bad.number)  # it names the column
    return Checked(result, reasons=sorted(numbers.items(), key=lambda pair: -len(pair[1])))


class Report:
    """A run on its way, and what came of it."""

    def __init__(self, run: FeedRun) -> None:
        self.run = run

    @property
    def seconds(self) -> float:
        end = self.run.finished_at or timezone.now()
        start: dt.datetime = self.run.started_at or self.run.queued_at
        return (end - start).total_seconds()

    @cached_property
    def states(self) -> Counter[str]:
        rows = self.run.quarantine.order_by().values_list("state").annotate(n=Count("pk"))
        return Counter(dict(rows))

    @property
    def to_mend(self) -> int:
        return self.states[QuarantinedRow.State.OPEN]

    @cached_property
    def rows(self) -> list[QuarantinedRow]:
        return list(self.run.quarantine.filter(state=QuarantinedRow.State.OPEN)[:ROWS_SHOWN])

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        """Label, number and tone of each figure."""
        run = self.run
        return [
            ("New", run.new, ""),
            ("Changed", run.changed, ""),
            ("Unchanged", run.unchanged, ""),
            ("Linked", run.linked, ""),
            ("New golden records", run.created, ""),
            ("To review", run.reviewed, "warn" if run.reviewed else ""),
            ("Put aside", run.quarantined, "poor" if run.quarantined else ""),
            ("Retired", run.retired, ""),
            ("Repeated rows", run.repeated, ""),
        ]


def mended_cells(posted: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Row number to column to mended value, of the fields named ``cell.<row>.<column>``."""
    mended: dict[int, dict[str, str]] = {}
    for name, text in posted.items():
        row, _, column = name.removeprefix(CELL).partition(".")
        if name.startswith(CELL) and row.isdecimal() and text.strip():
            mended.setdefault(int(row), {})[column] = text.strip()
    return mended
