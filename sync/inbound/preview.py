"""A file before it is imported: its columns with a mapping suggested, and what an import would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from mdm import permissions, scalars
from mdm.models import CodeSystem, SourceRecord, User
from mdm.scalars import Cell, Unreadable
from mdm.services import match
from mdm.services.ingest import LandCounts, Row, content_hash
from sync.inbound import gl_accounts, retirement
from sync.inbound.files import stored
from sync.inbound.mapping import Suggestion, pairs, suggest
from sync.inbound.reading import Bad, Batch, FeedFile
from sync.inbound.tabular import open_table, sheets_of
from sync.models.feed import FeedRun, MissingRows

SAMPLE_ROWS = 5
PROBLEMS_SHOWN = 100
FORETOLD = 200  # new rows whose matching is tried


@dataclass(slots=True)
class Inspection:
    """The columns of a file, a suggestion for each, and its first rows as text."""

    columns: list[str]
    suggestions: list[Suggestion]
    sample: list[list[str]]
    sheets: list[str] = field(default_factory=list)  # of a workbook


@dataclass(slots=True)
class DryRun:
    """What an import would do. ``problems`` are the first hundred of the rows that would be ``quarantined``."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    quarantined: int = 0
    retired: int = 0
    message: str = ""
    problems: list[Bad] = field(default_factory=list)
    tried: int = 0  # new rows whose matching was tried, the first of them
    would: Counter[str] = field(default_factory=Counter)  # link, review, new: what would become of those


def inspect(*, run: FeedRun, actor: User) -> Inspection:
    """Look at the file of a draft. Raises ``FeedError`` for a file that is no table."""
    permissions.require(actor, permissions.IMPORT)
    wanted = [column for column, _path in pairs(run.mapping)]
    table = open_table(stored(run.path), wanted=wanted, sheet=run.sheet)
    sample = [[_text(cell) for cell in row.cells] for row in islice(table.rows(), SAMPLE_ROWS)]
    return Inspection(table.columns, suggest(run.domain, table.columns), sample, sheets_of(stored(run.path)))


def _text(cell: Cell) -> str:
    try:
        return scalars.typed_text(cell) if not isinstance(cell, str) else cell
    except Unreadable:
        return str(cell)


def dry_run(*, run: FeedRun, actor: User) -> DryRun:
    """Read the file of a draft as an import would, and write nothing. Raises ``FeedError`` as an import would fail."""
    permissions.require(actor, permissions.IMPORT)
    code_system = run.code_system()
    file = FeedFile(stored(run.path), run, units=code_system.units if code_system else {})
    survey = file.survey(keep_codes=run.missing == MissingRows.RETIRE)
    result = DryRun(rows=survey.rows)
    if code_system is None:
        whole = gl_accounts.read(run.system, file, survey)
        _count(result, whole, gl_accounts.compare(system=run.system, rows=whole.rows))
    else:
        for batch in file.batches(survey):
            _count(result, batch, _compare(code_system, batch.rows))
            _foretell(result, code_system, batch.rows, actor)
    codes = retirement.missing(run, survey)
    result.message = retirement.why_held(run, survey, codes)
    result.retired = 0 if result.message else len(codes)
    return result


def _foretell(result: DryRun, code_system: CodeSystem, rows: Sequence[Row], actor: User) -> None:
    """Try the matching of the first new rows, as the resolver would decide now."""
    room = FORETOLD - result.tried
    if room <= 0:
        return
    codes = [row.code for row in rows]
    known = set(SourceRecord.objects.filter(code_system=code_system, code__in=codes).values_list("code", flat=True))
    fresh = [row.values for row in rows if row.code not in known][:room]
    if fresh:
        said = match.foretell(domain=code_system.domain, asked=fresh, actor=actor, code_system=code_system)
        result.would += said
        result.tried += len(fresh)


def _count(result: DryRun, batch: Batch, counts: LandCounts) -> None:
    result.new += counts.new
    result.changed += counts.changed
    result.unchanged += counts.unchanged
    result.repeated += batch.repeated
    result.quarantined += len(batch.bad)
    result.problems += batch.bad[: max(0, PROBLEMS_SHOWN - len(result.problems))]


def _compare(code_system: CodeSystem, rows: Sequence[Row]) -> LandCounts:
    """What ``mdm.services.ingest.land`` would do."""
    records = SourceRecord.objects.filter(code_system=code_system, code__in=[row.code for row in rows])
    live = records.exclude(state=SourceRecord.State.RETIRED).values_list("code", "content_hash")
    known = {code: bytes(digest) for code, digest in live}
    counts = LandCounts(new=len(rows) - records.count())
    counts.unchanged = sum(known.get(row.code) == content_hash(row.values, row.uom) for row in rows)
    counts.changed = len(rows) - counts.new - counts.unchanged
    return counts
