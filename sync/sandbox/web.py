"""What the counterparts that speak HTTP share: a server, OAuth2 client credentials, and faults on demand."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from sync.sandbox.faults import Fault, Faults
from sync.sandbox.store import Store

TOKEN = "/oauth2/token"  # noqa: S105 - a path
LIFETIME = 3600  # seconds an access token lives
WIRE = ("disconnect", "disconnect_after", "hang", "429", "503", "nak", "redirect", "garbage", "huge", "slow", "late")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebCounterpart:
    """One HTTP server; ``client`` is (client id, secret)."""

    def __init__(self, store: Store, faults: Faults, client: tuple[str, str]) -> None:
        self.store, self.faults = store, faults
        self._client = client
        self._tokens: dict[str, float] = {}
        self.tokens_issued = 0
        self._runner: web.AppRunner | None = None

    def routes(self, app: web.Application) -> None:
        """Add what this counterpart serves."""
        raise NotImplementedError

    def refusal(self, status: int, text: str) -> web.Response:
        """An error, as this counterpart words it."""
        return web.json_response({"errors": [text]}, status=status)

    def meets(self, request: web.Request) -> tuple[str, ...]:
        """The faults that this request may meet."""
        return () if request.path == TOKEN else WIRE

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        app = web.Application(middlewares=[self._misbehave, self._authorise], client_max_size=64_000_000)
        app.router.add_post(TOKEN, self._token)
        self.routes(app)
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
        if fault is None:
            fault = self.faults.take(*self.meets(request), text=lambda: request.path + body.decode(errors="replace"))
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
                busy = self.refusal(int(fault.kind), "busy")
                busy.headers["Retry-After"] = str(int(fault.delay or 2))
                return busy
            case "nak":
                return self.refusal(int(fault.code or 400), "refused on demand")
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
            return self.refusal(401, "token missing or expired")
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
