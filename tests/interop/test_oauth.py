"""Logging in at oauth2-mock-server; its tokens are checked by Medplum's server and a gateway before CAP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync.adapters.base import Adapter, ErrorClass, Outcome, State
from sync.adapters.registry import build
from tests.interop import kit, test_fhir, test_odata
from tests.sync.adapters import factory

HERE = Path(__file__).parent
PACKAGES = ("oauth2-mock-server@8.2.3",)
SECRET = "secret"


class Issuer:
    """The counterpart, seen by its administrator."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def change(self, **orders: Any) -> dict[str, Any]:
        """``secret``, ``seconds`` that a token is said to live, ``expired`` ones, ``trouble`` to come, ``rotated``."""
        found: dict[str, Any] = httpx.post(f"{self.url}/state", json=orders, trust_env=False).raise_for_status().json()
        return found

    @property
    def issued(self) -> int:
        found: int = self.change()["issued"]
        return found


@pytest.fixture(scope="module")
def issuing() -> Iterator[Issuer]:
    folder, port = kit.node_folder("oauth", *PACKAGES), kit.free_port()
    with kit.serving(["node", HERE / "oauth_server.mjs", str(port)], port=port, cwd=folder):
        yield Issuer(port)


@pytest.fixture(scope="module")
def fhir(issuing: Issuer) -> Iterator[str]:
    folder, port = kit.node_folder("fhir", *test_fhir.PACKAGES), kit.free_port()
    with kit.serving(["node", HERE / "fhir_server.mjs", str(port), issuing.url], port=port, cwd=folder):
        yield f"http://127.0.0.1:{port}/fhir"


@pytest.fixture(scope="module")
def sap(issuing: Issuer) -> Iterator[str]:
    port = kit.free_port()
    with test_odata.serve(port, issuing.url):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def issuer(issuing: Issuer) -> Issuer:
    """As new: nothing that it issued before is known any more."""
    issuing.change(secret=SECRET, seconds=3600, expired=False, trouble=[], issued=0, raw=False, rotated=True)
    return issuing


Connect = Callable[..., Adapter]


