"""`make bench-lookup`: what a lookup over HTTP costs, as a ratio to what it could cost at best, measured in one run.

One million crosswalk rows in a database of their own; granian as in production; each request authenticated, authorised
and counted against its key's limit. The measure is CPU (user + system) of the server and PostgreSQL together, per
request or per code, so that neighbours on the machine disturb little; rounds alternate and the median of their ratios
counts. References: an empty Django view behind the same server and middleware; psycopg alone with the same statement.

Prints one JSON line per measurement: ``name``, ``ours``, ``reference`` (µs of CPU), ``ratio`` (reference / ours).
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import django
import psutil
import psycopg

from mdm import embedded, env
from tests.bench import overload
from tests.bench.load import Connection, drive, family, spent

DATABASE = "bench_lookup"
PORT = 8791
ROWS, CONNECTIONS, BATCH = 1_000_000, 4, 1_000

FILL = """
INSERT INTO mdm_sourcesystem (code, name, kind, trust, domain_trust, active) VALUES
    ('erp', 'ERP', 'erp', 50, '{}', true), ('ehr', 'EHR', 'ehr', 50, '{}', true);
INSERT INTO mdm_codesystem (system_id, domain, kind, slug, uri, normaliser, "unique", units, deduplicated)
    SELECT id, 'item', 'primary', code || '-item', '', 'trim', true, '{}', true FROM mdm_sourcesystem;
INSERT INTO mdm_goldenrecord
    (id, public_id, domain, status, criticality, name, version, approved_version, provenance, created_at, updated_at)
    SELECT n, 'MDM-IT-' || to_char(n, 'FM000000'), 'item', 'live', 'normal', 'CATHETER FOLEY ' || n || 'FR SILICONE',
           1, 1, '{}', now(), now() FROM generate_series(1, %(records)s) n;
INSERT INTO mdm_crosswalk (code_system_id, code, golden_id, uom, preferred, resolves, valid_from, known_from, change_id)
    SELECT s.id, s.slug || n, n, 'EA', true, true, '0001-01-01', now(), gen_random_uuid()
    FROM mdm_codesystem s, generate_series(1, %(records)s) n ORDER BY n::bigint * 7919 %% %(records)s;
"""


def prepare(records: int) -> str:
    """A database with so many records, each with a code in two systems; kept for the next run. Returns its URL."""
    var = env.var_dir()
    url = embedded.database_url(var).replace("/concord?", f"/{DATABASE}?")
    if env.text("DATABASE_URL"):
        raise SystemExit("The benchmark starts its own PostgreSQL: unset DATABASE_URL.")
    embedded.ensure()
    with psycopg.connect(embedded.database_url(var), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")
        try:
            manage("migrate", "--verbosity", "0", url=url)
        except subprocess.CalledProcessError:  # it is of another version
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {DATABASE}")
            manage("migrate", "--verbosity", "0", url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT count(*) FROM mdm_crosswalk").fetchone() != (records * 2,):
            # a million insertions into its GiST index take minutes, and no lookup reads it
            connection.execute("ALTER TABLE mdm_crosswalk DROP CONSTRAINT IF EXISTS crosswalk_one_live_golden_per_code")
            connection.execute("TRUNCATE mdm_crosswalk, mdm_goldenrecord, mdm_codesystem, mdm_sourcesystem CASCADE")
            for statement in FILL.split(";\n"):
                if statement.strip():
                    connection.execute(statement, {"records": records} if "%(" in statement else None)
        connection.execute("VACUUM ANALYZE")
    return url


def manage(*arguments: str, url: str) -> str:
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment, cwd=env.BASE_DIR, check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    return done.stdout


def key(url: str) -> str:
    with suppress(subprocess.CalledProcessError):
        manage("create_user", "bench", "--role", "integration", "--no-login", url=url)
    return manage("issue_api_key", "bench", "--name", "bench", "--scope", "lookup_codes", url=url).strip()


@contextmanager
def server(url: str) -> Iterator[list[psutil.Process]]:
    """Granian as ``manage.py up`` starts it; yields its processes."""
    from mdm.management.commands.up import granian

    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    command = [*granian("127.0.0.1", PORT, 2), "--log-level", "error"]
    process = subprocess.Popen(command, env=environment, cwd=env.BASE_DIR)
    try:
        for _ in range(600):
            time.sleep(0.1)
            with suppress(OSError):
                Connection(PORT).socket.close()
                break
        yield family(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def postgres() -> list[psutil.Process]:
    pid = int(Path(env.var_dir(), "postgres", "data", "postmaster.pid").read_text().split()[0])
    return family(pid)


def get(token: str, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def post(token: str, path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    return head.encode() + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Bench:
    def __init__(self, url: str, token: str, processes: list[psutil.Process], records: int, scale: float) -> None:
        self.url, self.token, self.processes, self.records = url, token, processes, records
        self.requests = max(int(2_000 * scale), 50)
        self.batches = max(int(40 * scale), 4)
        self.dice = random.Random(7)

    def code(self) -> str:
        return f"erp-item{self.dice.randint(1, self.records)}"

    def over_http(self, make: Callable[[int, int], bytes], each: int) -> float:
        """µs of CPU per request."""
        before = spent([*self.processes, *postgres()])
        run = drive(PORT, make, connections=CONNECTIONS, each=each)
        cost = spent([*self.processes, *postgres()]) - before
        if set(run.statuses) != {200}:
            raise SystemExit(f"Not every answer was 200: {run.statuses}")
        return cost / run.requests * 1e6

    def empty(self) -> float:
        request = get(self.token, "/api/v1/empty")
        return self.over_http(lambda *_: request, self.requests)

    def one(self) -> bytes:
        return get(self.token, f"/api/v1/crosswalk/erp-item/{self.code()}?to=ehr-item")

    def single(self) -> float:
        """Codes that hardly ever repeat, so PostgreSQL answers each."""
        asked = [[self.one() for _ in range(self.requests)] for _ in range(CONNECTIONS)]
        return self.over_http(lambda name, number: asked[name][number], self.requests)

    def cached(self) -> float:
        asked = [get(self.token, f"/api/v1/crosswalk/erp-item/erp-item{n + 1}?to=ehr-item") for n in range(100)]
        return self.over_http(lambda _, number: asked[number % 100], self.requests)

    def translate(self) -> float:
        """FHIR's ``$translate``, of codes that hardly ever repeat."""
        address = "/fhir/ConceptMap/$translate?system=urn:concord:code-system:erp-item&code={}"
        address += "&targetsystem=urn:concord:code-system:ehr-item"
        asked = [
            [get(self.token, address.format(self.code())) for _ in range(self.requests)] for _ in range(CONNECTIONS)
        ]
        return self.over_http(lambda name, number: asked[name][number], self.requests)

    def batch(self) -> float:
        asked = [[self._batch() for _ in range(self.batches)] for _ in range(CONNECTIONS)]
        return self.over_http(lambda name, number: asked[name][number], self.batches) / BATCH

    def _batch(self) -> bytes:
        codes = [self.code() for _ in range(BATCH)]
        body = json.dumps({"code_system": "erp-item", "to": "ehr-item", "codes": codes}).encode()
        return post(self.token, "/api/v1/crosswalk/batch", body)

    def raw(self) -> float:
        """The statement of a batch through psycopg alone, rows fetched: µs of CPU per code."""
        from mdm.lookup_rows import statement

        sql = statement(by="codes", target=True)
        with psycopg.connect(self.url, autocommit=True) as connection:
            find = "SELECT id FROM mdm_codesystem WHERE slug = %s"
            query: dict[str, Any] = {"as_of": time.strftime("%Y-%m-%d")}
            for name, slug in (("system", "erp-item"), ("to", "ehr-item")):
                query[name] = connection.execute(find, [slug]).fetchone()[0]  # type: ignore[index]
            asked = [[self.code() for _ in range(BATCH)] for _ in range(CONNECTIONS * self.batches)]
            connection.execute(sql, query | {"codes": asked[0]}, prepare=True).fetchall()
            before = spent(postgres()) + time.process_time()
            for codes in asked:
                connection.execute(sql, query | {"codes": codes}, prepare=True).fetchall()
            return (spent(postgres()) + time.process_time() - before) / (len(asked) * BATCH) * 1e6


