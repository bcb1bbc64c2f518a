"""Tryton's JSON-RPC: a session, calls of model methods, and the errors that come inside a 200."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sync.adapters.base import AdapterError, ErrorClass, PeerError
from sync.adapters.http import Pool, Reply
from sync.adapters.options import Secrets

from .config import TrytonConfig

Row = dict[str, Any]
ANY_STATE = {"active_test": False}  # context: inactive records are found too
STATUSES = {
    401: (ErrorClass.AUTH, "the session was refused; check the user's password"),
    403: (ErrorClass.AUTH, "the user may not call this method"),
    404: (ErrorClass.PROTOCOL, "there is no such database; check base_url and database"),
    429: (ErrorClass.BUSY, "too many attempts to log in"),
    503: (ErrorClass.BUSY, "out of service"),
}


class Refused(AdapterError):
    """Tryton refuses: a rule of its own, a right that is missing, or a warning that a person has to confirm."""


class Conflict(AdapterError):
    """The record was changed at the same moment; it is tried again."""


class Rpc:
    def __init__(self, config: TrytonConfig, secrets: Secrets) -> None:
        self._config = config
        self._password = secrets.get(config.password)
        self._url = f"{config.base_url.rstrip('/')}/{config.database}/rpc/"
        # Tryton marks long answers as gzip whether or not the client asked for it, so it had better be.
        self._pool = Pool(config, encoding="gzip")
        self._session = ""
        self._context: Row = {}

    def __call__(self, model: str, method: str, *params: Any, **context: Any) -> Any:
        """``rpc("party.party", "read", [1], ["name"])``. Raises Refused, Conflict or PeerError."""
        if not self._session:
            self._log_in()
        call = [*params, {**self._context, **context}]
        reply = self._post(f"model.{model}.{method}", call)
        if reply.status == 401:  # sessions end; the same call in a new one
            self._log_in()
            reply = self._post(f"model.{model}.{method}", call)
        return _result(reply)

    def find(self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None,
             order: Any = None) -> list[Row]:  # fmt: skip
        """Records, active or not. ``fields`` may lead on: ``addresses.country.code``."""
        return self._rows(model, "search_read", list(domain), 0, limit, order, list(fields))

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str]) -> list[Row]:
        return self._rows(model, "read", list(ids), list(fields))

    def _rows(self, model: str, method: str, *params: Any) -> list[Row]:
        try:
            rows: list[Row] = self(model, method, *params, **ANY_STATE)
        except Refused as error:
            raise PeerError(f"{model} may not be read: {error}", ErrorClass.AUTH) from error
        return rows

    def _log_in(self) -> None:
        self._session, self._context = "", {}
        login = [self._config.username, {"password": self._password}, "en"]
        try:
            user, session, *_ = _result(self._post("common.db.login", login))
        except PeerError as error:  # nothing of the message went out yet
            raise PeerError(f"No session: {error}", error.error_class) from error
        except (AdapterError, TypeError, ValueError) as error:
            raise PeerError(f"No session: {error}", ErrorClass.AUTH) from error
        text = f"{self._config.username}:{user}:{session}"
        self._session = b64encode(text.encode()).decode()
        preferences = _result(self._post("model.res.user.get_preferences", [True, {}]))
        self._context = {"company": self._config.company or preferences.get("company"), "language": "en"}

    def _post(self, method: str, params: Sequence[Any]) -> Reply:
        headers = {"Content-Type": "application/json"}
        if self._session:
            headers["Authorization"] = f"Session {self._session}"
        return self._pool.send(
            "POST", self._url, content=orjson.dumps({"id": 0, "method": method, "params": params}), headers=headers
        )

    def close(self) -> None:
        self._pool.close()
        self._session = ""


def _result(reply: Reply) -> Any:
    if reply.status != 200:
        kind, text = STATUSES.get(reply.status, (ErrorClass.SERVER, ""))
        if 300 <= reply.status < 400:
            kind, text = ErrorClass.PROTOCOL, "redirects are not followed; correct the target's base_url"
        applied = reply.status >= 500 and reply.status != 503
        raise PeerError(f"HTTP {reply.status} {text}".strip(), kind, maybe_applied=applied)
    answer = reply.json()
    if isinstance(answer, Mapping) and "result" in answer:
        return answer["result"]
    if not isinstance(answer, Mapping) or not answer.get("error"):
        raise PeerError("An answer without a result.", ErrorClass.PROTOCOL, maybe_applied=True)
    raise _error(answer["error"])


def _error(error: Any) -> Exception:
    """Tryton gives [name, details] for what it foresees, [message, traceback] for what it doesn't."""
    name, details = [*error, ""][:2] if isinstance(error, list) and error else (str(error), "")
    texts = [str(part) for part in details if isinstance(part, str) and part] if isinstance(details, list) else []
    match name:
        case "UserError":
            return Refused(" ".join(texts))
        case "UserWarning":  # (name of the warning, its text, …)
            return Refused(f"Tryton asks a person to confirm: {' '.join(texts[1:])}")
        case "ConcurrencyException":
            return Conflict()
        case "LoginException":
            return PeerError(" ".join(texts), ErrorClass.AUTH)
    return PeerError(f"Tryton failed: {name}"[:500], ErrorClass.SERVER)  # its transaction was rolled back
