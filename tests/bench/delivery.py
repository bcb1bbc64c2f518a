"""``make bench-delivery``: what delivery costs, each figure beside a reference that was measured in the same run.

It has a Concord of its own under ``var/faults``, and the sandbox's counterparts. Rates are taken in turns with their
references, and the median of the turns' ratios counts, so that neighbours on the machine disturb little.

Prints one JSON line per figure: ``name``, ``ours``, ``reference``, ``ratio``, ``limit``, ``kept``; a table at the end.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import statistics
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from tests.faults.__main__ import VAR, settle_environment

settle_environment()

import django  # noqa: E402

django.setup()

import httpx  # noqa: E402
import orjson  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.db.models import F  # noqa: E402

from mdm.models import GoldenRecord, User  # noqa: E402
from mdm.services import change  # noqa: E402
from mdm.signals import golden_changed  # noqa: E402
from sync import outbox, services, targets  # noqa: E402
from sync.compose import compose  # noqa: E402
from sync.models import Lane, Target  # noqa: E402
from tests.bench.load import family, spent  # noqa: E402
from tests.faults.chaos.run import come_to_rest  # noqa: E402
from tests.faults.chaos.world import DOMAIN, World, world  # noqa: E402
from tests.sync import kit  # noqa: E402

TURNS = 5
PER_TURN = 400  # records, one by one
BACKLOG = 2_000  # … in ten batches: what is neither sent nor settled beside another batch counts for little
DELAYED, STEPS = 120, 0.2  # changes on an idle system, seconds between them
HOT, EVENTS = 50, 100_000


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    ours: float
    reference: float
    ratio: float
    limit: float | None  # of the ratio; None: nobody asks for one
    at_least: bool = False

    @property
    def kept(self) -> bool:
        if self.limit is None:
            return True
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit

    def row(self) -> dict[str, Any]:
        numbers = {"ours": round(self.ours, 4), "reference": round(self.reference, 4), "ratio": round(self.ratio, 3)}
        return {"name": self.name, **numbers, "limit": self.limit, "kept": self.kept}


# ------------------------------------------------------------------------------------------------ from commit to target


def latency(made: World) -> Iterator[Figure]:
    """Seconds from a commit until the ERP has applied the change, by the ERP's own log."""
    actor, committed = User.objects.system(), {}
    goldens = list(GoldenRecord.objects.filter(domain=DOMAIN).order_by("pk")[:30])
    for number in range(DELAYED):
        golden = goldens[number % len(goldens)]
        golden = change.override(golden=golden, path="name", value=f"n {time.time_ns()}", actor=actor, reason="bench")
        committed[golden.public_id, golden.version] = dt.datetime.now(dt.UTC)
        time.sleep(STEPS)
    come_to_rest(made)
    waited = []
    for entry in made.sandbox.log("erp", 5 * DELAYED):
        version = entry["detail"].rpartition(" v")[2].partition(".")[0]
        if entry["event"] == "updated" and (entry["subject"], int(version)) in committed:
            at = dt.datetime.fromisoformat(entry["at"])
            waited.append(max((at - committed[entry["subject"], int(version)]).total_seconds(), 0.0))
    cuts = statistics.quantiles(waited, n=100)
    yield Figure("commit to target, idle, p50 (s)", cuts[49], 0.1, cuts[49], 0.1)
    yield Figure("commit to target, idle, p99 (s)", cuts[98], 0.5, cuts[98], 0.5)


def dead_target(made: World) -> Iterator[Figure]:
    """Seconds until the ERP has been told everything again, while the EHR hangs and while it is only idle."""
    erp = Target.objects.get(code="erp")
    pairs = [(_told_again(made, erp, hangs=True), _told_again(made, erp, hangs=False)) for _ in range(TURNS)]
    dead, alive = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    yield Figure("others beside a dead target (s)", dead, alive, ratio, 1.1)


def _told_again(made: World, target: Target, *, hangs: bool) -> float:
    if hangs:
        made.sandbox.fault("ehr", "hang", seconds=60, delay=60)
        services.full_sync(target=Target.objects.get(code="ehr"), actor=User.objects.system())
        time.sleep(0.5)  # a worker waits for it by now
    began = time.monotonic()
    for _ in range(5):
        services.full_sync(target=target, actor=User.objects.system())
        while Lane.objects.filter(target=target, due_at__isnull=False).exists():
            time.sleep(0.005)
    seconds = time.monotonic() - began
    come_to_rest(made)
    return seconds