# name: (what it is held against, the ratio that it must reach)
HELD: dict[str, tuple[str, float]] = {
    "single": ("empty", 0.35),
    "cached": ("empty", 0.75),
    "translate": ("empty", 0.25),
    "batch": ("raw", 0.8),
}


def measure(bench: Bench, rounds: int) -> dict[str, dict[str, float]]:
    kinds = ["empty", *HELD, "raw"]
    for kind in kinds:
        getattr(bench, kind)()  # caches, prepared statements, connections
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            found[kind].append(getattr(bench, kind)())
    lines = {}
    for name, (reference, _) in HELD.items():
        ratios = [other / ours for ours, other in zip(found[name], found[reference], strict=True)]
        lines[name] = {
            "ours": round(statistics.median(found[name]), 2),
            "reference": round(statistics.median(found[reference]), 2),
            "ratio": round(statistics.median(ratios), 3),
        }
    return lines


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests in a round")
    parser.add_argument("--rows", type=int, default=ROWS, help="crosswalk rows")
    parser.add_argument("--explain", action="store_true", help="show the plans of the lookups as well")
    parser.add_argument("--overload", action="store_true", help="instead, send twice what the server can answer")
    parser.add_argument("--seconds", type=float, default=20.0, help="of overload")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.settings")
    django.setup()
    records = given.rows // 2
    url = prepare(records)
    if given.overload:
        sys.stdout.write(json.dumps(overloaded(url, records, given.seconds)) + "\n")
        return
    with server(url) as processes:
        lines = measure(Bench(url, key(url), processes, records, given.scale), given.rounds)
    for name, line in lines.items():
        sys.stdout.write(json.dumps({"name": name, **line, "must_reach": HELD[name][1], "unit": "µs CPU"}) + "\n")
    if given.explain:
        sys.stdout.write(explain(url))


def overloaded(url: str, records: int, seconds: float) -> dict[str, Any]:
    with server(url) as processes:
        bench = Bench(url, key(url), processes, records, 1)
        return overload.measure(PORT, bench.one, processes, seconds)


def explain(url: str) -> str:
    """The plan of each lookup: by code, by a thousand codes, and of one record's codes; cold, and once more."""
    from mdm.lookup_rows import statement

    text = ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
        slugs = dict(connection.execute("SELECT slug, id FROM mdm_codesystem").fetchall())
        query = {"system": slugs["erp-item"], "to": slugs["ehr-item"], "as_of": time.strftime("%Y-%m-%d")}
        query |= {"code": "erp-item77", "golden": 77, "codes": [f"erp-item{n * 499 + 1}" for n in range(BATCH)]}
        for by in ("code", "codes", "golden"):
            sql = "EXPLAIN (ANALYZE, BUFFERS) " + statement(by=by, target=by != "golden")
            connection.execute("SELECT pg_buffercache_evict_all()")
            for state in ("cold", "warm"):
                plan = connection.execute(sql, query).fetchall()
                text += f"\n{by}, {state}\n" + "".join(f"{line}\n" for (line,) in plan)
    return text


if __name__ == "__main__":
    main()
