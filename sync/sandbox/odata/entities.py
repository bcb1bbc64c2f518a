"""The entities themselves: reads, deep inserts, patches and deletes, each with the answer that SAP would give."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from sync.sandbox.store import Change, Store

from .schema import Entity, EntitySet, Service, problems, rows_of

PATH = re.compile(r"(\w+)(?:\((.*)\))?$")
LITERAL = r"'((?:[^']|'')*)'"
KEY = re.compile(rf"(?:(\w+)=)?{LITERAL}")
EQUALS = re.compile(rf"(\w+) eq {LITERAL}")
BEHIND = re.compile(rf"\((.*)\) and (\w+) gt {LITERAL}$")
STARTS = re.compile(rf"startswith\((\w+),{LITERAL}\)(?: eq true)?$")
LARGEST = 100  # entities in one page, whatever $top says
STAND = re.compile(r"(\d+)\.(\d+)")


class Refusal(Exception):
    """An answer that isn't a success."""

    def __init__(self, status: int, message: str, details: list[str] | None = None) -> None:
        super().__init__(message)
        self.status, self.details = status, details or []


class Entities:
    """The records of one service, each kept whole: children inside it. Changes are kept by ``commit``."""

    def __init__(self, service: Service, store: Store) -> None:
        self.service, self._store = service, store
        self._changed: dict[str, Entity] = {}

    def commit(self) -> None:
        """One effect for each record that was changed since the last commit."""
        for number, root in self._changed.items():
            service = self.service
            stand = STAND.match(root.get(service.version_property) or "")
            version, generation = (int(stand[1]), int(stand[2])) if stand else (0, 0)
            active = not root.get(service.inactive, False)
            change = Change(
                uuid.uuid4().hex, service.domain, number, version, generation, active, codes=(number,), fields=root
            )
            self._store.apply(change, forgetful=True)  # whether it is news is the sender's business, as with SAP
        self._changed.clear()

    def roll_back(self) -> None:
        self._changed.clear()

    def handle(self, method: str, target: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any, str]:
        """(status, what ``d`` holds, ETag). Raises Refusal."""
        path, _, query = target.partition("?")
        found = PATH.match(unquote(path))
        if found is None or found[1] not in self.service.sets:
            raise Refusal(404, f"Resource not found for segment {path}")
        kind, keys = self.service.sets[found[1]], found[2]
        if method == "GET":
            options = dict(parse_qsl(query))
            return self._read(kind, keys, options) if keys else (200, self._list(kind, options), "")
        if method == "POST":
            return self._create(kind, body or {})
        root, row = self._locate(kind, self._keys(kind, keys or ""))
        self._check_etag(kind, row, headers)
        if method == "DELETE":
            return self._delete(kind, root, row)
        self._patch(kind, root, row, body or {})
        return 204, None, etag(row)

    def _keys(self, kind: EntitySet, text: str) -> dict[str, str]:
        pairs = [(name or kind.keys[0], value.replace("''", "'")) for name, value in KEY.findall(text)]
        if {name for name, _ in pairs} != set(kind.keys):
            raise Refusal(400, f"The key of {kind.name} needs {', '.join(kind.keys)}")
        return dict(pairs)

    def _all(self) -> list[Entity]:
        rows: list[Entity] = []
        while page := self._store.page(self.service.domain, rows[-1]["id"] if rows else ""):
            rows += page
        return [row["fields"] for row in rows]

    def _root(self, number: str) -> Entity:
        root = self._changed.get(number) or next(
            (row["fields"] for row in self._store.named(self.service.domain, [number])), None
        )
        if root is None:
            raise Refusal(404, f"Resource not found for segment '{self.service.root}'")
        return root

    def _locate(self, kind: EntitySet, keys: Mapping[str, str]) -> tuple[Entity, Entity]:
        """(record, the entity inside it that has these keys)."""
        root = self._root(keys[kind.keys[0]])
        if kind.name == self.service.root:
            return root, root
        for row in root.get(self._nav(kind), []):
            if all(row.get(name) == value for name, value in keys.items()):
                return root, row
        raise Refusal(404, f"Resource not found for segment '{kind.name}'")

    def _nav(self, kind: EntitySet) -> str:
        root = self.service.sets[self.service.root]
        return next(nav for nav, name in root.navs.items() if name == kind.name)

    def _read(self, kind: EntitySet, text: str, options: Mapping[str, str]) -> tuple[int, Any, str]:
        _, row = self._locate(kind, self._keys(kind, text))
        return 200, self._shown(kind, row, _expanded(options)), etag(row)

    def _list(self, kind: EntitySet, options: Mapping[str, str]) -> Entity:
        found = [row for row in self._all() if _passes(row, options.get("$filter", ""))]
        found.sort(key=lambda row: str(row[kind.keys[0]]))
        skip, top = int(options.get("$skip", 0)), min(int(options.get("$top", LARGEST)), LARGEST)
        return {"results": [self._shown(kind, row, _expanded(options)) for row in found[skip : skip + top]]}

    def _shown(self, kind: EntitySet, row: Entity, expand: set[str]) -> Entity:
        out: Entity = {"__metadata": {"type": kind.name, "etag": etag(row)}}
        out |= {name: row.get(name, "") for name in kind.texts} | {name: row.get(name, False) for name in kind.flags}
        for nav, name in kind.navs.items():
            inner = {path.partition("/")[2] for path in expand if path.startswith(f"{nav}/")}
            if nav in expand or inner:
                rows = [self._shown(self.service.sets[name], one, inner) for one in row.get(nav, [])]
                out[nav] = {"results": rows}
            else:
                out[nav] = {"__deferred": {"uri": nav}}
        return out

    def _create(self, kind: EntitySet, body: Entity) -> tuple[int, Any, str]:
        if not kind.creatable:
            raise Refusal(405, f"Entity set {kind.name} is not creatable")
        self._complain(kind, body, new=True)
        row = self._completed(kind, body, body.get(kind.keys[0], ""))
        if kind.name == self.service.root:
            number = row[kind.keys[0]]
            if not number or number in self._changed or self._store.named(self.service.domain, [number]):
                raise Refusal(400, f"{kind.keys[0]} {number or 'without a number'} already exists")
            root = row
        else:
            root = self._root(body.get(kind.keys[0], ""))
            rows = root.setdefault(self._nav(kind), [])
            if any(all(one.get(k) == row.get(k) for k in kind.keys) for one in rows):
                raise Refusal(400, f"{kind.name} already exists")
            rows.append(row)
        self._keep(root)
        return 201, self._shown(kind, row, set()), etag(row)

    def _completed(self, kind: EntitySet, body: Entity, number: str) -> Entity:
        """With the keys of the record in every child, and those that the server gives."""
        row: Entity = {name: value for name, value in body.items() if name not in kind.navs}
        if kind.keys[0] == self.service.sets[self.service.root].keys[0]:
            row[kind.keys[0]] = number
        if kind.assigned and not row.get(kind.assigned):
            row[kind.assigned] = uuid.uuid4().hex[:10]
        for nav, name in kind.navs.items():
            inside = self.service.sets[name]
            row[nav] = [self._completed(inside, {**one, **_shared(row, kind, inside)}, number)
                        for one in rows_of(body.get(nav))]  # fmt: skip
        return row

    def _patch(self, kind: EntitySet, root: Entity, row: Entity, body: Entity) -> None:
        if changed := [name for name in kind.keys if name in body and body[name] != row[name]]:
            raise Refusal(400, f"Key {', '.join(changed)} can't be changed")
        self._complain(kind, body, new=False)
        row.update(body)
        self._keep(root)

    def _delete(self, kind: EntitySet, root: Entity, row: Entity) -> tuple[int, Any, str]:
        if kind.name == self.service.root:
            raise Refusal(405, f"Entity set {kind.name} is not deletable")
        root[self._nav(kind)].remove(row)
        self._keep(root)
        return 204, None, ""

    def _complain(self, kind: EntitySet, body: Entity, *, new: bool) -> None:
        if found := list(problems(self.service, kind, body, new=new)):
            raise Refusal(400, found[0], found)

    def _check_etag(self, kind: EntitySet, row: Entity, headers: Mapping[str, str]) -> None:
        wanted = headers.get("if-match", "")
        if not wanted:
            raise Refusal(428, "Precondition required: send the ETag in If-Match")
        if wanted not in ("*", etag(row)):
            raise Refusal(412, f"Precondition failed: {kind.name} was changed")

    def _keep(self, root: Entity) -> None:
        self._changed[root[self.service.sets[self.service.root].keys[0]]] = root


def etag(row: Entity) -> str:
    """Of an entity without its children, as SAP's are by the time of change."""
    own = {name: value for name, value in row.items() if not isinstance(value, list)}
    return f'W/"{hashlib.blake2b(json.dumps(own, sort_keys=True).encode(), digest_size=8).hexdigest()}"'


def _shared(row: Entity, kind: EntitySet, inside: EntitySet) -> Entity:
    return {name: row[name] for name in kind.keys if name in inside.texts and name in row}


def _expanded(options: Mapping[str, str]) -> set[str]:
    return {path for path in options.get("$expand", "").split(",") if path}


def _passes(row: Entity, condition: str) -> bool:
    if not condition:
        return True
    if found := BEHIND.match(condition):
        return _passes(row, found[1]) and str(row.get(found[2], "")) > found[3].replace("''", "'")
    if found := STARTS.match(condition):
        return str(row.get(found[1], "")).startswith(found[2])
    if not (wanted := EQUALS.findall(condition)):
        raise Refusal(400, f"The filter {condition} is not understood")
    return any(row.get(name, "") == value.replace("''", "'") for name, value in wanted)
