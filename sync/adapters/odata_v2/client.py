"""The ERP edge to SAP: business partners and products over OData v2, as S/4HANA has it.

A batch is two requests: one ``$batch`` that reads what SAP holds, one that writes a changeset for each record. A
changeset is one transaction, and its first request carries the ETag that was read: a record that somebody changed in
between answers 412 and is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sync.adapters.base import (
    ConfigError,
    ErrorClass,
    Kind,
    Message,
    Outcome,
    PeerError,
    Receipt,
    Rendered,
    State,
    TargetRecord,
    Values,
    own_codes,
)
from sync.adapters.batches import in_turn, runs
from sync.adapters.http import Reply
from sync.adapters.options import Secrets, load
from sync.adapters.values import checked, comparable

from . import mapping
from .batch import Request
from .changes import create, update
from .config import ODataConfig
from .http import Service
from .mapping import Layout
from .reading import Held, held, key_path, quoted

BUSY = {408, 425, 428, 429, 503}
STALE = (409, 412)
FAILED = (State.REJECTED, State.UNKNOWN)
LOCKED = 423  # or in words: somebody edits it in SAP's own screens
IDS_IN_ONE_READ = 50


@dataclass(slots=True)
class Job:
    body: dict[str, Any]
    held: Held | None = None
    outcome: Outcome | None = None

    @property
    def stand(self) -> tuple[int, int]:
        return self.body["version"], self.body["generation"]


class ODataAdapter:
    def __init__(self, config: Mapping[str, Any], secrets: Secrets) -> None:
        self._config = load(ODataConfig, config)
        self.domains = self._config.domains
        if unwritable := sorted(set(self.domains) - {"supplier", "item"}):
            raise ConfigError(f"SAP offers no OData v2 service that writes {', '.join(unwritable)}.")
        self._layouts = {domain: mapping.layout(domain, self._config) for domain in self.domains}
        self._services = {d: Service(lay.service, self._config, secrets) for d, lay in self._layouts.items()}

    def render(self, message: Message) -> bytes:
        config = self._config
        ours = config.limits.get(message.domain, {})
        values = checked(message, {**mapping.LIMITS[message.domain], **ours})
        codes = own_codes(message)
        layout, merged = self._layouts[message.domain], message.payload.get("merged_into")
        stand = f"{message.version}.{message.generation}"
        body = {
            "version": message.version,
            "generation": message.generation,
            "record": message.record,
            "number": codes[0]["code"] if codes else mapping.number(message.domain, message.record),
            "entity": {
                **mapping.to_entity(message.domain, values, config),
                layout.id_property: message.record,
                layout.inactive: message.kind in (Kind.RETIRE, Kind.MERGE),
                config.version_field[message.domain]: f"{stand} replaced by {merged}" if merged else stand,
            },
            "first": mapping.first_values(message.domain, config),
        }
        return orjson.dumps(body)

    def expected(self, message: Message) -> Values:
        values = comparable(message.domain, message.payload["attributes"])
        entity = mapping.to_entity(message.domain, values, self._config)
        return mapping.to_canonical(message.domain, entity, self._config)

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        return in_turn(runs(batch, self._config.batch_size), self._write)

    def _write(self, chunk: list[Rendered]) -> list[Outcome]:
        domain = chunk[0].message.domain
        jobs = [Job(orjson.loads(rendered.body)) for rendered in chunk]
        self._look(domain, jobs)
        self._change(domain, [job for job in jobs if job.outcome is None])
        failed = [job for job in jobs if job.held is None and job.outcome and job.outcome.state in FAILED]
        if failed:  # perhaps somebody else made the same record in between; some servers answer 500 to that
            self._look_again(domain, failed)
        return [job.outcome or _outcome(None, job) for job in jobs]

    def _look(self, domain: str, jobs: Sequence[Job]) -> None:
        """What SAP holds for each; decides those that need no writing."""
        for job, found in zip(jobs, self._held(domain, jobs), strict=True):
            job.held = found if isinstance(found, Held) else None
            if isinstance(found, Outcome):
                job.outcome = found
            elif found and found.record not in ("", job.body["record"]):
                text = f"{job.body['number']} is {found.record} at this target; the crosswalk needs a correction."
                job.outcome = Outcome(State.REJECTED, error=text, error_class=ErrorClass.REFUSED)
            elif found and found.record and found.stand >= job.stand:
                job.outcome = Outcome(State.ACKNOWLEDGED, receipt="held", target_code=job.body["number"])

    def _held(self, domain: str, jobs: Sequence[Job]) -> list[Held | Outcome | None]:
        layout, version = self._layouts[domain], self._config.version_field[domain]
        reads = [Request("GET", f"{key_path(layout, job.body['number'])}?$expand={layout.expand}&$format=json")
                 for job in jobs]  # fmt: skip
        replies = [part[0] if part else None for part in self._services[domain].batch(reads)]
        return [
            held(layout, version, reply) if reply and reply.status == 200
            else None if reply and reply.status == 404 else _outcome(reply, job)
            for job, reply in zip(jobs, replies, strict=True)
        ]  # fmt: skip

    def _change(self, domain: str, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        layout = self._layouts[domain]
        changesets = [update(layout, job.body, job.held) if job.held else [create(layout, job.body)] for job in jobs]
        for job, replies in zip(jobs, self._services[domain].batch(changesets), strict=True):
            bad = next((reply for reply in replies if not 200 <= reply.status < 300), None)
            job.outcome = _outcome(bad or (replies[0] if replies else None), job)

    def _look_again(self, domain: str, jobs: Sequence[Job]) -> None:
        for job, found in zip(jobs, self._held(domain, jobs), strict=True):
            if isinstance(found, Held):
                text = "Somebody else made this record at the same moment."
                job.outcome = Outcome(State.RETRY, error=text, error_class=ErrorClass.CONFLICT)

    def collect(self) -> list[Receipt]:
        return []

    def confirm(self) -> None:
        """Every answer comes at once."""

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        layout, version = self._layouts[domain], self._config.version_field[domain]
        for condition in _conditions(layout, ids):
            for entity in self._pages(domain, condition):
                found = Held.of(layout, version, entity)
                if found.stand > (0, 0):
                    values = mapping.to_canonical(domain, found.entity, self._config)
                    yield TargetRecord(found.record, *found.stand, not found.entity[layout.inactive], values)

    def _pages(self, domain: str, condition: str) -> Iterator[Any]:
        """Each begins behind the last key, so none is passed over when the set changes meanwhile ($skip counts anew).
        Until an empty page: a server may give fewer than were asked for.
        """
        layout, last, wanted = self._layouts[domain], "", condition
        query = {"$expand": layout.expand, "$orderby": layout.key, "$top": self._config.page_size}
        while rows := self._services[domain].get(layout.entity_set, **query, **{"$filter": wanted}).get("results"):
            if str(rows[-1][layout.key]) == last:
                raise PeerError(f"{layout.entity_set} gives the same page again and again.", ErrorClass.PROTOCOL)
            yield from rows
            last = str(rows[-1][layout.key])
            wanted = f"({condition}) and {layout.key} gt {quoted(last)}"

    def check(self) -> str:
        for domain in self.domains:
            layout = self._layouts[domain]
            fields = f"{layout.id_property},{self._config.version_field[domain]}"
            self._services[domain].get(layout.entity_set, **{"$top": 1, "$select": fields})
        return f"{self._config.base_url} answers and offers {', '.join(lay.service for lay in self._layouts.values())}."

    def close(self) -> None:
        for service in self._services.values():
            service.close()


def _conditions(layout: Layout, ids: Sequence[str] | None) -> Iterator[str]:
    if ids is None:
        yield f"startswith({layout.id_property},'MDM-') eq true"
    for start in range(0, len(ids or ()), IDS_IN_ONE_READ):
        wanted = list(ids or ())[start : start + IDS_IN_ONE_READ]
        yield " or ".join(f"{layout.id_property} eq {quoted(record)}" for record in wanted)


def _outcome(reply: Reply | None, job: Job) -> Outcome:
    """The status of a part inside the batch, as an outcome."""
    if reply is None:
        return Outcome(State.UNKNOWN, error="The reply has no result for it.", error_class=ErrorClass.PROTOCOL)
    if 200 <= reply.status < 300:
        receipt = "updated" if job.held else "created"
        return Outcome(State.ACKNOWLEDGED, receipt=receipt, target_code=job.body["number"])
    text = f"HTTP {reply.status}: {_detail(reply)}"
    if reply.status == LOCKED or (400 <= reply.status < 500 and "locked by user" in text.lower()):
        return Outcome(State.RETRY, error=text, error_class=ErrorClass.CONFLICT)
    if reply.status in STALE:
        return Outcome(State.RETRY, error=f"{text} It was changed meanwhile.", error_class=ErrorClass.CONFLICT)
    if reply.status in BUSY:
        return Outcome(State.RETRY, error=text, error_class=ErrorClass.BUSY, retry_after=reply.retry_after)
    if reply.status >= 500:
        return Outcome(State.UNKNOWN, error=text, error_class=ErrorClass.SERVER)
    kind = ErrorClass.VALIDATION if reply.status in (400, 422) else ErrorClass.REFUSED
    return Outcome(State.REJECTED, error=text, error_class=kind)


def _detail(reply: Reply) -> str:
    """SAP's words: the message, and the details, each with the field that it is about."""
    try:
        error = orjson.loads(reply.body)["error"]
        texts = [_text(one) for one in (error, *error.get("innererror", {}).get("errordetails", []))]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason given"
    return "; ".join(dict.fromkeys(text for text in texts if text))[:500]


def _text(error: Mapping[str, Any]) -> str:
    """A message is ``{"lang": …, "value": …}``; in details SAP gives its text alone, others don't.

    The field ends a path ("/#TRANSIENT#/BaseUnit"), if there is one.
    """
    message = error.get("message", "")
    text = str(message["value"] if isinstance(message, dict) else message)
    field = str(error.get("target") or error.get("propertyref") or "").rpartition("/")[2]
    return f"{field}: {text}" if text and field.isidentifier() and field not in text else text
