"""The ERP counterpart: OAuth2 client credentials, upserts one by one or in batches, and reads."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sync.sandbox.faults import Fault, Faults
from sync.sandbox.store import Change, Store

from .profile import RESOURCES, SCHEMAS, problems

TOKEN = "/oauth2/token"  # noqa: S105 - a path
LIFETIME = 3600  # seconds an access token lives
LARGEST = 500  # records in one POST
WIRE = ("disconnect", "disconnect_after", "hang", "429", "503", "nak", "redirect", "garbage", "huge", "slow", "late")


class Erp:
    """One HTTP server; ``client`` is (client id, secret)."""

    def __init__(self, store: Store, faults: Faults, client: tuple[str, str]) -> None:
        self.store, self.faults = store, faults
        self._client = client
        self._tokens: dict[str, float] = {}
        self.tokens_issued = 0
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        app = web.Application(middlewares=[self._misbehave, self._authorise], client_max_size=64_000_000)
        app.router.add_post(TOKEN, self._token)
        app.router.add_get("/api/v1/{resource}", self._list)
        app.router.add_put("/api/v1/{resource}/{id}", self._put)
        app.router.add_post("/api/v1/{resource}/batch", self._batch)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def drop(self) -> None:
        """Break every open connection."""
        server = self._runner.server if self._runner else None
        for connection in list(server.connections) if server else []:
            if connection.transport:
                connection.transport.abort()

    def reset(self) -> None:
        self.faults.clear()
        self.store.reset()

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.faults.take("expired_token"):
            self._tokens.clear()
        body = await request.read()
        fault = self.faults.take("refuse")
        if fault is None and request.path != TOKEN:
            fault = self.faults.take(*WIRE, text=lambda: request.path + body.decode(errors="replace"))
        if fault is None:
            return await handler(request)
        self.store.log("fault", request.path, fault.kind)
        return await self._perform(fault, request, handler)

    async def _perform(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        match fault.kind:
            case "refuse" | "disconnect":
                _abort(request)
            case "hang":
                await asyncio.sleep(fault.delay or 3600)
                _abort(request)
            case "disconnect_after":
                await handler(request)
                _abort(request)
            case "late":
                await asyncio.sleep(fault.delay or 2)
                return await handler(request)
            case "429" | "503":
                headers = {"Retry-After": str(int(fault.delay or 2))}
                return web.json_response({"errors": ["busy"]}, status=int(fault.kind), headers=headers)
            case "nak":
                return web.json_response({"errors": ["refused on demand"]}, status=int(fault.code or 400))
            case "redirect":
                return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
            case "garbage":
                return web.Response(text="<html>Service error</html>", content_type="text/html")
            case "huge":
                return await _drip(request, b"x" * 1_000_000, 100, 0.0)
        return await _drip(request, b" ", 3600, fault.delay or 1)

    @web.middleware
    async def _authorise(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path != TOKEN and self._tokens.get(token, 0.0) < time.monotonic():
            return web.json_response({"errors": ["token missing or expired"]}, status=401)
        return await handler(request)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent = request.headers.get("Authorization", "").removeprefix("Basic ")
        expected = base64.b64encode(":".join(self._client).encode()).decode()
        if form.get("grant_type") != "client_credentials" or not hmac.compare_digest(sent, expected):
            return web.json_response({"error": "invalid_client"}, status=401)
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + LIFETIME
        self.tokens_issued += 1
        self.store.log("token", "", f"token {self.tokens_issued}")
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME})

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

    async def _list(self, request: web.Request) -> web.Response:
        limit = min(int(request.query.get("limit", LARGEST)), LARGEST)
        if ids := request.query.getall("id", []):
            rows, more = self.store.named(_domain(request), ids), False
        else:
            rows = self.store.page(_domain(request), request.query.get("after", ""), limit)
            more = len(rows) == limit
        records = [{**{k: r[k] for k in ("id", "version", "generation", "active")}, "number": r["code"],
                    "replacedBy": r["replaced_by"], "data": r["fields"]} for r in rows]  # fmt: skip
        return web.json_response({"records": records, "next": rows[-1]["id"] if more else None})


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _domain(request: web.Request) -> str:
    resource = request.match_info["resource"]
    if resource not in RESOURCES:
        raise web.HTTPNotFound(text=f"no resource {resource}")
    return RESOURCES[resource]


def _abort(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()
    raise asyncio.CancelledError


async def _drip(request: web.Request, piece: bytes, times: int, delay: float) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(times):
        await response.write(piece)
        await asyncio.sleep(delay)
    return response
