"""The FHIR R4 edge: suppliers and cost centers as Organizations, Locations, items as DeviceDefinitions.

Each batch is preceded by a search for what the server holds of it. What it holds in this version or a newer one is
done; what it holds otherwise is updated with If-Match, so that nobody's change is overwritten unseen; what it lacks is
written by a conditional update, so that two senders make one resource. Several travel in a transaction or a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from mdm.fhir.mapping import RESOURCES, domain_of
from mdm.fhir.names import GOLDEN
from sync.adapters.base import (
    ConfigError,
    ErrorClass,
    Message,
    Outcome,
    PeerError,
    Receipt,
    Rendered,
    State,
    TargetRecord,
    Values,
    not_sent,
)
from sync.adapters.batches import in_turn, runs
from sync.adapters.http import Reply
from sync.adapters.options import Secrets, load
from sync.adapters.rest_json.client import outcome_of
from sync.adapters.values import checked, comparable

from .config import FhirConfig
from .http import Server, reasons, resource_of
from .mapping import Resource, delivered, merged, public_id, to_record, to_resource

IDS_IN_ONE_READ = 50
TRIES = 3  # of a record that somebody else changes at the same moment
STALE = (409, 412)  # servers differ in what they call a version that has passed
GONE = (404, 410)


@dataclass(slots=True)
class Draft:
    """One record on its way: what is written, over what."""

    message: Message
    ours: Resource
    held: Resource | None = None

    @property
    def kind(self) -> str:
        return RESOURCES[self.message.domain]

    @property
    def is_known(self) -> bool:
        """The server holds this version already, or a newer one."""
        return self.held is not None and delivered(self.held) >= (self.message.version, self.message.generation)

    @property
    def address(self) -> str:
        if self.held is not None:
            return f"{self.kind}/{self.held['id']}"
        return f"{self.kind}?identifier={quote(f'{GOLDEN}|{self.message.record}', safe='')}"

    @property
    def tag(self) -> str:
        version = (self.held or {}).get("meta", {}).get("versionId")
        return f'W/"{version}"' if version else ""

    @property
    def body(self) -> Resource:
        return merged(self.held, self.ours) if self.held is not None else self.ours


class FhirAdapter:
    def __init__(self, config: Mapping[str, Any], secrets: Secrets) -> None:
        self._config = load(FhirConfig, config)
        if self._config.bundle not in ("transaction", "batch"):
            raise ConfigError("bundle is transaction or batch.")
        self._server = Server(self._config, secrets)
        self.domains = self._config.domains

    def render(self, message: Message) -> bytes:
        values = checked(message, self._config.limits.get(message.domain, {}))
        return orjson.dumps(to_resource(message, {**values, **_with_names(message, values)}))

    def expected(self, message: Message) -> Values:
        return comparable(message.domain, message.payload["attributes"])

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        return in_turn(runs(batch, self._config.batch_size, _kind), self._chunk)

    def _chunk(self, chunk: list[Rendered]) -> list[Outcome]:
        drafts = [Draft(rendered.message, orjson.loads(rendered.body)) for rendered in chunk]
        try:
            held = self._held(drafts[0].kind, [draft.message.record for draft in drafts])
        except _Refused as refused:
            return [refused.outcome] * len(chunk)
        done: dict[str, Outcome] = {}
        for draft in drafts:
            if (settled := _settle(draft, held.get(draft.message.record, []))) is not None:
                done[draft.message.key] = settled
        done |= self._write([draft for draft in drafts if draft.message.key not in done])
        return [done[draft.message.key] for draft in drafts]

    def _held(self, kind: str, ids: Sequence[str]) -> dict[str, list[Resource]]:
        """What the server holds of these records. Raises PeerError, or _Refused when it doesn't let itself be asked."""
        found: dict[str, dict[str, Resource]] = {}
        for start in range(0, len(ids), IDS_IN_ONE_READ):
            for resource in self._search(kind, sorted(set(ids[start : start + IDS_IN_ONE_READ]))):
                found.setdefault(public_id(resource), {})[_id_of(resource)] = resource
        return {record: list(several.values()) for record, several in found.items()}

    def _write(self, drafts: list[Draft]) -> dict[str, Outcome]:
        if len({draft.message.record for draft in drafts}) < len(drafts):  # a server refuses to write one twice at once
            return self._one_by_one(drafts)
        if len(drafts) < 2:
            return {draft.message.key: self._put(draft) for draft in drafts}
        entries = [_entry(draft) for draft in drafts]
        reply = self._server.ask(
            "POST", "", body={"resourceType": "Bundle", "type": self._config.bundle, "entry": entries}
        )
        if reply.status in STALE or _is_refusal(reply):  # one bad record must not refuse its neighbours
            return self._one_by_one(drafts)
        if reply.status != 200:
            return {draft.message.key: _outcome(reply.status, reply, resource_of(reply)) for draft in drafts}
        return self._each(drafts, reply)

    def _each(self, drafts: list[Draft], reply: Reply) -> dict[str, Outcome]:
        """The status inside the 2xx: entries answer in order (R4, http.html#transaction-response)."""
        answer = resource_of(reply)
        rows = answer.get("entry") if answer.get("resourceType") == "Bundle" else None
        if not isinstance(rows, list) or len(rows) != len(drafts):
            missing = Outcome(
                State.UNKNOWN, error="The reply is no answer to the Bundle.", error_class=ErrorClass.PROTOCOL
            )
            return {draft.message.key: missing for draft in drafts}
        return {draft.message.key: self._one(draft, row, reply) for draft, row in zip(drafts, rows, strict=True)}

    def _one(self, draft: Draft, row: Any, reply: Reply) -> Outcome:
        said = row.get("response") if isinstance(row, Mapping) else None
        said = said if isinstance(said, Mapping) else {}
        status = str(said.get("status", ""))[:3]
        if not status.isdecimal():
            return Outcome(State.UNKNOWN, error="The reply has no status for it.", error_class=ErrorClass.PROTOCOL)
        if int(status) in (*STALE, *GONE):
            return self._one_by_one([draft])[draft.message.key]
        body = row.get("resource") or said.get("outcome") or {}
        return _outcome(int(status), reply, body, _id_in(str(said.get("location", ""))) or _id_of(draft.held))

    def _one_by_one(self, drafts: Sequence[Draft]) -> dict[str, Outcome]:
        """Each by itself; once the server doesn't answer, the others don't wait for that one by one, too."""
        done: dict[str, Outcome] = {}
        failed: PeerError | None = None
        for draft in drafts:
            try:
                done[draft.message.key] = not_sent(failed) if failed else self._alone(draft)
            except PeerError as error:
                failed, done[draft.message.key] = error, error.outcome()
        return done

    def _alone(self, draft: Draft) -> Outcome:
        """The record by itself, over what the server holds by now. Raises PeerError."""
        try:
            held = self._held(draft.kind, [draft.message.record])
            settled = _settle(draft, held.get(draft.message.record, []))
            return settled if settled is not None else self._put(draft)
        except _Refused as refused:
            return refused.outcome

    def _put(self, draft: Draft) -> Outcome:
        """Write one; where somebody else did so meanwhile, look again and write over that."""
        for _ in range(TRIES):
            reply = self._server.ask("PUT", f"/{draft.address}", body=draft.body, if_match=draft.tag)
            if reply.status not in STALE and (draft.held is None or reply.status not in GONE):
                answer = resource_of(reply)
                return _outcome(reply.status, reply, answer, _id_in(reply.headers.get("location", "")))
            held = self._held(draft.kind, [draft.message.record])
            if (settled := _settle(draft, held.get(draft.message.record, []))) is not None:
                return settled
        text = f"HTTP {reply.status}: somebody else changed it {TRIES} times while it was written."
        return Outcome(State.RETRY, error=text, error_class=ErrorClass.CONFLICT)

    def collect(self) -> list[Receipt]:
        return []

    def confirm(self) -> None:
        """Every answer comes at once."""

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        try:
            for start in range(0, 1 if ids is None else len(ids), IDS_IN_ONE_READ):
                wanted = None if ids is None else ids[start : start + IDS_IN_ONE_READ]
                for resource in self._search(RESOURCES[domain], wanted):
                    if domain_of(resource) == domain:
                        yield to_record(resource)
        except _Refused as refused:
            raise PeerError(refused.outcome.error, ErrorClass.PROTOCOL) from refused

    def _search(self, kind: str, ids: Sequence[str] | None) -> Iterator[Resource]:
        """Resources with these ids of Concord's, or with any. Raises PeerError and _Refused."""
        values = [f"{GOLDEN}|"] if ids is None else [f"{GOLDEN}|{name}" for name in ids]
        params: dict[str, Any] | None = {"identifier": ",".join(values), "_count": self._config.page_size}
        path: str | None = f"/{kind}"
        seen = set[str]()
        while path is not None:
            if path in seen:
                raise PeerError(f"Searching {kind}: the pages lead in a circle.", ErrorClass.PROTOCOL)
            seen.add(path)
            reply = self._server.ask("GET", path, params=params)
            page = resource_of(reply)
            if reply.status != 200:
                raise _Refused(_outcome(reply.status, reply, page))
            if page.get("resourceType") != "Bundle":
                raise PeerError(f"Searching {kind}: the reply is no Bundle.", ErrorClass.PROTOCOL)
            for entry in page.get("entry") or ():
                resource = entry.get("resource") if isinstance(entry, Mapping) else None
                if isinstance(resource, dict) and resource.get("resourceType") == kind and public_id(resource):
                    yield resource
            links = page.get("link") or ()
            following = next((one["url"] for one in links if one.get("relation") == "next"), None)
            path, params = (self._server.path_of(following), None) if following else (None, None)

    def check(self) -> str:
        reply = self._server.ask("GET", "/metadata")
        statement = resource_of(reply)
        version = str(statement.get("fhirVersion", ""))
        if reply.status != 200 or not version.startswith("4."):
            said = f"FHIR {version}" if version else f"HTTP {reply.status}"
            raise PeerError(f"{self._server.base}/metadata answers {said}; R4 is needed.", ErrorClass.PROTOCOL)
        for kind in dict.fromkeys(RESOURCES[domain] for domain in self.domains):
            if (tried := self._server.ask("GET", f"/{kind}", params={"_count": 1})).status != 200:
                raise PeerError(f"{kind} can't be searched: HTTP {tried.status}.", ErrorClass.AUTH)
        return f"{self._server.base} answers as FHIR {version} and accepts the client's token."

    def close(self) -> None:
        self._server.close()


