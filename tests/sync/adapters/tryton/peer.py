"""A small Tryton: the same protocol and the rules that the adapter relies on, without the rest of an ERP.

Models keep rows, rows have children; a search knows ``=``, ``in``, ``like`` and ``>``; fields lead on over dots; a
write with an old ``_timestamp`` is a conflict; party codes are unique. The real one is met in tests/interop.
"""

from __future__ import annotations

import itertools
import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Row = dict[str, Any]
CHILDREN = {  # field -> model of the rows in it, name of the field that leads back
    "identifiers": ("identifier", "owner"),
    "contact_mechanisms": ("party.contact_mechanism", "party"),
    "addresses": ("party.address", "party"),
    "products": ("product.product", "template"),
    "product_suppliers": ("purchase.product_supplier", "template"),
    "prices": ("purchase.product_supplier.price", "product_supplier"),
}
REFERENCES = {
    "country": "country.country",
    "subdivision": "country.subdivision",
    "currency": "currency.currency",
    "default_uom": "product.uom",
    "purchase_uom": "product.uom",
}


class UserError(Exception):
    pass


class Concurrency(Exception):
    pass


class SmallTryton:
    def __init__(self) -> None:
        self.rows: dict[str, dict[int, Row]] = {}
        self.calls: list[tuple[str, str]] = []
        self.sessions: set[str] = set()
        self.answers: list[tuple[int, bytes]] = []  # what to answer instead, first come, first served
        self.lost = 0  # answers that are not given after the call was carried out
        self.refused_name = ""  # a name that no party may have
        self._numbers = itertools.count(1)
        self._clock = itertools.count(1)
        self.create("country.country", {"code": "US"})
        self.create("country.subdivision", {"code": "US-IL"})
        self.create("currency.currency", {"code": "USD"})
        self.create("product.uom", {"symbol": "u"})
        self.create("analytic_account.account", {"code": "CC", "type": "root"})

    def create(self, model: str, values: Row) -> int:
        self._check(model, values)
        number = next(self._numbers)
        self.rows.setdefault(model, {})[number] = {"id": number, "active": True}
        self._set(model, number, values)
        return number

    def write(self, model: str, number: int, values: Row) -> None:
        self._check(model, values, number)
        self._set(model, number, values)

    def _check(self, model: str, values: Row, number: int = 0) -> None:
        if model == "party.party" and values.get("name") and values["name"] == self.refused_name:
            raise UserError("This name is not wanted.")
        codes = {row.get("code") for row in self.rows.get(model, {}).values() if row["id"] != number}
        if model == "party.party" and values.get("code") in codes:
            raise UserError("The code on party must be unique.")

    def _set(self, model: str, number: int, values: Row) -> None:
        row = self.rows[model][number]
        row["_timestamp"] = str(next(self._clock))
        for name, value in values.items():
            if name in CHILDREN:
                child, back = CHILDREN[name]
                for command in value:
                    self._command(child, {back: number}, *command)
            else:
                row[name] = value

    def _command(self, model: str, owner: Row, kind: str, first: list[Any], values: Row | None = None) -> None:
        for one in first:
            if kind == "create":
                self.create(model, {**one, **owner})
            elif kind == "write":
                self.write(model, one, values or {})
            else:
                del self.rows[model][one]

    def read(self, model: str, number: int, names: list[str]) -> Row:
        row = self.rows[model][number]
        out: Row = {"id": number}
        inner: dict[str, list[str]] = {}
        for name in names:
            head, _, rest = name.partition(".")
            inner.setdefault(head, []).extend([rest] if rest else [])
        for head, rests in inner.items():
            if head in CHILDREN:
                child, back = CHILDREN[head]
                out[head] = [r["id"] for r in self.rows.get(child, {}).values() if r.get(back) == number]
                out[f"{head}."] = [self.read(child, one, rests) for one in out[head]]
            else:
                out[head] = row.get(head)
                out[f"{head}."] = self.read(REFERENCES[head], row[head], rests) if rests and row.get(head) else None
        return out

    def find(self, model: str, domain: list[Any], limit: int | None = None) -> list[int]:
        found = [i for i, row in sorted(self.rows.get(model, {}).items()) if all(_fits(row, *c) for c in domain)]
        return found[:limit]

    def call(self, method: str, params: list[Any]) -> Any:
        if method == "common.db.login":
            if params[1]["password"] != "secret":
                raise PermissionError
            self.sessions.add(token := f"session{next(self._numbers)}")
            return [1, token, None]
        *model, name = method.removeprefix("model.").split(".")
        *args, context = params
        return self._call(".".join(model), name, args, context)

    def _call(self, model: str, name: str, args: list[Any], context: Row) -> Any:
        self.calls.append((model, name))
        match name:
            case "get_preferences":
                return {"company": 1}
            case "search_read":
                domain, _, limit, _, names = args
                return [self.read(model, i, names) for i in self.find(model, domain, limit)]
            case "read":
                return [self.read(model, i, args[1]) for i in args[0]]
            case "create":
                return [self.create(model, values) for values in args[0]]
            case "delete":
                return [self.rows[model].pop(i) for i in args[0]] and None
        for resource, stamp in context.get("_timestamp", {}).items():
            if self.rows[model][int(resource.partition(",")[2])]["_timestamp"] != stamp:
                raise Concurrency
        for ids, values in zip(args[::2], args[1::2], strict=True):
            for i in ids:
                self.write(model, i, values)
        return None


def _fits(row: Row, name: str, operator: str, wanted: Any) -> bool:
    value = row.get(name)
    match operator:
        case "in":
            return value in wanted
        case "like":
            return str(value or "").startswith(wanted.rstrip("%"))
        case ">":
            return bool(value > wanted)
    return bool(value == wanted)


@contextmanager
def served(tryton: SmallTryton) -> Iterator[str]:
    """Its base address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if tryton.answers and not request["method"].startswith("common"):
                self._answer(*tryton.answers.pop(0))
                return
            status, answer = self._carry_out(request)
            if tryton.lost and request["method"].endswith(".create"):
                tryton.lost -= 1
                self.connection.close()
                self.close_connection = True
                return
            self._answer(status, json.dumps(answer).encode())

        def _carry_out(self, request: Row) -> tuple[int, Any]:
            known = any(_encoded(token) in self.headers.get("Authorization", "") for token in tryton.sessions)
            if request["method"] != "common.db.login" and not known:
                return 401, {}
            try:
                return 200, {"id": 0, "result": tryton.call(request["method"], request["params"])}
            except PermissionError:
                return 401, {}
            except UserError as error:
                return 200, {"id": 0, "error": ["UserError", [str(error), "", None]]}
            except Concurrency:
                return 200, {"id": 0, "error": ["ConcurrencyException", "Records were modified in the meanwhile"]}

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _encoded(token: str) -> str:
    return b64encode(f"concord:1:{token}".encode()).decode()
