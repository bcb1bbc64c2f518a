"""The SAP counterpart: two services over OData v2 with CSRF tokens, cookies, ETags and ``$batch``."""

from __future__ import annotations

import hmac
import json
import secrets
import uuid
from base64 import b64encode
from collections.abc import Mapping
from email.message import Message
from email.parser import BytesParser
from typing import Any

from aiohttp import web

from sync.sandbox.faults import Faults
from sync.sandbox.store import Store
from sync.sandbox.web import TOKEN, Handler, WebCounterpart

from .entities import Entities, Refusal
from .schema import SERVICES

ROOT = "/sap/opu/odata/sap"
SESSION = "SAP_SESSIONID"
CSRF = "x-csrf-token"
CRLF = b"\r\n"


class Sap(WebCounterpart):
    def __init__(self, store: Store, faults: Faults, client: tuple[str, str]) -> None:
        super().__init__(store, faults, client)
        self._services = {name: Entities(service, store) for name, service in SERVICES.items()}
        self._sessions: dict[str, str] = {}  # cookie -> CSRF token
        self._basic = "Basic " + b64encode(":".join(client).encode()).decode()

    def routes(self, app: web.Application) -> None:
        app.router.add_get(f"{ROOT}/{{service}}/", self._document)
        app.router.add_post(f"{ROOT}/{{service}}/$batch", self._batch)
        app.router.add_route("*", f"{ROOT}/{{service}}/{{path:.+}}", self._single)

    def refusal(self, status: int, text: str) -> web.Response:
        return web.json_response(_error(status, text, []), status=status)

    @web.middleware
    async def _authorise(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.faults.take("expired_token"):
            self._sessions.clear()
        if request.path != TOKEN and not hmac.compare_digest(request.headers.get("Authorization", ""), self._basic):
            return await super()._authorise(request, handler)
        return await handler(request)

    def _entities(self, request: web.Request) -> Entities:
        name = request.match_info["service"]
        if name not in self._services:
            raise web.HTTPNotFound(text=f"No service {name}")
        return self._services[name]

    async def _document(self, request: web.Request) -> web.Response:
        """The service's entity sets; where the token is fetched."""
        sets = sorted(self._entities(request).service.sets)
        response = web.json_response({"d": {"EntitySets": sets}})
        if request.headers.get(CSRF, "").lower() == "fetch":
            session, token = uuid.uuid4().hex, secrets.token_urlsafe(18)
            self._sessions[session] = token
            response.headers[CSRF] = token
            response.set_cookie(SESSION, session, path=ROOT, httponly=True)
            response.set_cookie("sap-usercontext", "sap-client=100", path="/")
        return response

    def _trusted(self, request: web.Request) -> bool:
        known = self._sessions.get(request.cookies.get(SESSION, ""), "")
        return bool(known) and hmac.compare_digest(known, request.headers.get(CSRF, ""))

    def _distrust(self) -> web.Response:
        response = self.refusal(403, "CSRF token validation failed")
        response.headers[CSRF] = "Required"
        return response

    async def _single(self, request: web.Request) -> web.Response:
        if request.method != "GET" and not self._trusted(request):
            return self._distrust()
        body = await request.json() if request.can_read_body else None
        target = request.raw_path.split(f"/{request.match_info['service']}/", 1)[1]
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, answer, etag = self._changeset(self._entities(request), [(request.method, target, body, headers)])[0]
        found = {"ETag": etag} if etag else {}
        return (
            web.Response(status=status, headers=found)
            if answer is None
            else web.json_response(answer, status=status, headers=found)
        )

    async def _batch(self, request: web.Request) -> web.Response:
        if not self._trusted(request):
            return self._distrust()
        content = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n".encode()
        message = BytesParser().parsebytes(content + await request.read())
        if not message.is_multipart():
            return self.refusal(400, "A $batch is a multipart message")
        entities = self._entities(request)
        parts = [self._part(entities, part) for part in message.get_payload() if isinstance(part, Message)]
        boundary = uuid.uuid4().hex
        body = _multipart(boundary, parts)
        return web.Response(status=202, body=body, headers={"Content-Type": f"multipart/mixed; boundary={boundary}"})

    def _part(self, entities: Entities, part: Message) -> bytes:
        if not part.is_multipart():
            method, *_ = request = _parsed(part)
            if method != "GET":
                return _http(400, _error(400, "Changes belong into a changeset", []), "")
            return _http(*self._changeset(entities, [request])[0])
        requests = [_parsed(one) for one in part.get_payload() if isinstance(one, Message)]
        replies = self._changeset(entities, requests)
        if replies[0][0] >= 400:
            return _http(*replies[0])  # one answer for a changeset that failed
        boundary = uuid.uuid4().hex
        head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
        return head + _multipart(boundary, [_http(*reply) for reply in replies])

    def _changeset(self, entities: Entities, requests: list[Any]) -> list[tuple[int, Any, str]]:
        """All or nothing: the replies, or the one refusal."""
        replies: list[tuple[int, Any, str]] = []
        try:
            written = json.dumps([request[2] for request in requests if request[0] != "GET"])
            if written != "[]" and self.faults.take("reject", text=written.__str__):
                raise Refusal(400, "rejected on demand")
            for request in requests:
                status, data, etag = entities.handle(*request)
                replies.append((status, None if data is None else {"d": data}, etag))
            with self.store.together():
                entities.commit()
        except Refusal as refusal:
            entities.roll_back()
            self.store.log("rejected", str(requests[0][1])[:80], str(refusal))
            return [(refusal.status, _error(refusal.status, str(refusal), refusal.details), "")]
        return replies


def _parsed(part: Message) -> tuple[str, str, Any, Mapping[str, str]]:
    payload = part.get_payload(decode=True)
    head, _, body = (payload if isinstance(payload, bytes) else b"").partition(CRLF * 2)
    line, _, rest = head.partition(CRLF)
    method, target, *_ = line.decode().split(" ")
    headers = {name.lower(): str(value) for name, value in BytesParser().parsebytes(rest + CRLF * 2).items()}
    return method, target, json.loads(body) if body.strip() else None, headers


def _http(status: int, answer: Any, etag: str) -> bytes:
    body = b"" if answer is None else json.dumps(answer).encode()
    lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}", f"Content-Length: {len(body)}"]
    lines += [f"ETag: {etag}"] if etag else []
    lines += ["Content-Type: application/json"] if body else []
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return f"{head}{CRLF.decode().join(lines)}\r\n\r\n".encode() + body


def _multipart(boundary: str, parts: list[bytes]) -> bytes:
    return b"".join(f"--{boundary}\r\n".encode() + part + CRLF for part in parts) + f"--{boundary}--\r\n".encode()


def _error(status: int, text: str, details: list[str]) -> dict[str, Any]:
    more = [{"code": "CONCORD/SANDBOX", "message": detail} for detail in details]
    return {"error": {"code": str(status), "message": {"lang": "en", "value": text},
                      "innererror": {"errordetails": more}}}  # fmt: skip