@pytest.fixture
def connect(fhir: str, issuer: Issuer, request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Adapters of one client; each test has a client, and so a cache of tokens, of its own."""
    made: list[Adapter] = []

    def connect(secret: str = SECRET, **settings: Any) -> Adapter:
        config = {"base_url": fhir, "token_url": f"{issuer.url}/token", "client_id": request.node.name}
        made.append(build("fhir_r4", {**config, "client_secret": "S", **settings}, {"S": secret}))
        return made[-1]

    yield connect
    for adapter in made:
        adapter.close()


def send(adapter: Adapter, *messages: Any) -> list[Outcome]:
    return adapter.send(factory.rendered(adapter, *messages))


def test_one_token_serves_every_request_and_every_adapter_of_a_client(connect: Connect, issuer: Issuer) -> None:
    adapters = [connect(batch_size=1, scope="mdm") for _ in range(2)]
    outcomes = [o for a in adapters for o in send(a, *(factory.message("supplier", n) for n in (1, 2, 3)))]
    assert {outcome.state for outcome in outcomes} == {State.ACKNOWLEDGED}
    assert [record.id for record in adapters[0].read("supplier", ["MDM-SU-000002"])] == ["MDM-SU-000002"]
    state = issuer.change()
    assert state["issued"] == 1
    assert state["asked"].items() >= {"grant_type": "client_credentials", "scope": "mdm"}.items()


def test_a_token_that_is_about_to_expire_is_renewed_before_it_is_used(connect: Connect, issuer: Issuer) -> None:
    issuer.change(seconds=20)
    adapter = connect()
    for version in (1, 2):
        before = issuer.issued
        assert send(adapter, factory.message("supplier", 10, version=version))[0].state is State.ACKNOWLEDGED
        assert issuer.issued > before


def test_a_token_refused_half_way_is_renewed_once_and_nothing_is_lost(
    connect: Connect, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter: Any = connect(batch_size=1)
    messages = [factory.message("supplier", n) for n in (20, 21, 22)]
    ask, asked = adapter._server.ask, []

    def rotating(*args: Any, **named: Any) -> Any:
        asked.append(args)
        if len(asked) == 3:
            issuer.change(rotated=True)
        return ask(*args, **named)

    monkeypatch.setattr(adapter._server, "ask", rotating)
    outcomes = send(adapter, *messages)
    assert [outcome.state for outcome in outcomes] == [State.ACKNOWLEDGED] * 3
    assert issuer.issued == 2
    assert len(list(adapter.read("supplier", [message.record for message in messages]))) == 3


def test_many_workers_that_are_refused_at_once_fetch_one_new_token(connect: Connect, issuer: Issuer) -> None:
    adapters = [connect() for _ in range(4)]
    for adapter in adapters:
        adapter.check()
    issuer.change(rotated=True)
    with ThreadPoolExecutor(len(adapters)) as pool:
        sent = pool.map(lambda pair: send(pair[1], factory.message("supplier", 30 + pair[0])), enumerate(adapters))
        assert {outcomes[0].state for outcomes in sent} == {State.ACKNOWLEDGED}
    assert issuer.issued == 2


def test_tokens_that_are_never_accepted_are_not_fetched_for_ever(connect: Connect, issuer: Issuer) -> None:
    issuer.change(expired=True)
    adapter = connect()
    (refused,) = send(adapter, factory.message("supplier", 40))
    assert (refused.state, refused.error_class, refused.connection) == (State.RETRY, ErrorClass.AUTH, True)
    assert issuer.issued == 2
    issuer.change(expired=False)
    assert send(adapter, factory.message("supplier", 40))[0].state is State.ACKNOWLEDGED


def test_a_wrong_secret_is_told_and_never_shown(connect: Connect, issuer: Issuer) -> None:
    right, wrong = connect(), connect("not the secret")
    assert send(right, factory.message("supplier", 50))[0].state is State.ACKNOWLEDGED
    (refused,) = send(wrong, factory.message("supplier", 51))
    assert (refused.state, refused.error_class, refused.connection) == (State.RETRY, ErrorClass.AUTH, True)
    assert ("check the client id and its secret" in refused.error, "not the secret" in refused.error) == (True, False)
    assert [record.id for record in right.read("supplier", ["MDM-SU-000051"])] == []


@pytest.mark.parametrize(("client_auth", "raw"), [("basic", False), ("basic_raw", True), ("body", False)])
def test_a_client_whose_name_and_secret_are_full_of_delimiters_is_let_in(
    connect: Connect, issuer: Issuer, client_auth: str, raw: bool
) -> None:
    awkward = {"client_id": f"con cord&{client_auth}+é", "secret": "a:b%41+c/d=é~"}
    issuer.change(secret=awkward["secret"], raw=raw)
    assert (
        send(connect(**awkward, client_auth=client_auth), factory.message("supplier", 80))[0].state
        is State.ACKNOWLEDGED
    )
    assert issuer.change()["asked"]["user"] == awkward["client_id"]
    other = "basic" if raw else "basic_raw"
    (refused,) = send(connect(**awkward, client_auth=other), factory.message("supplier", 80, version=2))
    assert (refused.error_class, refused.error.count("and client_auth")) == (ErrorClass.AUTH, 1)


def test_a_new_secret_takes_over_from_the_old_one_whose_token_is_still_good(connect: Connect, issuer: Issuer) -> None:
    old = connect()
    send(old, factory.message("supplier", 60))
    issuer.change(secret="newer")
    new = connect("newer")
    assert [send(a, factory.message("supplier", 60, version=2))[0].state for a in (old, new)] == [
        State.ACKNOWLEDGED, State.ACKNOWLEDGED,
    ]  # fmt: skip
    assert issuer.issued == 2
    issuer.change(rotated=True)
    assert [send(a, factory.message("supplier", 60, version=3))[0].error_class for a in (old, new)] == [
        ErrorClass.AUTH, "",
    ]  # fmt: skip


def test_while_no_tokens_are_given_out_nothing_is_sent_and_afterwards_it_is(connect: Connect, issuer: Issuer) -> None:
    issuer.change(trouble=[503, 429, 500])
    adapter = connect()
    waiting = [send(adapter, factory.message("supplier", 70))[0] for _ in range(3)]
    assert [(one.state, one.error_class, one.connection) for one in waiting] == [
        (State.RETRY, error_class, True) for error_class in (ErrorClass.BUSY, ErrorClass.BUSY, ErrorClass.SERVER)
    ]
    assert not any("secret" in one.error for one in waiting)
    assert send(adapter, factory.message("supplier", 70))[0].state is State.ACKNOWLEDGED
    assert [record.version for record in adapter.read("supplier", ["MDM-SU-000070"])] == [1]


@pytest.mark.parametrize("at", [2, 3, 4], ids=["fetching the CSRF token", "reading", "writing"])
def test_a_token_refused_at_a_service_of_sap_is_renewed_once_wherever_that_happens(
    issuer: Issuer, sap: str, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    config = {"base_url": f"{sap}/odata/v2", "token_url": f"{issuer.url}/token", "client_id": f"at {at}"}
    adapter: Any = build("odata_v2", {**config, "client_secret": "S"}, {"S": SECRET})
    pool, asked = adapter._services["item"]._pool, []
    ask = pool.send

    def rotating(*args: Any, **named: Any) -> Any:
        asked.append(args)
        if len(asked) == at:
            issuer.change(rotated=True)
        return ask(*args, **named)

    monkeypatch.setattr(pool, "send", rotating)
    messages = [factory.message("item", 100 * at + n) for n in (1, 2)]
    assert [outcome.receipt for outcome in send(adapter, *messages)] == ["created", "created"]
    assert issuer.issued == 2
    assert [record.id for record in adapter.read("item", [m.record for m in messages])] == [m.record for m in messages]
    adapter.close()
