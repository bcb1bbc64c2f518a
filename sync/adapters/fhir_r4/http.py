"""FHIR over HTTP: the shared pool with the client's token, JSON in and out, ETags, links that stay on the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sync.adapters.base import ErrorClass, PeerError
from sync.adapters.http import Pool, Reply
from sync.adapters.oauth import TokenCache
from sync.adapters.options import Secrets

from .config import FhirConfig

MEDIA = "application/fhir+json"


class Server:
    """``ask`` answers with a Reply or raises PeerError; no redirect is followed."""

    def __init__(self, config: FhirConfig, secrets: Secrets) -> None:
        self.base = config.base_url.rstrip("/")
        self._tokens = TokenCache.shared(config, secrets)
        self._pool = Pool(config)

    def ask(self, method: str, path: str, *, body: Any = None, params: Mapping[str, Any] | None = None,
            if_match: str = "") -> Reply:  # fmt: skip
        """One request with the token."""
        headers = {"Accept": MEDIA, "Content-Type": MEDIA, **({"If-Match": if_match} if if_match else {})}
        content = orjson.dumps(body) if body is not None else b""

        def sent(token: str) -> Reply:
            signed = {**headers, "Authorization": f"Bearer {token}"}
            return self._pool.send(method, f"{self.base}{path}", content=content, headers=signed, params=params)

        return self._tokens.authorised(self._pool.send, sent)

    def path_of(self, url: str) -> str:
        """The path of a link that the server gave. Raises PeerError when it leads elsewhere: the token stays here."""
        if not url.startswith(f"{self.base}/") and not url.startswith(f"{self.base}?"):
            raise PeerError("The next page is said to be on another server.", ErrorClass.PROTOCOL)
        return url.removeprefix(self.base)

    def close(self) -> None:
        self._pool.close()


def resource_of(reply: Reply) -> dict[str, Any]:
    """The body as a resource; empty when it is none."""
    try:
        found = reply.json()
    except PeerError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("resourceType"), str) else {}


def reasons(outcome: Mapping[str, Any] | None) -> list[str]:
    """What an OperationOutcome says, in its own words."""
    issues = (outcome or {}).get("issue")
    found = []
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, Mapping):
            details = issue.get("details")
            text = details.get("text") if isinstance(details, Mapping) else None
            found.append(str(issue.get("diagnostics") or text or issue.get("code")))
    return found
