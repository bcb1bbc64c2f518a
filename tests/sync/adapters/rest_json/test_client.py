"""What only an HTTP target can get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

import orjson
import pytest

from sync.adapters.base import (
    Adapter,
    ConfigError,
    ErrorClass,
    InvalidForTarget,
    Outcome,
    PeerError,
    State,
    TargetRecord,
    bucket_of,
)
from sync.adapters.registry import build
from sync.sandbox.launch import Sandbox
from tests.sync.adapters import factory
from tests.sync.adapters.conftest import Make, deliver

Script = Callable[[str, bytes], tuple[int, dict[str, str], bytes]]


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], Adapter]]:
    """An adapter whose peer gives out tokens and answers everything else as the script says."""
    opened: list[Any] = []

    def connect(script: Script) -> Adapter:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token = (200, {}, orjson.dumps({"access_token": "t", "expires_in": 3600}))
                status, headers, answer = token if self.path == "/token" else script(self.path, body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST = _answer

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        config = {"base_url": base, "token_url": f"{base}/token", "client_id": "c", "client_secret": "S"}
        adapter = build("rest_json", config, {"S": "s"})
        opened.extend((server, adapter))
        return adapter

    yield connect
    for one in opened:
        one.shutdown() if hasattr(one, "shutdown") else one.close()


def put(adapter: Adapter) -> Outcome:
    return adapter.send(factory.rendered(adapter, factory.message()))[0]


@pytest.mark.parametrize(
    ("status", "state", "error_class"),
    [
        (400, State.REJECTED, ErrorClass.VALIDATION),
        (403, State.REJECTED, ErrorClass.REFUSED),
        (404, State.REJECTED, ErrorClass.REFUSED),
        (408, State.RETRY, ErrorClass.BUSY),
        (409, State.REJECTED, ErrorClass.REFUSED),
        (422, State.REJECTED, ErrorClass.VALIDATION),
        (425, State.RETRY, ErrorClass.BUSY),
        (429, State.RETRY, ErrorClass.BUSY),
        (500, State.UNKNOWN, ErrorClass.SERVER),
        (502, State.UNKNOWN, ErrorClass.SERVER),
        (503, State.RETRY, ErrorClass.BUSY),
        (504, State.UNKNOWN, ErrorClass.SERVER),
        (302, State.RETRY, ErrorClass.PROTOCOL),
        (401, State.RETRY, ErrorClass.AUTH),
    ],
)
def test_each_status_has_its_meaning(
    scripted: Callable[[Script], Adapter], status: int, state: State, error_class: ErrorClass
) -> None:
    outcome = put(scripted(lambda path, body: (status, {}, b'{"errors": ["because"]}')))

    assert (outcome.state, outcome.error_class) == (state, error_class)
    assert f"HTTP {status}: because" in outcome.error


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error": "no such thing"}', b'{"number": ""}'])
def test_a_success_that_holds_no_answer_is_not_believed(scripted: Callable[[Script], Adapter], body: bytes) -> None:
    outcome = put(scripted(lambda path, sent: (200, {}, body)))

    assert (outcome.state, outcome.error_class) == (State.UNKNOWN, ErrorClass.PROTOCOL)


def test_the_status_inside_a_batch_counts_for_each_record(scripted: Callable[[Script], Adapter]) -> None:
    def script(path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        keys = [record["key"] for record in orjson.loads(body)["records"]]
        results = [
            {"key": keys[2], "status": 201, "number": "N3"},
            {"key": keys[0], "status": 422, "errors": ["no"]},
        ]
        return 200, {}, orjson.dumps({"results": results})

    adapter = scripted(script)
    outcomes = adapter.send(factory.rendered(adapter, *(factory.message(number=n) for n in (1, 2, 3))))

    assert [o.state for o in outcomes] == [State.REJECTED, State.UNKNOWN, State.ACKNOWLEDGED]
    assert outcomes[2].target_code == "N3"


def test_a_batch_that_is_refused_whole_is_sent_one_by_one(scripted: Callable[[Script], Adapter]) -> None:
    def script(path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("/batch"):
            return 400, {}, b"{}"
        return (422, {}, b"{}") if path.endswith("2") else (200, {}, b'{"number": "N"}')

    adapter = scripted(script)
    outcomes = adapter.send(factory.rendered(adapter, *(factory.message(number=n) for n in (1, 2, 3))))

    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED, State.REJECTED, State.ACKNOWLEDGED]


def test_the_stored_bytes_are_sent_unchanged(scripted: Callable[[Script], Adapter]) -> None:
    seen: list[bytes] = []

    def script(path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        seen.append(body)
        return 200, {}, b'{"number": "N"}'

    adapter = scripted(script)
    (rendered,) = factory.rendered(adapter, factory.message())
    adapter.send([rendered])

    assert seen == [rendered.body]


def test_retry_after_is_passed_on(scripted: Callable[[Script], Adapter]) -> None:
    assert put(scripted(lambda path, body: (429, {"Retry-After": "17"}, b""))).retry_after == 17


def test_a_redirect_is_never_followed(make: Make, sandbox: Sandbox) -> None:
    sandbox.fault("erp", "redirect")

    outcome = put(make("erp"))

    assert (outcome.state, outcome.connection) == (State.RETRY, True)
    assert "not followed" in outcome.error


def test_an_expired_token_is_renewed_once_and_the_message_goes_through(make: Make, sandbox: Sandbox) -> None:
    adapter = make("erp")
    assert put(adapter).state is State.ACKNOWLEDGED
    before = tokens(sandbox)
    sandbox.fault("erp", "expired_token")

    assert put(adapter).state is State.ACKNOWLEDGED
    assert tokens(sandbox) == before + 1


def test_many_workers_that_meet_an_expired_token_renew_it_once(make: Make, sandbox: Sandbox) -> None:
    adapters = [make("erp") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(put, adapters))
        before = tokens(sandbox)
        sandbox.fault("erp", "expired_token")
        outcomes = list(pool.map(put, adapters))

    assert {o.state for o in outcomes} == {State.ACKNOWLEDGED}
    assert tokens(sandbox) == before + 1


def tokens(sandbox: Sandbox) -> int:
    return sum(entry["event"] == "token" for entry in sandbox.log("erp", limit=1000))


def test_a_wrong_secret_is_an_authentication_failure_that_says_so(sandbox: Sandbox) -> None:
    found = sandbox.targets["erp"]
    adapter = build(found["adapter"], found["config"], {"ERP_CLIENT_SECRET": "wrong"})

    outcome = put(adapter)

    assert (outcome.state, outcome.error_class) == (State.RETRY, ErrorClass.AUTH)
    assert "check the client id and its secret" in outcome.error
    assert "wrong" not in outcome.error


def test_a_wrong_secret_does_not_pass_on_a_token_that_the_right_one_got_nor_spoil_it(
    make: Make, sandbox: Sandbox
) -> None:
    found, live = sandbox.targets["erp"], make("erp")
    live.check()
    draft = build(found["adapter"], found["config"], {"ERP_CLIENT_SECRET": "wrong"})

    with pytest.raises(PeerError, match="check the client id and its secret"):
        draft.check()
    sandbox.fault("erp", "expired_token")

    assert put(live).state is State.ACKNOWLEDGED


def test_another_scope_is_another_token() -> None:
    config = {"base_url": "b", "token_url": "t", "client_id": "c", "client_secret": "S"}
    caches = [build("rest_json", {**config, "scope": scope}, {"S": "s"}) for scope in ("read", "write", "read")]

    tokens = [cast(Any, adapter)._http._tokens for adapter in caches]

    assert tokens[0] is tokens[2]
    assert tokens[0] is not tokens[1]


def test_a_missing_secret_is_named(sandbox: Sandbox) -> None:
    found = sandbox.targets["erp"]

    with pytest.raises(ConfigError, match="ERP_CLIENT_SECRET is missing"):
        build(found["adapter"], found["config"])


def test_an_error_page_in_place_of_an_answer_is_not_believed(make: Make, sandbox: Sandbox) -> None:
    sandbox.fault("erp", "garbage")
    adapter = make("erp")
    batch = factory.rendered(adapter, factory.message(number=1), factory.message(number=2))

    outcomes = [adapter.send(batch), adapter.send(batch)]

    assert [o.state for o in outcomes[0]] == [State.UNKNOWN] * 2
    assert [o.state for o in outcomes[1]] == [State.ACKNOWLEDGED] * 2


def test_an_unreadable_page_raises_when_reading_back(scripted: Callable[[Script], Adapter]) -> None:
    adapter = scripted(lambda path, body: (200, {}, b'{"records": "none"}'))

    with pytest.raises(PeerError, match="Reading item records"):
        list(adapter.read("item"))


def test_a_value_of_the_wrong_kind_is_refused_by_the_counterpart(make: Make) -> None:
    adapter = make("erp")

    (outcome,) = deliver(adapter, *factory.rendered(adapter, factory.message(implant="yes")))

    assert (outcome.state, outcome.error_class) == (State.REJECTED, ErrorClass.VALIDATION)
    assert "isImplant is not a flag" in outcome.error


def test_limits_come_from_the_targets_configuration(make: Make) -> None:
    adapter = make("erp", limits={"supplier": {"addresses.line1": 5}})

    with pytest.raises(InvalidForTarget) as caught:
        adapter.render(factory.message("supplier"))

    assert len(caught.value.problems) == 2
    assert "addresses.line1 has 9 characters and this target holds 5" in caught.value.problems[0]


def test_both_sides_sum_up_the_same_records_alike(make: Make, sandbox: Sandbox) -> None:
    adapter: Any = make("erp")
    messages = [factory.message(domain, n) for domain in ("supplier", "item") for n in range(1, 6)]
    messages.append(factory.awkward("supplier", 7, 'Ä "quoted" \\ tab\t 漢字 🙂'))
    deliver(adapter, *factory.rendered(adapter, *messages))
    for domain in ("supplier", "item"):
        assert adapter.digests(domain) == _sums(adapter, domain, messages)
        assert any(adapter.digests(domain))
    edited = messages[0].record
    sandbox.edit("erp", "supplier", edited, legalName="by hand")
    ours = _sums(adapter, "supplier", messages)
    differing = [n for n, one in enumerate(adapter.digests("supplier")) if one != ours[n]]
    assert differing == [bucket_of(edited, 256)]
    assert edited in {record.id for record in adapter.read_buckets("supplier", differing)}


def _sums(adapter: Any, domain: str, messages: list[Any]) -> list[int]:
    ours = [0] * 256
    for one in (m for m in messages if m.domain == domain):
        record = TargetRecord(one.record, one.version, one.generation, True, adapter.expected(one))
        ours[bucket_of(one.record, 256)] ^= adapter.digest(domain, record)
    return ours


def test_a_target_without_sums_is_read_as_a_whole(scripted: Callable[[Script], Adapter]) -> None:
    adapter: Any = scripted(lambda path, body: (404, {}, b"{}") if "digests" in path else (200, {}, b"{}"))
    assert adapter.digests("item") is None
