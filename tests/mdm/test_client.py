"""Lock-out counts addresses, so nobody may choose his own."""

from __future__ import annotations

import pytest
from django.test import RequestFactory, override_settings

from mdm import client

PEER = "10.0.0.9"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "", PEER),
        (0, "1.2.3.4", PEER),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "1.2.3.4, 203.0.113.7", "203.0.113.7"),
        (2, "1.2.3.4, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", PEER),
        (1, "", PEER),
    ],
)
def test_only_what_our_own_proxies_saw_is_believed(proxies: int, forwarded: str, expected: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=PEER, headers={"X-Forwarded-For": forwarded})
    with override_settings(PROXY_COUNT=proxies):
        assert client.address(request) == expected
