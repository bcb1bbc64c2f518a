"""The ERP counterpart: OAuth2 client credentials, upserts one by one or in batches, and reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from sync.sandbox.store import Change
from sync.sandbox.web import WebCounterpart

from .profile import RESOURCES, SCHEMAS, problems

LARGEST = 500  # records in one POST
BUCKETS = 256


class Erp(WebCounterpart):
    def routes(self, app: web.Application) -> None:
        app.router.add_get("/api/v1/{resource}", self._list)
        app.router.add_get("/api/v1/{resource}/digests", self._digests)
        app.router.add_put("/api/v1/{resource}/{id}", self._put)
        app.router.add_post("/api/v1/{resource}/batch", self._batch)

    async def _put(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("id") != request.match_info["id"] or body.get("key") != request.headers.get("Idempotency-Key"):
            return web.json_response({"errors": ["id or key differs from the request's"]}, status=400)
        with self.store.together():
            answer = self._apply(_domain(request), body)
        return web.json_response(answer, status=answer["status"])

    async def _batch(self, request: web.Request) -> web.Response:
        records = (await request.json())["records"]
        if len(records) > LARGEST:
            return web.json_response({"errors": [f"more than {LARGEST} records"]}, status=413)
        with self.store.together():
            results = [self._apply(_domain(request), body) for body in records]
        return web.json_response({"results": results})

    def _apply(self, domain: str, body: dict[str, Any]) -> dict[str, Any]:
        found = problems(SCHEMAS[domain], body["data"])
        if self.faults.take("reject", text=body.__str__):
            found.append("rejected on demand")
        if found:
            self.store.log("rejected", body["id"], "; ".join(found))
            return {"key": body["key"], "status": 422, "errors": found}
        change = Change(
            body["key"], domain, body["id"], body["version"], body["generation"], body["active"], body["replacedBy"],
            body["numbers"], body["data"],
        )  # fmt: skip
        done = self.store.apply(change, forgetful=self.faults.take("forget") is not None)
        status = 201 if done.result == "created" else 200
        return {"key": body["key"], "status": status, "result": done.result, "number": done.code}

    async def _digests(self, request: web.Request) -> web.Response:
        """The sum of each bucket: what a master data system compares before it reads anything."""
        sums = [0] * BUCKETS
        for row in self._all(_domain(request)):
            data = json.dumps(row["fields"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            head = f"{row['id']}\n{row['version']}\n{row['generation']}\n{int(row['active'])}\n"
            sums[_bucket(row["id"])] ^= int.from_bytes(hashlib.sha256(f"{head}{data}".encode()).digest()[:16])
        return web.json_response({"digests": [f"{one:032x}" for one in sums]})

    def _all(self, domain: str) -> Iterator[dict[str, Any]]:
        after = ""
        while rows := self.store.page(domain, after, LARGEST):
            yield from rows
            after = rows[-1]["id"]

    async def _list(self, request: web.Request) -> web.Response:
        limit = min(int(request.query.get("limit", LARGEST)), LARGEST)
        if ids := request.query.getall("id", []):
            rows, more = self.store.named(_domain(request), ids), False
        elif buckets := {int(one) for one in request.query.getall("bucket", [])}:
            rows, more = [row for row in self._all(_domain(request)) if _bucket(row["id"]) in buckets], False
        else:
            rows = self.store.page(_domain(request), request.query.get("after", ""), limit)
            more = len(rows) == limit
        records = [{**{k: r[k] for k in ("id", "version", "generation", "active")}, "number": r["code"],
                    "replacedBy": r["replaced_by"], "data": r["fields"]} for r in rows]  # fmt: skip
        return web.json_response({"records": records, "next": rows[-1]["id"] if more else None})


def _bucket(public_id: str) -> int:
    return int.from_bytes(hashlib.sha256(public_id.encode()).digest()[:4]) % BUCKETS


def _domain(request: web.Request) -> str:
    resource = request.match_info["resource"]
    if resource not in RESOURCES:
        raise web.HTTPNotFound(text=f"no resource {resource}")
    return RESOURCES[resource]
