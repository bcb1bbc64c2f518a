"""The REST profile's HTTP: the shared pool, with the client's token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.adapters.http import Pool, Reply
from sync.adapters.oauth import TokenCache
from sync.adapters.options import Secrets

from .config import RestConfig


class Http:
    """``request`` answers with a Reply or raises PeerError; it never follows a redirect."""

    def __init__(self, config: RestConfig, secrets: Secrets) -> None:
        self._base_url = config.base_url
        self._tokens = TokenCache.shared(config, secrets)
        self._pool = Pool(config)

    def request(self, method: str, path: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None,
                params: Any = None) -> Reply:  # fmt: skip
        """One request with the token."""

        def sent(token: str) -> Reply:
            signed = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
            return self._pool.send(method, f"{self._base_url}{path}", content=content, headers=signed, params=params)

        return self._tokens.authorised(self._pool.send, sent)

    def close(self) -> None:
        self._pool.close()
