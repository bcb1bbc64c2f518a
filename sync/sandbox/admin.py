"""The administration port: state, effects, log and faults of every counterpart, as JSON and as one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from .faults import KINDS, Faults
from .page import render
from .store import Store

MOST = 5_000  # records in one answer


class Counterpart(Protocol):
    store: Store
    faults: Faults

    def drop(self) -> None: ...

    def reset(self) -> None: ...


class Admin:
    def __init__(self, counterparts: Mapping[str, Counterpart], about: Mapping[str, Any]) -> None:
        self._counterparts = counterparts
        self._about = about
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        app = web.Application(middlewares=[_explain])
        app.add_routes([
            web.get("/", self._page),
            web.get("/health", self._health),
            web.get("/state/{target}", self._counts),
            web.get("/state/{target}/{domain}", self._state),
            web.patch("/state/{target}/{domain}/{id}", self._edit),
            web.get("/aliases/{target}/{domain}", self._aliases),
            web.get("/effects/{target}", self._effects),
            web.get("/log/{target}", self._log),
            web.get("/faults/{target}", self._faults),
            web.post("/faults/{target}", self._add_fault),
            web.delete("/faults/{target}", self._clear_faults),
            web.post("/reset", self._reset),
        ])  # fmt: skip
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def _of(self, request: web.Request) -> Counterpart:
        name = request.match_info["target"]
        if name not in self._counterparts:
            raise web.HTTPNotFound(text=f"No counterpart {name}; known are {', '.join(self._counterparts)}.")
        return self._counterparts[name]

    async def _page(self, request: web.Request) -> web.Response:
        text = render(self._counterparts, self._about, request.query)
        return web.Response(text=text, content_type="text/html")

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, **self._about})

    async def _counts(self, request: web.Request) -> web.Response:
        return web.json_response(self._of(request).store.counts())

    async def _state(self, request: web.Request) -> web.Response:
        store, domain = self._of(request).store, request.match_info["domain"]
        if ids := request.query.getall("id", []):
            return web.json_response({"records": store.named(domain, ids)})
        limit = min(int(request.query.get("limit", MOST)), MOST)
        return web.json_response({"records": store.page(domain, request.query.get("after", ""), limit)})

    async def _edit(self, request: web.Request) -> web.Response:
        """Somebody changes fields of a record by hand: the version stays, which is how drift begins."""
        domain, public_id = request.match_info["domain"], request.match_info["id"]
        if not self._of(request).store.edit(domain, public_id, await request.json()):
            raise web.HTTPNotFound(text=f"No {domain} {public_id} is held here.")
        return web.json_response({"ok": True})

    async def _aliases(self, request: web.Request) -> web.Response:
        return web.json_response(self._of(request).store.aliases(request.match_info["domain"]))

    async def _effects(self, request: web.Request) -> web.Response:
        return web.json_response({"effects": self._of(request).store.effects(request.query.get("domain"))})

    async def _log(self, request: web.Request) -> web.Response:
        return web.json_response({"log": self._of(request).store.logged(int(request.query.get("limit", 200)))})

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response({"active": self._of(request).faults.active(), "kinds": KINDS})

    async def _add_fault(self, request: web.Request) -> web.Response:
        counterpart = self._of(request)
        fault = counterpart.faults.add(**await request.json())
        counterpart.store.log("fault wanted", "", fault.kind)
        if fault.kind == "refuse":
            counterpart.drop()
        return web.json_response({"active": counterpart.faults.active()}, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._of(request).faults.clear()
        return web.json_response({"active": []})

    async def _reset(self, request: web.Request) -> web.Response:
        for counterpart in self._counterparts.values():
            counterpart.reset()
        return web.json_response({"ok": True})


@web.middleware
async def _explain(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return response
