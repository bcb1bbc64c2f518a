"""Records of a message as rows of ``mdm.services.ingest``: checked, merged with what is known, or left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from mdm import scalars
from mdm.canonical import DOMAINS
from mdm.models import CodeSystem, SourceRecord, User
from mdm.services import ingest as core
from mdm.services.change import retire_sources
from mdm.values import CODE_LENGTH, parse_values
from sync.inbound.formats import FORMATS, Action, Parsed
from sync.models.inbound import InboundMessage, InboundRecord
from sync.text import storable, storable_values

Outcome = InboundRecord.Outcome
Known = dict[str, SourceRecord]


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of one record; ``pending`` is the source record that waits to be resolved."""

    position: int
    domain: str
    outcome: str
    pending: int | None = None


def land(message: InboundMessage, chunk: Sequence[Parsed]) -> list[Landed]:
    """Land these records of a message and note their outcomes. In the caller's transaction."""
    done: list[Landed] = []
    for wave in _waves(map(_cleaned, chunk)):
        for domain in DOMAINS:  # what others refer to comes first
            if entries := [entry for entry in wave if entry.domain == domain]:
                done += _Landing(message, domain, entries).land()
        if strange := [entry for entry in wave if entry.domain not in DOMAINS]:
            done += _refuse(message, strange)
    return done


def _waves(chunk: Iterable[Parsed]) -> list[list[Parsed]]:
    """The records in groups that name each code once: a message may say several things of one, one after the other."""
    waves: list[list[Parsed]] = []
    times: dict[tuple[str, str], int] = {}
    for entry in chunk:
        key = (entry.domain, entry.code)
        number = times[key] = times.get(key, -1) + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(entry)
    return waves


def _refuse(message: InboundMessage, entries: Sequence[Parsed]) -> list[Landed]:
    _write_down(
        InboundRecord(
            message=message,
            position=entry.position,
            code=storable(entry.code)[:CODE_LENGTH],
            outcome=Outcome.REFUSED,
            problems=[storable(text) for text in entry.problems] or ["it is of no domain that Concord keeps"],
        )
        for entry in entries
    )
    return [Landed(entry.position, "", Outcome.REFUSED) for entry in entries]


def _write_down(records: Iterable[InboundRecord]) -> None:
    """Note outcomes, in place of those of an earlier time that the message was taken."""
    changing = ["domain", "code_system", "code", "outcome", "problems", "source_record"]
    InboundRecord.objects.bulk_create(
        records, update_conflicts=True, unique_fields=["message", "position"], update_fields=changing
    )


