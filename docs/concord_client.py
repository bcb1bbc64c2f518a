"""A small typed client of Concord's API. Copy it into your project; it needs Python 3.11 and httpx, nothing else.

    from concord_client import Concord

    with Concord("https://concord.example.org", "ck_…") as concord:
        found = concord.lookup("erp-item", "4711", to="ehr-item")
        print(found.id, [(code.code, code.factor) for code in found.codes])

Requests that were turned away for a moment (429, 503) or got no answer are sent again; writes carry an
Idempotency-Key, so that sending them again is harmless. Everything else that isn't success raises ``Problem``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from fractions import Fraction
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

import httpx

ATTEMPTS = 4
BATCH = 10_000


class Problem(Exception):
    """Problem details (RFC 9457). ``detail`` says what to do; quote ``request_id`` when you report it."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.status: int = body.get("status", 0)
        self.type: str = body.get("type", "")
        self.detail: str = body.get("detail", "")
        self.request_id: str = body.get("request_id", "")
        self.body = dict(body)
        super().__init__(f"{self.status} {self.detail}")


@dataclass(frozen=True)
class Code:
    code: str
    uom: str
    preferred: bool
    factor: Fraction | None  # how many of this unit one of the unit asked about is
    no_factor: str | None  # why there is none

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Code:
        return cls(**_known(cls, body) | {"factor": Fraction(body["factor"]) if body["factor"] else None})


@dataclass(frozen=True)
class Found:
    """What a code means."""

    id: str
    name: str
    status: str
    domain: str
    uom: str
    redirected_from: str | None
    codes: tuple[Code, ...]
    substitutes: tuple[Mapping[str, Any], ...]
    replaces: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Found:
        lists = {name: tuple(body[name]) for name in ("substitutes", "replaces")}
        return cls(**_known(cls, body) | lists | {"codes": tuple(map(Code.of, body["codes"]))})


@dataclass(frozen=True)
class Change:
    position: int  # store it together with what you made of the change
    id: str
    ids: tuple[str, ...]  # all records that it is about: of a merge, both sides
    domain: str
    version: int
    kind: str
    changed: tuple[str, ...]
    merged_into: str | None


class Options(TypedDict, total=False):
    """What may be asked with a code: see docs/api.md."""

    to: str | None  # code system whose codes are wanted
    uom: str | None
    as_of: date | None
    known_at: datetime | None  # with its offset
    site: str | None


class Concord:
    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=40, transport=transport)

    def __enter__(self) -> Concord:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def lookup(self, code_system: str, code: str, **options: Unpack[Options]) -> Found:
        """What a code means, and its record's codes in ``to``. Raises ``Problem``: 404 unknown, 409 several records."""
        return Found.of(self.get(f"/api/v1/crosswalk/{quote(code_system, safe='')}/{quote(code)}", **options))

    def lookup_many(self, code_system: str, codes: Sequence[str], **options: Unpack[Options]) -> list[Found | Problem]:
        """One outcome per code, in the order given; as many requests as 10,000 codes each need."""
        asked = {"code_system": code_system, **_said(options)}
        found: list[Found | Problem] = []
        for start in range(0, len(codes), BATCH):
            body = asked | {"codes": list(codes[start : start + BATCH])}
            answer = self._send("POST", "/api/v1/crosswalk/batch", json=body)
            found += [Found.of(o["result"]) if o["found"] else Problem(o["problem"]) for o in answer["outcomes"]]
        return found

    def codes_of(self, public_id: str, **options: Unpack[Options]) -> list[Mapping[str, Any]]:
        """The codes of a golden record in one system, or in all."""
        codes: list[Mapping[str, Any]] = self.get(f"/api/v1/records/{public_id}/codes", **options)["codes"]
        return codes

    def submit(self, code_system: str, records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Send up to 500 records of your own; one outcome each."""
        address = f"/api/v1/sources/{quote(code_system, safe='')}/records"
        outcomes: list[Mapping[str, Any]] = self.post(address, {"records": list(records)})["outcomes"]
        return outcomes

    def changes(self, after: int, *, domain: str | None = None, wait: int = 0) -> Iterator[Change]:
        """Changes after a position until there are no more, waiting up to ``wait`` seconds for the first."""
        more = True
        while more:
            feed = self.get("/api/v1/changes", after=after, domain=domain, wait=wait or None)
            for one in feed["changes"]:
                yield Change(**_known(Change, one) | {"ids": tuple(one["ids"]), "changed": tuple(one["changed"])})
            after, more, wait = feed["position"], feed["more"], 0

    def get(self, address: str, **query: Any) -> Any:
        return self._send("GET", address, params=_said(query))

    def post(self, address: str, body: Mapping[str, Any]) -> Any:
        return self._send("POST", address, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    def _send(self, method: str, address: str, **request: Any) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._http.request(method, address, **request)
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(2.0**attempt / 4)
                continue
            if answer.status_code in (429, 503) and attempt < ATTEMPTS:
                time.sleep(float(answer.headers.get("Retry-After", 2**attempt / 4)))
                continue
            if answer.is_success:
                return answer.json() if answer.content else None
            is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
            raise Problem(answer.json() if is_problem else {"status": answer.status_code, "detail": answer.text[:200]})
        raise AssertionError("unreachable")


def _known(shape: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """The members that a shape has: more may be added within v1."""
    return {field.name: body[field.name] for field in fields(shape)}


def _said(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in options.items() if value is not None}


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def verified(secret: str, headers: Mapping[str, str], body: bytes, *, tolerance: int = 300) -> bool:
    """Whether a webhook's message is Concord's and no older than ``tolerance`` seconds (Standard Webhooks)."""
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > tolerance:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(wanted, one) for one in headers.get("webhook-signature", "").split())
