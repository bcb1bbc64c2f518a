"""The ERP edge: a REST JSON profile with OAuth2 client credentials.

``PUT /{resource}/{id}`` upserts by business key; ``POST /{resource}/batch`` takes many of the same bodies and answers
for each one. Every body carries its idempotency key and (version, generation).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import httpx
import orjson

from sync.adapters.base import (
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

from .config import RestConfig
from .http import Http
from .mapping import RESOURCES, TABLES, to_canonical, to_target

BUSY = {408, 425, 429, 503}  # the peer did not take it; ask again later
IDS_IN_ONE_READ = 50


class RestAdapter:
    def __init__(self, config: Mapping[str, Any], secrets: Secrets) -> None:
        self._config = load(RestConfig, config)
        self._http = Http(self._config, secrets)
        self.domains = self._config.domains

    def render(self, message: Message) -> bytes:
        values = checked(message, self._config.limits.get(message.domain, {}))
        body = {
            "key": message.key,
            "id": message.record,
            "version": message.version,
            "generation": message.generation,
            "action": message.kind,
            "active": message.kind not in (Kind.RETIRE, Kind.MERGE),
            "replacedBy": message.payload.get("merged_into"),
            "numbers": [code["code"] for code in own_codes(message)],
            "data": to_target(TABLES[message.domain], values),
        }
        return orjson.dumps(body)

    def expected(self, message: Message) -> Values:
        return comparable(message.domain, message.payload["attributes"])

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        return in_turn(runs(batch, self._config.batch_size), self._chunk)

    def _chunk(self, chunk: list[Rendered]) -> list[Outcome]:
        if len(chunk) == 1:
            return [self._put(chunk[0])]
        path = f"/{RESOURCES[chunk[0].message.domain]}/batch"
        content = b'{"records":[' + b",".join(rendered.body for rendered in chunk) + b"]}"
        reply = self._http.request("POST", path, content=content)
        if _permanent(reply.status):  # one bad record must not refuse its neighbours
            return [self._put(rendered) for rendered in chunk]
        if reply.status not in (200, 207):
            return [outcome_of(reply.status, None, reply)] * len(chunk)
        return _each(chunk, reply)

    def _put(self, rendered: Rendered) -> Outcome:
        message = rendered.message
        path = f"/{RESOURCES[message.domain]}/{message.record}"
        reply = self._http.request("PUT", path, content=rendered.body, headers={"Idempotency-Key": message.key})
        answer = _answer(reply) if reply.status in (200, 201) else None
        return outcome_of(reply.status, answer, reply)

    def collect(self) -> list[Receipt]:
        return []

    def confirm(self) -> None:
        """Every answer comes at once."""

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        for params in self._pages(ids):
            while params is not None:
                page = self._get(domain, params)
                yield from (_record(domain, row) for row in page["records"])
                params = {**params, "after": page["next"]} if page.get("next") else None

    def _pages(self, ids: Sequence[str] | None) -> Iterator[dict[str, Any] | None]:
        if ids is None:
            yield {"limit": self._config.page_size}
        for start in range(0, len(ids or ()), IDS_IN_ONE_READ):
            yield {"id": list(ids or ())[start : start + IDS_IN_ONE_READ], "limit": IDS_IN_ONE_READ}

    def digests(self, domain: str) -> list[int] | None:
        """``GET /{resource}/digests``; a target without it answers that there is no such thing."""
        reply = self._http.request("GET", f"/{RESOURCES[domain]}/digests")
        if _permanent(reply.status) or reply.status == httpx.codes.NOT_IMPLEMENTED:
            return None
        answer = reply.json() if reply.status == 200 else None
        try:
            return [int(text, 16) for text in answer["digests"]]  # type: ignore[index]  # what it may be is told below
        except (TypeError, KeyError, ValueError) as error:
            text = f"Reading the digests of {domain} records: HTTP {reply.status}."
            raise PeerError(text, ErrorClass.PROTOCOL) from error

    def digest(self, domain: str, record: TargetRecord) -> int:
        """The first 128 bits of SHA-256 of id, version, generation, active (1 or 0) and data, the JSON of sorted keys
        without blanks, with a line feed between.
        """
        data = orjson.dumps(to_target(TABLES[domain], record.values), option=orjson.OPT_SORT_KEYS)
        head = f"{record.id}\n{record.version}\n{record.generation}\n{int(record.active)}\n"
        return int.from_bytes(hashlib.sha256(head.encode() + data).digest()[:16])

    def read_buckets(self, domain: str, buckets: Collection[int]) -> Iterator[TargetRecord]:
        wanted = sorted(buckets)
        for start in range(0, len(wanted), IDS_IN_ONE_READ):
            chunk = wanted[start : start + IDS_IN_ONE_READ]
            params: dict[str, Any] | None = {"bucket": chunk, "limit": self._config.page_size}
            while params is not None:
                page = self._get(domain, params)
                yield from (_record(domain, row) for row in page["records"])
                params = {**params, "after": page["next"]} if page.get("next") else None

    def _get(self, domain: str, params: dict[str, Any]) -> Any:
        reply = self._http.request("GET", f"/{RESOURCES[domain]}", params=params)
        page = reply.json() if reply.status == 200 else None
        if not isinstance(page, dict) or not isinstance(page.get("records"), list):
            raise PeerError(f"Reading {domain} records: HTTP {reply.status}.", ErrorClass.PROTOCOL)
        return page

    def check(self) -> str:
        for domain in self.domains:
            self._get(domain, {"limit": 1})
        return f"{self._config.base_url} answers and accepts the client's token."

    def close(self) -> None:
        self._http.close()


def _permanent(status: int) -> bool:
    return 400 <= status < 500 and status not in BUSY and status != 401


def outcome_of(status: int, answer: Mapping[str, Any] | None, reply: Reply) -> Outcome:
    """HTTP status, of a reply or of one record inside it, as an outcome."""
    if status in (200, 201):
        if not answer or not answer.get("number"):
            return Outcome(
                State.UNKNOWN, error="A success without the record's number.", error_class=ErrorClass.PROTOCOL
            )
        return Outcome(State.ACKNOWLEDGED, receipt=str(answer.get("result", status)), target_code=str(answer["number"]))
    detail = f"HTTP {status}: {_detail(answer, reply)}"
    if status in BUSY:
        return Outcome(State.RETRY, error=detail, error_class=ErrorClass.BUSY, retry_after=reply.retry_after)
    if status == 401:
        return Outcome(State.RETRY, error=detail, error_class=ErrorClass.AUTH, connection=True)
    if 300 <= status < 400:
        text = f"{detail} Redirects are not followed; correct the target's base_url."
        return Outcome(State.RETRY, error=text, error_class=ErrorClass.PROTOCOL, connection=True)
    if _permanent(status):
        kind = ErrorClass.VALIDATION if status in (400, 422) else ErrorClass.REFUSED
        return Outcome(State.REJECTED, error=detail, error_class=kind)
    return Outcome(State.UNKNOWN, error=detail, error_class=ErrorClass.SERVER)


def _each(chunk: list[Rendered], reply: Reply) -> list[Outcome]:
    """The status inside the 2xx, matched by idempotency key."""
    answer = _answer(reply) or {}
    rows = answer.get("results")
    by_key = {row.get("key"): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}
    missing = Outcome(State.UNKNOWN, error="The reply has no result for it.", error_class=ErrorClass.PROTOCOL)
    found = (by_key.get(rendered.message.key) for rendered in chunk)
    return [outcome_of(int(row.get("status", 0)), row, reply) if row else missing for row in found]


def _answer(reply: Reply) -> Mapping[str, Any] | None:
    try:
        answer = reply.json()
    except PeerError:
        return None
    return answer if isinstance(answer, dict) else None


def _detail(answer: Mapping[str, Any] | None, reply: Reply) -> str:
    answer = answer or _answer(reply) or {}
    errors = answer.get("errors") or [answer.get("error") or "no reason given"]
    return "; ".join(str(e) for e in errors)[:500] if isinstance(errors, list) else str(errors)[:500]


def _record(domain: str, row: Mapping[str, Any]) -> TargetRecord:
    values = comparable(domain, to_canonical(TABLES[domain], row["data"]))
    return TargetRecord(row["id"], row["version"], row["generation"], row["active"], values)