# --------------------------------------------------------------------------------------------------- without workers


def hot_records() -> Iterator[Figure]:
    """Events per second: 100,000 on 50 records, against one event each on records of their own."""
    target = _only("erp")
    spread = kit.create_many("supplier", 4_000)
    rate = len(spread) / _drain(target)
    per_record = EVENTS // HOT
    _more_versions(spread[:HOT], per_record)
    hot = HOT * per_record / _drain(target)
    yield Figure("events on hot records (1/s)", hot, rate, hot / rate, 0.8, at_least=True)
    _more_versions(spread[:HOT], 40, steps=True)
    steps = HOT * 40 / _drain(target)
    yield Figure(
        "steps that can't be taken together, on hot records (1/s)", steps, rate, steps / rate, 0.0, at_least=True
    )


def _more_versions(rows: list[GoldenRecord], versions: int, *, steps: bool = False) -> None:
    """So many committed changes of each record, as if workers had been away; with ``steps``, retired and revived."""
    ids = [row.pk for row in rows]
    kind = "CASE WHEN n %% 2 = 1 THEN 'retired' ELSE 'unmerged' END" if steps else "'updated'"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO mdm_changeevent
                (record_id, version, kind, published, changed, change_id, others, folded, xid, recorded_at)
                SELECT g.id, g.version + n, {kind}, true, '[]', gen_random_uuid(), '[]', false, 1, now()
                FROM mdm_goldenrecord g, generate_series(1, %s) n WHERE g.id = ANY(%s)""",  # noqa: S608 - constants
            [versions, ids],
        )
        cursor.execute(
            "UPDATE mdm_goldenrecord SET version = version + %(n)s, approved_version = version + %(n)s "
            "WHERE id = ANY(%(ids)s)",
            {"n": versions, "ids": ids},
        )
        cursor.execute(
            "UPDATE sync_lane l SET head = g.version, due_at = now() FROM mdm_goldenrecord g "
            "WHERE g.id = l.record_id AND g.id = ANY(%s)",
            [ids],
        )


def _only(name: str, **config: Any) -> Target:
    Target.objects.exclude(code=name).update(active=False)
    target = Target.objects.select_related("system").get(code=name)
    target.active, target.subscriptions, target.batch_size = True, {"supplier": {}}, 200
    target.config = {**target.config, "timeout": 30.0, **config}
    target.save()
    return target


def _drain(target: Target) -> float:
    began = time.monotonic()
    tally = outbox.deliver(target, targets.adapter_of(target))
    assert set(tally.outcomes) <= {"acknowledged", "unneeded"}, tally
    return time.monotonic() - began


def http_rate() -> Iterator[Figure]:
    """Records per second, a PUT each, against httpx that puts the same bytes over one connection."""
    target = _only("erp", batch_size=1)
    token = _token(target)
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:

        def bare(bodies: list[bytes]) -> None:
            for body in bodies:
                told = orjson.loads(body)
                url = f"{target.config['base_url']}/suppliers/{told['id']}"
                headers = {"Idempotency-Key": told["key"], "Content-Type": "application/json"}
                client.put(url, content=body, headers=headers).raise_for_status()

        yield _against("HTTP delivery (records/s)", target, bare, PER_TURN)


def _token(target: Target) -> str:
    login = (target.config["client_id"], target.secrets[target.config["client_secret"]])
    answer = httpx.post(target.config["token_url"], data={"grant_type": "client_credentials"}, auth=login)
    return str(answer.json()["access_token"])


def mllp_rate() -> Iterator[Figure]:
    """Records per second, one at a time (what MLLP promises) and with several on the wire."""
    for window in (1, 16):
        yield _mllp_rate(window)


def _mllp_rate(window: int) -> Figure:
    """Against a socket that sends the same frames with as many on the wire at a time."""
    target = _only("ehr", window=window)
    with socket.create_connection((target.config["host"], target.config["port"])) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def bare(bodies: list[bytes]) -> None:
            for start in range(0, len(bodies), window):
                frames = bodies[start : start + window]
                for body in frames:
                    line.sendall(b"\x0b" + body + b"\x1c\r")
                answers = b""
                while answers.count(b"\x1c\r") < len(frames):
                    answers += line.recv(65_536)

        return _against(f"MLLP delivery, {window} at a time (records/s)", target, bare, BACKLOG)


def _against(name: str, target: Target, bare: Callable[[list[bytes]], None], records: int) -> Figure:
    """Turns of delivering records and of sending what was rendered for others like them."""
    pairs = []
    rows = list(GoldenRecord.objects.filter(domain="supplier").order_by("pk")[: records * 2])
    for _ in range(TURNS):
        _more_versions(rows[:records], 1)
        ours = records / _drain(target)
        bodies = _bodies(target, rows[records:])
        began = time.monotonic()
        bare(bodies)
        pairs.append((ours, records / (time.monotonic() - began)))
    ours, reference = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Figure(name, ours, reference, statistics.median(a / b for a, b in pairs), 0.6, at_least=True)


def _bodies(target: Target, rows: list[GoldenRecord]) -> list[bytes]:
    """What the next version of these records looks like on the wire; delivered by nobody but the reference."""
    _more_versions(rows, 1)
    bodies: list[bytes] = []
    while claims := outbox.claim(target):
        composed = compose(target, targets.adapter_of(target), claims)
        bodies += [bytes(shipment.letter.body) for shipment in composed.shipments]
    told = Lane.objects.filter(target=target, record__in=rows)
    told.update(due_at=None, acked=F("head"), acked_generation=F("generation"))
    return bodies


# --------------------------------------------------------------------------------------------------------- overhead


@contextmanager
def bare_service() -> Iterator[None]:
    """The service that changes a value, without its events, its lanes and its audit rows."""
    with ExitStack() as off:
        for name in ("mdm.services.survive.announce", "mdm.services.change.announce"):
            off.enter_context(mock.patch(name, return_value=[]))
        for name in ("mdm.services.survive.audit_all", "mdm.changes.Change.audit"):
            off.enter_context(mock.patch(name, return_value=None))
        off.enter_context(mock.patch.object(golden_changed, "receivers", []))
        yield


def overhead(made: World) -> Iterator[Figure]:
    """CPU of this process and of PostgreSQL per change, in milliseconds, with and without."""
    Target.objects.update(active=True, subscriptions={DOMAIN: {}})
    goldens = list(GoldenRecord.objects.filter(domain=DOMAIN).order_by("pk"))
    with mock.patch("sync.wakeups.wake", return_value=True):
        pairs = []
        for _ in range(TURNS):
            ours = _cost(made, goldens)
            with bare_service():
                pairs.append((ours, _cost(made, goldens)))
    ours, reference = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    yield Figure("a change with events, three lanes and audit (ms of CPU)", ours, reference, ratio, 1.3)


def _cost(made: World, goldens: list[GoldenRecord]) -> float:
    actor = User.objects.system()
    processes = family(made.postgres().pid)
    before, own = spent(processes), time.process_time()
    for golden in goldens:
        change.override(golden=golden, path="name", value=f"n {time.time_ns()}", actor=actor, reason="bench")
    return (spent(processes) - before + time.process_time() - own) / len(goldens) * 1000


def measure(names: list[str]) -> Iterator[Figure]:
    VAR.mkdir(parents=True, exist_ok=True)
    with world() as made:
        come_to_rest(made)
        for name, take in {"latency": latency, "dead": dead_target}.items():
            if name in names:
                yield from take(made)
        made.stop()
        if "overhead" in names:
            yield from overhead(made)
        alone = {"hot": hot_records, "http": http_rate, "mllp": mllp_rate}
        if set(names) & {"http", "mllp"} and "hot" not in names:
            kit.create_many("supplier", BACKLOG * 2)
        for name, take_alone in alone.items():
            if name in names:
                yield from take_alone()
        targets.forget_all()


def main() -> None:
    parser = ArgumentParser(description="What delivery costs.")
    parser.add_argument("names", nargs="*", help="some of latency, dead, overhead, hot, http, mllp; all by default")
    names = parser.parse_args().names or ["latency", "dead", "overhead", "hot", "http", "mllp"]
    figures = []
    for figure in measure(names):
        figures.append(figure)
        sys.stdout.write(json.dumps(figure.row()) + "\n")
        sys.stdout.flush()
    sys.stdout.write("\n")
    for figure in figures:
        mark = "" if figure.kept else "   NOT KEPT"
        numbers = f"{figure.ours:12.3f} {figure.reference:12.3f} {figure.ratio:8.3f} {figure.limit or ''!s:>6}"
        sys.stdout.write(f"{figure.name:58} {numbers}{mark}\n")


if __name__ == "__main__":
    main()