class _Refused(Exception):
    """The server doesn't answer a search; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


def _kind(rendered: Rendered) -> str:
    return RESOURCES[rendered.message.domain]


def _with_names(message: Message, values: Values) -> Values:
    """References with the names of what they lead to, which people read at the server."""
    given = message.payload["attributes"]
    return {name: given[name] for name, value in values.items() if isinstance(given.get(name), Mapping) and value}


def _settle(draft: Draft, held: list[Resource]) -> Outcome | None:
    """The outcome, where there is nothing left to write; else the draft knows what it is written over."""
    if len(held) > 1:
        names = ", ".join(str(one.get("id")) for one in held[:5])
        text = f"{len(held)} resources have the identifier {draft.message.record}: {names}. Remove all but one there."
        return Outcome(State.REJECTED, error=text, error_class=ErrorClass.REFUSED)
    draft.held = held[0] if held else None
    if draft.is_known:
        return Outcome(State.ACKNOWLEDGED, receipt="held already", target_code=_id_of(draft.held))
    return None


def _entry(draft: Draft) -> dict[str, Any]:
    request = {"method": "PUT", "url": draft.address, **({"ifMatch": draft.tag} if draft.tag else {})}
    return {"resource": draft.body, "request": request}


def _is_refusal(reply: Reply) -> bool:
    return 400 <= reply.status < 500 and reply.status not in (401, 408, 425, 429)


def _outcome(status: int, reply: Reply, body: Mapping[str, Any], target_code: str = "") -> Outcome:
    """A status, of a reply or inside it, as an outcome. ``body``: the resource, or an OperationOutcome."""
    if body.get("resourceType") == "OperationOutcome":
        return outcome_of(status, {"errors": reasons(body) or ["no reason given"], "number": target_code}, reply)
    return outcome_of(status, {"number": _id_of(body) or target_code}, reply)


def _id_of(resource: Mapping[str, Any] | None) -> str:
    return str((resource or {}).get("id", ""))


def _id_in(location: str) -> str:
    """``http://…/Organization/7/_history/2`` → 7."""
    parts = location.split("/_history/")[0].rstrip("/").split("/")
    return parts[-1] if len(parts) > 1 else ""
