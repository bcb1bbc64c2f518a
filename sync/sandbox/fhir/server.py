"""The FHIR R4 counterpart: versions, If-Match, conditional update, transactions and batches, search with pages.

Like a real one it applies what it is sent, whatever it held: that nothing is applied twice is the sender's part. It
names records itself, and answers errors as OperationOutcomes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from sync.sandbox.store import Change
from sync.sandbox.web import TOKEN, WebCounterpart

from .fields import INDEX, domain_of, is_active, name_of, replaced_by, types, version_of
from .profile import TYPES, problems

Json = dict[str, Any]
BASE = "/fhir"
MEDIA = "application/fhir+json"
LARGEST = 100  # resources in a page
READS = ("429", "503")


class Refusal(Exception):
    """A request, or an entry, that is answered with a status and an OperationOutcome."""

    def __init__(self, status: int, text: str, code: str = "invalid") -> None:
        super().__init__(text)
        self.status, self.text, self.code = status, text, code

    @property
    def outcome(self) -> Json:
        issue = {"severity": "error", "code": self.code, "diagnostics": self.text}
        return {"resourceType": "OperationOutcome", "issue": [issue]}


class Fhir(WebCounterpart):
    def routes(self, app: web.Application) -> None:
        app.router.add_get(f"{BASE}/metadata", self._metadata)
        app.router.add_post(BASE, self._bundle)
        app.router.add_get(f"{BASE}/{{type}}", self._search)
        app.router.add_put(f"{BASE}/{{type}}", self._put)
        app.router.add_get(f"{BASE}/{{type}}/{{id}}", self._read)
        app.router.add_put(f"{BASE}/{{type}}/{{id}}", self._put)

    def refusal(self, status: int, text: str) -> web.Response:
        return _answer(Refusal(status, text).outcome, status)

    def meets(self, request: web.Request) -> tuple[str, ...]:
        """A read meets a busy server; what else may go wrong matters where something is written."""
        if request.path == TOKEN:
            return ()
        return READS if request.method == "GET" else super().meets(request)

    async def _metadata(self, request: web.Request) -> web.Response:
        interactions = [{"code": code} for code in ("read", "update", "search-type")]
        what = {"interaction": interactions, "conditionalUpdate": True, "versioning": "versioned-update"}
        resources = [{"type": name, **what} for name in TYPES]
        rest = [{"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}, {"code": "batch"}]}]
        return _answer({"resourceType": "CapabilityStatement", "status": "active", "kind": "instance",
                        "date": "2026-01-01", "fhirVersion": "4.0.1", "format": ["json"], "rest": rest})  # fmt: skip

    async def _search(self, request: web.Request) -> web.Response:
        kind = _type(request.match_info["type"])
        count = min(int(request.query.get("_count", LARGEST)), LARGEST)
        after = int(request.query.get("_offset", 0))
        if self.faults.take("forget"):
            return _answer({"resourceType": "Bundle", "type": "searchset", "total": 0})
        found = list(self._found(kind, request.query.get("identifier", ""), request.query.get("type", "")))
        page = found[after : after + count]
        links = [{"relation": "self", "url": str(request.url)}]
        if len(found) > after + count:
            url = request.url.update_query({"_offset": str(after + count), "_count": str(count)})
            links.append({"relation": "next", "url": str(url)})
        rows = [{"fullUrl": f"{request.url.origin()}{BASE}/{kind}/{one['id']}", "resource": one} for one in page]
        return _answer(_bundle("searchset", rows) | {"total": len(found), "link": links})

    async def _read(self, request: web.Request) -> web.Response:
        kind = _type(request.match_info["type"])
        held = self._held(kind, request.match_info["id"])
        if held is None:
            return self.refusal(404, "not known")
        return _answer(held, headers={"ETag": _tag(held)})

    async def _put(self, request: web.Request) -> web.Response:
        kind = _type(request.match_info["type"])
        wanted = request.match_info.get("id")
        try:
            body = json.loads(await request.read())
            with self.store.together():
                status, made = self._update(kind, wanted, request.query_string, body, request.headers.get("If-Match"))
        except ValueError:
            return self.refusal(400, "the body is not JSON")
        except Refusal as refused:
            return _answer(refused.outcome, refused.status)
        where = f"{BASE}/{kind}/{made['id']}/_history/{made['meta']['versionId']}"
        return _answer(made, status, {"ETag": _tag(made), "Location": where})

    async def _bundle(self, request: web.Request) -> web.Response:
        """A transaction is applied as a whole or not at all; the entries of a batch stand for themselves."""
        bundle = json.loads(await request.read())
        if bundle.get("type") not in ("transaction", "batch"):
            return self.refusal(400, "only transactions and batches are taken")
        if bundle["type"] == "batch":
            return _answer(_bundle("batch-response", [self._alone(entry) for entry in bundle["entry"]]))
        try:
            with self.store.together():
                done = [self._entry(entry, n) for n, entry in enumerate(bundle["entry"])]
        except Refusal as refused:
            return _answer(refused.outcome, refused.status)
        return _answer(_bundle("transaction-response", done))

    def _alone(self, entry: Json) -> Json:
        try:
            with self.store.together():
                return self._entry(entry, None)
        except Refusal as refused:
            return {"response": {"status": str(refused.status), "outcome": refused.outcome}}

    def _entry(self, entry: Json, number: int | None) -> Json:
        """``number``: its place in a transaction, which a refusal names; then faults are for the record alone."""
        asked = entry["request"]
        path, _, query = asked["url"].partition("?")
        kind, _, wanted = path.partition("/")
        if asked["method"] != "PUT":
            raise Refusal(405, "only PUT is taken")
        try:
            status, made = self._update(
                _type(kind), wanted or None, query, entry.get("resource"), asked.get("ifMatch"), keep=number is not None
            )
        except Refusal as refused:
            where = "" if number is None else f"Bundle.entry[{number}]: "
            raise Refusal(refused.status, where + refused.text, refused.code) from None
        version = made["meta"]["versionId"]
        said = {201: "201 Created", 200: "200 OK"}[status]
        where = f"{kind}/{made['id']}/_history/{version}"
        return {"response": {"status": said, "location": where, "etag": _tag(made)}}

    def _update(
        self, kind: str, wanted: str | None, query: str, body: Any, if_match: str | None, *, keep: bool = False
    ) -> tuple[int, Json]:
        """Status and resource. ``keep``: a fault that refuses this record stays for when it comes by itself."""
        if found := problems(body, kind):
            raise Refusal(422 if isinstance(body, dict) else 400, "; ".join(found), "structure")
        held = self._held(kind, wanted) if wanted else self._matching(kind, query)
        if wanted and held is None:
            raise Refusal(405, "this server names resources itself", "not-supported")
        if held and body.get("id") not in (None, held["id"]):
            raise Refusal(400, "the id is another one's")
        if if_match and (held is None or if_match != _tag(held)):
            raise Refusal(412, f"version is {held['meta']['versionId'] if held else 'none'}", "conflict")
        self._refused_on_demand(body, keep)
        return (200 if held else 201), self._write(body, held)

    def _refused_on_demand(self, body: Json, keep: bool) -> None:
        text = json.dumps(body, ensure_ascii=False)
        matches = any(f["kind"] == "reject" and f["match"] in text for f in self.faults.active())
        if matches and (keep or self.faults.take("reject", text=lambda: text)):
            self.store.log("rejected", name_of(body), "rejected on demand")
            raise Refusal(422, "rejected on demand", "business-rule")

    def _matching(self, kind: str, query: str) -> Json | None:
        """The one resource that a conditional update means."""
        asked = parse_qs(query, keep_blank_values=True)
        if not asked or set(asked) - {"identifier"}:
            raise Refusal(412, "criteria are an identifier", "incomplete")
        found = list(self._found(kind, asked["identifier"][0], ""))
        if len(found) > 1:
            raise Refusal(412, "multiple matches", "multiple-matches")
        return found[0] if found else None

    def _found(self, kind: str, identifier: str, wanted_type: str) -> Iterator[Json]:
        """Resources by identifiers ``system|value``, separated by commas; ``system|`` means any value."""
        if not identifier:
            rows = [row for domain in TYPES[kind] for row in self.store.page(domain, limit=-1)]
        else:
            named = [one.rpartition("|") for one in identifier.split(",")]
            anybody = any(not value for _, _, value in named)
            ids = sorted({value for system, _, value in named if system == INDEX})
            rows = [
                row for domain in TYPES[kind]
                for row in (self.store.page(domain, limit=-1) if anybody else self.store.named(domain, ids))
            ]  # fmt: skip
        for row in rows:
            resource = row["fields"]
            if not wanted_type or wanted_type in types(resource):
                yield resource

    def _held(self, kind: str, wanted: str) -> Json | None:
        for domain in TYPES[kind]:
            if name := self.store.known_as(domain, wanted):
                return dict(self.store.named(domain, [name])[0]["fields"])
        return None

    def _write(self, body: Json, held: Json | None) -> Json:
        domain, name = domain_of(body), name_of(body)
        version, generation = version_of(body)
        number = int(held["meta"]["versionId"]) + 1 if held else 1
        resource = {**body, "meta": {**body.get("meta", {}), "versionId": str(number)}}
        change = Change(
            f"{name}/{number}", domain, name, version, generation, is_active(body), replaced_by(body), (), resource
        )
        done = self.store.apply(change, forgetful=True)
        resource["id"] = done.code
        self.store.refill(domain, name, resource)
        return resource


def _type(name: str) -> str:
    if name not in TYPES:
        raise web.HTTPNotFound(text=f"no resource {name}")
    return name


def _tag(resource: Mapping[str, Any]) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'


def _bundle(kind: str, rows: list[Json]) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": rows}


def _answer(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers, content_type=MEDIA)
