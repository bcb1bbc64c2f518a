"""The crosswalk explorer: pasted codes, what each means on a day, and its quantity in another system's unit."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from mdm import lookup
from mdm.conversion import Ladder, NoFactor
from mdm.exceptions import Ambiguous, ConcordError, InvalidValue, UnknownCode
from mdm.factors import Answer as Factor
from mdm.factors import End, factors
from mdm.lookup import Resolution
from mdm.lookup_rows import Clocks
from mdm.models import CodeSystem, Crosswalk, GoldenRecord, SourceRecord
from mdm.ui import words
from mdm.ui.readers import units
from mdm.ui.readers.units import Amount
from mdm.unit_schemes import read

MOST = 5_000  # codes at once
SHOWN = 100  # rows on the page; a file has all
LONGEST = lookup.MAX_CODE
SOON = dt.timedelta(days=30)
_Factors = dict["Asked", Factor]
LINE = re.compile(r"(?P<code>\S.*?)(?:\s+(?P<quantity>\d{1,9}(?:\.\d{1,4})?)(?:\s*(?P<unit>[^\W\d]\S*))?)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """One pasted line: a code, then a quantity and its unit if they were given."""

    code: str
    quantity: str = ""
    unit: str = ""


def lines(text: str) -> list[Asked]:
    """Lines as they are pasted from a spreadsheet (tabs) or typed (blanks). A code with blanks needs tabs."""
    return [_line(line) for line in text.replace("\0", "").splitlines() if line.strip()]


def _line(line: str) -> Asked:
    if "\t" in line:
        code, quantity, unit, *_ = [*(part.strip() for part in line.split("\t")), "", ""]
        return Asked(code, quantity, unit)
    found = LINE.fullmatch(line.strip())
    return Asked(*(part or "" for part in found.groups())) if found else Asked(line.strip())


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of all lines."""

    system: CodeSystem
    to: CodeSystem | None = None
    as_of: dt.date | None = None
    known_at: dt.datetime | None = None

    @property
    def day(self) -> dt.date:
        return self.as_of or timezone.localdate()


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line. ``tone``: eq as asked, sim with a remark, ne refused, "" unknown."""

    asked: Asked
    tone: str
    word: str
    note: str = ""
    found: Resolution | None = None
    amount: Amount | None = None
    records: Sequence[str] = ()  # public ids that an ambiguous code may mean

    @property
    def glyph(self) -> str:
        return {"eq": "=", "sim": "≈", "ne": "≠"}.get(self.tone, "∅")


@dataclass(slots=True)
class Answer:
    query: Query
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tally(self) -> list[tuple[str, str, int]]:
        """Tone, word and number of each kind of outcome that there is."""
        kinds = (("eq", "exact"), ("sim", "with a remark"), ("ne", "not valid"), ("", "unknown"))
        count = Counter(line.tone for line in self.lines)
        return [(tone, word, count[tone]) for tone, word in kinds if count[tone]]

    @property
    def quantities(self) -> bool:
        return self.query.system.domain == "item"

    def shown(self, *, problems: bool) -> list[Line]:
        return [line for line in self.lines if line.tone != "eq" or not problems][:SHOWN]


def resolve(text: str, query: Query) -> Answer:
    """Every line's meaning, in the order pasted; at most ten queries, however many lines.

    Raises:
        InvalidValue: too many lines, none, or a target of another domain.
    """
    started, asked = time.perf_counter(), lines(text)
    if not 0 < len(asked) <= MOST:
        raise InvalidValue(f"Paste 1 to {MOST:,} codes, one per line; these are {len(asked):,}.")
    to = query.to.slug if query.to else None
    found = lookup.resolve_many(
        query.system.slug, [a.code for a in asked], to=to, as_of=query.as_of, known_at=query.known_at
    )
    ids = {outcome.id for outcome in found if isinstance(outcome, Resolution)}
    packed = units.ladders(ids, query.known_at) if query.system.domain == "item" and ids else {}
    why = _Absences(query, [a.code for a, o in zip(asked, found, strict=True) if isinstance(o, UnknownCode)])
    there = _factors(query, zip(asked, found, strict=True)) if packed else {}
    answer = Answer(query, [_told(query, a, o, packed, there, why) for a, o in zip(asked, found, strict=True)])
    answer.seconds = time.perf_counter() - started
    return answer


def _factors(query: Query, lines: Iterable[tuple[Asked, Any]]) -> _Factors:
    """How many of the other system's unit one of each line's is, as lookups answer it; or why nobody can say."""
    found = {a: o for a, o in lines if isinstance(o, Resolution) and o.codes and o.codes[0].uom and _unit(a, o)}
    if query.to is None or not found:
        return {}
    rows = GoldenRecord.objects.filter(public_id__in={one.id for one in found.values()})
    pks = dict(rows.values_list("public_id", "pk"))
    questions = [
        (pks[one.id], End(query.system, query.system.normalise(asked.code), _unit(asked, one)),
         End(query.to, one.codes[0].code, one.codes[0].uom))
        for asked, one in found.items()
    ]  # fmt: skip
    return dict(zip(found, factors(questions, Clocks(query.day, query.known_at)), strict=True))


def _unit(asked: Asked, found: Resolution) -> str:
    return asked.unit or found.uom


def _told(query: Query, asked: Asked, outcome: Any, packed: dict[str, Ladder], there: _Factors, why: _Absences) -> Line:
    if isinstance(outcome, Resolution):
        return _found(query, asked, outcome, packed.get(outcome.id), there.get(asked))
    if isinstance(outcome, Ambiguous):
        ids = outcome.details["candidates"]
        return Line(asked, "ne", "Shared", f"{len(ids)} records have it", records=ids)
    if isinstance(outcome, UnknownCode):
        return why.of(asked, outcome)
    return Line(asked, "ne", "No code", outcome.message)


def _found(query: Query, asked: Asked, found: Resolution, ladder: Ladder | None, there: Factor | None) -> Line:
    amount, unclear = _amount(query, asked, found, ladder, there)
    for word, note in _remarks(query, found, unclear, amount):
        return Line(asked, "" if word == "No code there" else "sim", word, note, found, amount)
    return Line(asked, "eq", "Exact", "", found, amount)


def _remarks(query: Query, found: Resolution, unclear: str, amount: Amount | None) -> Iterable[tuple[str, str]]:
    """What somebody who acts on the answer must know, the weightiest first."""
    if query.to and not found.codes:
        yield "No code there", f"{query.to.system.name} has none for it"
    if found.status == "retired":
        instead = ", ".join(one.id for one in found.substitutes)
        yield "Retired", f"instead: {instead}" if instead else "not to be ordered any more"
    if unclear:
        yield "Not converted", unclear
    if found.redirected_from:
        yield "Merged", f"was {found.redirected_from}"
    if found.valid_to and found.valid_to - query.day <= SOON:
        yield "Ends soon", f"not valid from {words.show_date(found.valid_to)}"
    if amount and amount.target_factor and not amount.even:
        yield "Uneven", f"no whole number of {amount.target_unit} there"


def _amount(
    query: Query, asked: Asked, found: Resolution, ladder: Ladder | None, there: Factor | None
) -> tuple[Amount | None, str]:
    """The quantity converted, and why it can't be. One of the code's own unit where no quantity was given."""
    if ladder is None:
        return None, ""
    wanted = bool(asked.quantity or asked.unit)
    try:
        quantity = Decimal(asked.quantity or "1")
    except InvalidOperation:
        return None, f"{asked.quantity[:20]} is no number"
    text = _unit(asked, found)
    unit = read(text, query.system.units) if text else None
    try:
        if unit is None:
            raise NoFactor(f"{text[:12]} is no unit that Concord knows" if text else "the unit is not stated")
        amount = Amount(quantity, unit.code, ladder.content(unit), next(iter(ladder.holds)))
    except NoFactor as error:
        return None, error.message if wanted else ""
    if isinstance(there, NoFactor):
        return amount, there.message if wanted else ""
    if there is None or query.to is None:
        return amount, ""
    target = read(found.codes[0].uom, query.to.units)
    return replace(amount, target_unit=target.code if target else "", target_factor=amount.factor / there), ""


class _Absences:
    """Why codes are not found: not valid on that day, not known then, not published, in review, or never seen."""

    def __init__(self, query: Query, codes: Sequence[str]) -> None:
        self.query = query
        self.normal = {code: query.system.normalise(code) for code in codes}
        self.rows: dict[str, Crosswalk] = {}
        self.sources: dict[str, SourceRecord] = {}
        if codes:
            wanted = list(self.normal.values())
            rows = Crosswalk.objects.filter(code_system=query.system, code__in=wanted).select_related("golden")
            self.rows = {row.code: row for row in rows.order_by("known_from")}
            sources = SourceRecord.objects.filter(code_system=query.system, code__in=[*codes, *wanted])
            self.sources = {query.system.normalise(source.code): source for source in sources}

    def of(self, asked: Asked, error: ConcordError) -> Line:
        normal = self.normal[asked.code]
        if (row := self.rows.get(normal)) is not None:
            return self._at_another_time(asked, row)
        if (source := self.sources.get(normal)) is not None and source.golden_id is None:
            waits = "waits for a steward" if source.state == SourceRecord.State.REVIEW else "not yet resolved"
            return Line(asked, "ne", "In review", waits)
        known = error.details.get("known_in") or []
        return Line(asked, "", "Unknown", f"known in {', '.join(known)}" if known else "never seen")

    def _at_another_time(self, asked: Asked, row: Crosswalk) -> Line:
        golden: GoldenRecord = row.golden
        if self.query.known_at and row.known_from > self.query.known_at:
            return Line(asked, "ne", "Not known then", f"since {words.show_time(row.known_from)}")
        if row.valid_from > self.query.day:
            return Line(asked, "ne", "Not yet valid", f"from {words.show_date(row.valid_from)}")
        if row.valid_to and row.valid_to <= self.query.day:
            return Line(asked, "ne", "Expired", f"ended {words.show_date(row.valid_to)}")
        if golden.approved_version == 0:
            return Line(asked, "ne", "Draft", f"{golden.public_id} is not published yet", records=[golden.public_id])
        return Line(asked, "ne", "Withdrawn", f"since {words.show_time(row.known_to)}" if row.known_to else "")


def table(answer: Answer) -> Iterable[Sequence[Any]]:
    """The answer as rows, headings first."""
    yield _HEADINGS
    for line in answer.lines:
        found, amount = line.found, line.amount
        codes = found.codes if found else ()
        yield (
            *(line.asked.code, line.asked.quantity, line.asked.unit, line.word, line.note),
            *((found.id, found.name, found.status) if found else ("", "", "")),
            *((codes[0].code, codes[0].uom) if codes else ("", "")),
            *((amount.in_base, amount.in_target) if amount else ("", "")),
        )


_HEADINGS = (
    *("Code", "Quantity", "Unit", "Result", "Remark", "Golden record", "Name", "Status"),
    *("Code there", "Unit there", "In base units", "In its unit"),
)


def systems() -> list[tuple[str, list[tuple[str, str]]]]:
    """Code systems by domain, as the options of a select."""
    rows = CodeSystem.objects.select_related("system").order_by("domain", "system__name", "slug")
    grouped: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        own = row.kind == "primary"
        label = row.system.name if own else f"{words.KINDS.get(row.kind, row.kind)}"
        grouped.setdefault(row.domain.replace("_", " ").capitalize() + "s", []).append((row.slug, label))
    return list(grouped.items())
