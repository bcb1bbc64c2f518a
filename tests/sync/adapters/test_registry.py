"""Building an adapter out of a target's configuration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sync.adapters.base import ConfigError
from sync.adapters.options import Secrets
from sync.adapters.registry import ADAPTERS, build, choices

COMPLETE = {
    "hl7v2_mllp": {"host": "h", "port": 1},
    "tryton": {"base_url": "b", "database": "d", "username": "u", "password": "S"},
    "rest_json": {"base_url": "b", "token_url": "t", "client_id": "c", "client_secret": "S"},
}


def test_every_adapter_has_a_label_for_people() -> None:
    assert [name for name, label in choices() if label] == list(ADAPTERS)


@pytest.mark.parametrize("name", COMPLETE)
def test_an_adapter_is_built_without_connecting(name: str) -> None:
    adapter = build(name, COMPLETE[name], {"S": "secret"})

    assert adapter.domains == ("supplier", "cost_center", "location", "item")
    adapter.close()


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("fax", {}, "Unknown adapter fax"),
        ("hl7v2_mllp", {"host": "h"}, "setting port is missing"),
        ("tryton", COMPLETE["tryton"] | {"base_url": "https://u:p@erp.test"}, "base_url names a user"),
        ("hl7v2_mllp", {"host": "h", "port": 1, "prot": 2}, "Unknown setting prot"),
        ("hl7v2_mllp", {"host": "h", "port": 1, "domains": ["items"]}, "Unknown domain items"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_name_of_what_is_wrong(name: str, config: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, config)


def test_a_secret_comes_from_the_target_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "from the environment")

    assert Secrets({"SOME_SECRET": "from the target"}).get("SOME_SECRET") == "from the target"
    assert Secrets().get("SOME_SECRET") == "from the environment"


def test_secrets_are_not_printed() -> None:
    assert "hidden" not in repr(Secrets({"S": "hidden"}))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("hl7v2_mllp", "{'host': '127.0.0.1', 'port': PORT, 'timeout': 5}"),
        (
            "rest_json",
            "{'base_url': 'b', 'token_url': 'http://127.0.0.1:PORT/', 'client_id': 'c', 'client_secret': 'S'}",
        ),
    ],
)
def test_adapters_work_without_django(name: str, config: str) -> None:
    """In a program that has no settings they connect: the peer hangs up at once, and that is what they say."""
    with socket.create_server(("127.0.0.1", 0)) as peer:
        peer.settimeout(20)
        code = (
            "import sys; from sync.adapters.base import PeerError; from sync.adapters.registry import build;"
            f"adapter = build('{name}', {config.replace('PORT', str(peer.getsockname()[1]))}, {{'S': 's'}})\n"
            "try: adapter.check()\n"
            "except PeerError: pass\n"
            "assert 'django.conf' not in sys.modules or not sys.modules['django.conf'].settings.configured"
        )
        root = Path(__file__).resolve().parents[3]
        environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        with subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment) as program:
            peer.accept()[0].close()
            assert program.wait(60) == 0