class _Landing:
    """Records of one domain, each code once."""

    def __init__(self, message: InboundMessage, domain: str, entries: Sequence[Parsed]) -> None:
        self.message, self.domain, self.entries = message, domain, entries
        self.code_system = CodeSystem.objects.own(message.source.system, domain)

    def land(self) -> list[Landed]:
        self.before = self._known()
        newer = self._newer()
        rows, retired, outcomes = [], [], {}
        for entry in self.entries:
            made = self._row(entry)
            if isinstance(made, list):
                outcomes[entry.position] = (Outcome.REFUSED, made)
            elif entry.code in newer:
                outcomes[entry.position] = (Outcome.SUPERSEDED, [])
            elif made is None:
                retired.append(entry.code)
                outcomes[entry.position] = (Outcome.RETIRED, [])
            else:
                rows.append(made)
        self._write(rows, retired)
        return self._note(outcomes)

    def _known(self) -> Known:
        codes = [entry.code for entry in self.entries]
        found = SourceRecord.objects.filter(code_system=self.code_system, code__in=codes).select_related("ingest")
        return {record.code: record for record in found.defer("standardised", "raw")}

    def _newer(self) -> set[str]:
        """Codes of which something that was received later has been heeded already: a message, or a file."""
        codes = [entry.code for entry in self.entries]
        later = InboundRecord.objects.filter(
            code_system=self.code_system,
            code__in=codes,
            message__gt=self.message.pk,
            outcome__in=InboundRecord.HEEDED,
        )
        since = self.message.received_at
        others = ((code, record.ingest) for code, record in self.before.items())  # not of messages, which are above
        return set(later.values_list("code", flat=True)) | {
            code for code, ingest in others if ingest.channel not in FORMATS and ingest.started_at > since
        }

    def _row(self, entry: Parsed) -> core.Row | list[str] | None:
        """The row to land, None where the code is to be retired, or what is wrong."""
        if problems := [storable(text) for text in entry.problems] or _why_no_code(entry.code):
            return problems
        known = self.before.get(entry.code)
        if entry.action is Action.RETIRE:
            return None if known else ["Concord has never heard of this code, so there is nothing to retire"]
        parsed = parse_values(self.domain, entry.values, units=self.code_system.units)
        if parsed.problems:
            return [f"{p.path}: {p.message}" + (f" ({p.value})" if p.value else "") for p in parsed.problems]
        keep = known is not None and (entry.partial or (entry.action is Action.REVIVE and not entry.values))
        values, written = parsed.values, parsed.written
        if known and keep:
            values = _merged(known.values, values, entry.cleared)
            written = _merged(known.written, written, entry.cleared | parsed.values.keys())
        if not values:
            return ["it says nothing but its code"]
        return core.Row(
            number=entry.position,
            code=entry.code,
            values=values,
            raw=storable_values(entry.raw),
            uom=entry.uom or (known.uom if known and keep else ""),
            updated_at=entry.updated_at,
            invalid=parsed.invalid,
            written=written,
            units=self.code_system.units,
        )

    def _write(self, rows: Sequence[core.Row], retired: Sequence[str]) -> None:
        system = User.objects.system()  # a worker lands it; whoever sent it is in the audit of its receipt
        if rows or retired:
            ingest = core.begin(code_system=self.code_system, channel=self.message.source.format, actor=system)
            core.land(ingest=ingest, rows=rows)
            if retired:
                ingest.retired = retire_sources(code_system=self.code_system, codes=retired, actor=system)
            core.finish(ingest=ingest)

    def _note(self, outcomes: Mapping[int, tuple[str, list[str]]]) -> list[Landed]:
        after, noted, done = self._known(), [], []
        for entry in self.entries:
            record = after.get(entry.code)
            outcome, problems = outcomes.get(entry.position) or (self._word(record), [])
            noted.append(
                InboundRecord(
                    message=self.message,
                    position=entry.position,
                    domain=self.domain,
                    code_system=self.code_system,
                    code=storable(entry.code)[:CODE_LENGTH],
                    outcome=outcome,
                    problems=problems,
                    source_record=record,
                )
            )
            waits = record is not None and record.state == SourceRecord.State.PENDING
            done.append(Landed(entry.position, self.domain, outcome, record.pk if record and waits else None))
        _write_down(noted)
        return done

    def _word(self, record: SourceRecord | None) -> str:
        before = self.before.get(record.code) if record else None
        if before is None:
            return Outcome.NEW
        return Outcome.UNCHANGED if record and record.version == before.version else Outcome.CHANGED


def _cleaned(entry: Parsed) -> Parsed:
    """The record with its code as feeds would read it."""
    try:
        return replace(entry, code=scalars.code(scalars.clean(entry.code)))
    except scalars.Unreadable as error:
        return replace(entry, code="", problems=(*entry.problems, f"its code: {error}"))


def _why_no_code(code: str) -> list[str]:
    if not code.strip():
        return ["it has no code: say in the profile where its own code is"]
    if len(code) > CODE_LENGTH:
        return [f"its code has {len(code)} characters, {CODE_LENGTH} fit"]
    return []


def _merged(before: Mapping[str, Any], said: Mapping[str, Any], cleared: AbstractSet[str]) -> dict[str, Any]:
    kept = {name: value for name, value in before.items() if name not in cleared}
    return {**kept, **said}
