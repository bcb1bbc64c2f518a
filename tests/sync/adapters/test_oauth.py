"""How a client says who it is when it asks for a token."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdm.exceptions import InvalidValue
from sync.adapters.base import ConfigError
from sync.adapters.http import Reply
from sync.adapters.oauth import TokenCache
from sync.adapters.options import Secrets
from sync.adapters.registry import build
from sync.adapters.rest_json.config import RestConfig
from sync.inbound.ways import PullConfig, check
from sync.models import InboundSource

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


def asked(client_id: str, secret: str, client_auth: str) -> dict[str, Any]:
    """The request for a token, as it was handed to the wire."""
    requests: list[dict[str, Any]] = []

    def send(method: str, url: str, **request: Any) -> Reply:
        requests.append(request)
        return Reply(200, httpx.Headers(), b'{"access_token": "t"}')

    config = RestConfig("b", "t", client_id, "S", client_auth=client_auth)
    assert TokenCache(config, secret).get(send) == "t"
    return requests[0]


@given(TEXT, TEXT)
def test_id_and_secret_are_escaped_so_that_the_colon_between_them_is_the_only_one(client_id: str, secret: str) -> None:
    sent = asked(client_id, secret, "basic")["auth"]
    assert all(part.isascii() and ":" not in part for part in sent)
    assert tuple(map(unquote_plus, sent)) == (client_id, secret)


def test_what_needs_no_escape_is_sent_as_it_is_whichever_way() -> None:
    assert asked("con-cord_1", "A.b~9", "basic")["auth"] == asked("con-cord_1", "A.b~9", "basic_raw")["auth"]


def test_a_server_that_wants_them_raw_or_in_the_form_gets_them_so() -> None:
    assert asked("c d", "a+b%", "basic_raw")["auth"] == ("c d", "a+b%")
    body = asked("c d", "a+b%", "body")
    assert "auth" not in body
    assert body["data"].items() >= {"client_id": "c d", "client_secret": "a+b%"}.items()


@pytest.mark.parametrize("adapter", ["rest_json", "fhir_r4", "odata_v2"])
def test_a_way_that_there_is_not_is_refused_when_the_target_is_saved(adapter: str) -> None:
    config = {"base_url": "http://x", "token_url": "t", "client_id": "c", "client_secret": "S", "client_auth": "jwt"}
    with pytest.raises(ConfigError, match="basic, basic_raw, body"):
        build(adapter, config, {"S": "s"})


def test_two_ways_are_two_tokens() -> None:
    ways = [RestConfig("b", "t", "two ways", "S", client_auth=way) for way in ("basic", "basic_raw", "basic")]
    caches = [TokenCache.shared(config, Secrets({"S": "s"})) for config in ways]
    assert (caches[0] is caches[2], caches[0] is caches[1]) == (True, False)


def test_a_source_that_is_pulled_from_is_checked_the_same() -> None:
    config = {"base_url": "b", "path": "/p", "token_url": "t", "client_id": "c", "client_auth": "jwt"}
    with pytest.raises(InvalidValue, match="client_auth is one of"):
        check(InboundSource(code="erp", way="pull", config=config))
    assert PullConfig("b", "/p", "t", "c").client_auth == "basic"
