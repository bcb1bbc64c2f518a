"""`make bench-ui`: what the steward's screens cost with a million items and fifty thousand open reviews.

    python -m tests.bench.ui [--size 1000000] [--open 50000] [--asked 200] [--fresh] [--no-browser]

Generated items are loaded by ``mdm.services.bulk_load`` into a database of its own under ``var/bench``, which is kept
for the next run; the doubts that this leaves are copied, each with a source record of its own, until enough are open.
Then the queue, the comparison and the golden record are asked for over HTTP, one request after the other, from the
server that production uses, and the browser decides reviews. Each result is a line of JSON: times in ms, ``cpu_ms`` of
server and PostgreSQL together, sizes in KB as gzip leaves them, and the plans that read a whole large table.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "var" / "bench"
LARGE = 10_000  # rows; reading all of a smaller table is nothing to mend
WARM = 20  # requests before those that count
DECISIONS = 20

# A doubt's source record again under another code, and the doubt again about it; due one after the other.
COPIES = """
CREATE TEMP TABLE doubt ON COMMIT DROP AS
    SELECT w.id AS item, w.source_id AS source, n, nextval(pg_get_serial_sequence('mdm_sourcerecord', 'id')) AS made
    FROM mdm_workitem w, generate_series(1, %(times)s) n
    WHERE w.state = 'open' AND w.kind = 'possible_match' AND w.source_id IS NOT NULL LIMIT %(wanted)s;
INSERT INTO mdm_sourcerecord (id, code, {source})
    SELECT d.made, s.code || '-' || d.n, {source} FROM doubt d JOIN mdm_sourcerecord s ON s.id = d.source;
INSERT INTO mdm_workitem (source_id, subject, due_at, {item})
    SELECT d.made, 'source:' || d.made, w.due_at + d.n * interval '1 minute', {item}
    FROM doubt d JOIN mdm_workitem w ON w.id = d.item;
"""


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


# ------------------------------------------------------------------------------------------------------------ the data


def prepare(size: int, wanted: int) -> None:
    """The items and the open reviews; nothing to do when they are there."""
    from django.core.management import call_command
    from django.db import connection

    from matching.benchmark import DOMAINS, write_task
    from mdm.models import GoldenRecord, WorkItem
    from tests.bench import scale

    call_command("migrate", verbosity=0)
    folder = WORK / f"scale-{size}" / "item_dedupe"
    if not (folder / "truth.csv").exists():
        write_task(DOMAINS["item"], folder.parent, size=size, kind="dedupe")
    if not GoldenRecord.objects.exists():
        scale.load(folder, size)
    doubts = WorkItem.objects.filter(state="open", kind="possible_match", source__isnull=False)
    missing = wanted - WorkItem.objects.filter(state="open").count()
    if missing > 0:
        _copy(missing, times=missing // max(doubts.count(), 1) + 1)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    say(name="data", golden_records=GoldenRecord.objects.count(), open=WorkItem.objects.filter(state="open").count())


def _copy(wanted: int, times: int) -> None:
    from django.db import connection, transaction
    from django.db.models import Model

    from mdm.models import SourceRecord, WorkItem

    def columns(model: type[Model], *own: str) -> str:
        return ", ".join(f.column for f in model._meta.concrete_fields if f.column not in ("id", *own))

    source, item = columns(SourceRecord, "code"), columns(WorkItem, "source_id", "subject", "due_at")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(COPIES.format(source=source, item=item), {"wanted": wanted, "times": times})


def steward() -> Any:
    """Somebody who may open every page."""
    from django.contrib.auth.models import Group

    from mdm.models import User

    user, _ = User.objects.get_or_create(username="bench")
    user.groups.set(Group.objects.all())
    return user


def pages(asked: int) -> dict[str, list[str]]:
    """What to ask for, by name; a name that ends in ``swap`` is asked for as htmx does."""
    from mdm.models import GoldenRecord, SourceSystem, WorkItem

    dice = random.Random(7)
    first = WorkItem.objects.filter(state="open").order_by("pk").values_list("pk", flat=True)
    items = dice.sample(list(first), min(asked, len(first)))
    live = GoldenRecord.objects.filter(domain="item").exclude(status="merged")
    records = dice.sample(list(live.order_by("pk").values_list("public_id", flat=True)[:200_000]), asked)
    system = SourceSystem.objects.values_list("code", flat=True).first()
    compared = [f"/review/{pk}/" for pk in items]
    return {
        "queue": ["/review/"],
        "queue, filtered": [
            f"/review/?domain=item&system={system}",
            "/review/?due=over",
            "/review/?kind=possible_match",
        ],
        "queue, later pages": [f"/review/?start={pk}" for pk in items],
        "compare": compared,
        "compare, swap": compared,
        "golden record": [f"/items/{public_id}/" for public_id in records],
        "items": ["/items/", "/items/?status=live"],
        "home": ["/"],
    }


# ---------------------------------------------------------------------------------------------------------- the server


def over_http(session: str, asked: int, url: str) -> None:
    """Time, CPU and weight of each page from a server as in production."""
    from tests.bench.load import Connection, spent
    from tests.bench.lookup import PORT, postgres, server

    with server(url) as processes:
        connection = Connection(PORT)
        for name, addresses in pages(asked).items():
            head = f"Host: localhost\r\nCookie: sessionid={session}\r\n" + "HX-Request: true\r\n" * ("swap" in name)
            requests = [f"GET {address} HTTP/1.1\r\n{head}\r\n".encode() for address in addresses]
            times, sizes, before = [], [], 0.0
            for number in range(WARM + asked):
                before = spent([*processes, *postgres()]) if number == WARM else before
                begin = time.perf_counter()
                status, body = connection.send(requests[number % len(requests)])
                times.append((time.perf_counter() - begin) * 1e3)
                sizes.append(len(gzip.compress(body, 6)) / 1024)
                assert status == 200, (status, addresses[number % len(addresses)])
            cost = (spent([*processes, *postgres()]) - before) / asked * 1e3
            say(name=name, **percentiles(times[WARM:]), cpu_ms=round(cost, 1), gzip_kb=round(max(sizes), 1))


def percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {f"p{share}_ms": round(ordered[min(len(ordered) * share // 100, len(ordered) - 1)], 1) for share in (50, 95)}


# ----------------------------------------------------------------------------------------------------------- the plans


def plans(client: Any) -> None:
    """How many queries each page asks, and which of them read a whole large table."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    large = _large()
    for name, addresses in pages(WARM).items():
        headers = {"HX-Request": "true"} if "swap" in name else {}
        client.get(addresses[0], headers=headers)
        asked, whole = [], {}
        for address in addresses:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address, headers=headers).status_code == 200, address
            asked.append(len(captured))
            whole |= {sql: found for q in captured if (found := _scans(sql := q["sql"], large))}
        say(name=f"{name}: queries", most=max(asked), least=min(asked), whole_tables=len(whole))
        for sql, tables in whole.items():
            say(name=f"{name}: reads all of", tables=tables, sql=sql)


def _large() -> set[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", [LARGE])
        return {name for (name,) in cursor.fetchall()}


def _scans(sql: str, large: set[str]) -> list[str]:
    """The large tables that this statement reads row by row."""
    from django.db import connection

    if not sql.startswith(("SELECT", "WITH", "(SELECT")):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        (plan,) = cursor.fetchone()
    nodes = list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
    return sorted({node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} & large)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


# --------------------------------------------------------------------------------------------------------- the browser

SHIFTS = """new PerformanceObserver((list) => {
  const own = list.getEntries().filter((entry) => !entry.hadRecentInput);
  for (const entry of own) window.shifted = (window.shifted ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true });"""

NEW = "#pair [name=decision][value=new]"
DECIDE_AND_WAIT = """(button) => new Promise((resolve) => {
  const start = performance.now();
  new MutationObserver((_, observer) => { observer.disconnect(); resolve(performance.now() - start); })
    .observe(document.getElementById("main"), { childList: true });
  document.querySelector(button).click();
})"""


def in_a_browser(session: str, url: str) -> None:
    """What a first visit loads and how far it shifts; how soon the next pair is there after a decision."""
    from playwright.sync_api import sync_playwright

    from tests.bench.lookup import PORT, server
    from tests.e2e.conftest import executable

    root = f"http://localhost:{PORT}"
    shown = {name: addresses[0] for name, addresses in pages(1).items()}  # asked before the browser's event loop runs
    with server(url), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        for name in ("queue", "compare", "golden record"):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_cookies([{"name": "sessionid", "value": session, "url": root}])
            context.add_init_script(SHIFTS)
            page = context.new_page()
            _first_load(name, page, root + shown[name])
            if name == "queue":
                _decide(page)
            context.close()
        browser.close()


def _first_load(name: str, page: Page, address: str) -> None:
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    shift = page.evaluate("window.shifted ?? 0")
    weight = round(sum(map(weighed, loaded)), 1)
    say(name=f"{name}: first load", gzip_kb=weight, requests=len(loaded), shift=round(shift, 4))


def weighed(response: Response) -> float:
    """KB: text as gzip leaves it, anything else as it is."""
    body = response.body() if response.status == 200 else b""
    text = "text" in (kind := response.headers.get("content-type", "")) or "javascript" in kind or "svg" in kind
    return len(gzip.compress(body, 6) if text else body) / 1024


def _decide(page: Page) -> None:
    """New records, one after the other: a decision that goes on to the next pair whatever the candidates."""
    from tests.e2e.test_review import LOOK

    took = []
    for _ in range(DECISIONS):
        page.locator(NEW).wait_for()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(LOOK)
        took.append(page.evaluate(DECIDE_AND_WAIT, NEW))
    say(name="next pair after a decision", **percentiles(took))


# ---------------------------------------------------------------------------------------------------------------- all


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ui", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--open", type=int, default=50_000)
    parser.add_argument("--asked", type=int, default=200, help="requests for each page")
    parser.add_argument("--fresh", action="store_true", help="load the data anew")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    var = WORK / f"ui-{options.size}"
    if options.fresh:
        shutil.rmtree(var, ignore_errors=True)
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {"CONCORD_VAR": str(var), "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    measure(options, var)


def measure(options: argparse.Namespace, var: Path) -> None:
    import django

    from mdm import embedded

    embedded.ensure()
    django.setup()
    from django.test import Client

    prepare(options.size, options.open)
    client = Client(SERVER_NAME="localhost")
    client.force_login(steward(), backend="django.contrib.auth.backends.ModelBackend")
    session, url = client.cookies["sessionid"].value, embedded.database_url(var)
    plans(client)
    over_http(session, options.asked, url)
    if not options.no_browser:
        in_a_browser(session, url)


if __name__ == "__main__":
    main()
