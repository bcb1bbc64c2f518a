"""`make bench-scale`: a whole hospital's items into a database of its own, then one record at a time against them.

    python -m tests.bench.scale [--size 1000000] [--smaller 100000] [--asked 500] [--keep]

Generated items, a fifth of them duplicates, are loaded by ``mdm.services.bulk_load``, first ``--smaller`` of them and
then ``--size``, each into an empty database under ``var/bench``. Then records are compared one by one with what is
there, and typed texts searched for. Each result is a line of JSON: times in ms, memory in MB as the processes of the
load hold it (proportional set size; PostgreSQL's own is told beside it).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matching.benchmark import DOMAINS, write_task

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "var" / "bench"
FIELDS = ("description", "manufacturer", "catalogue_number", "gtin", "size")
WATCH = """
import sys, time, psutil
me, most = psutil.Process(int(sys.argv[1])), [0, 0]
def held(processes):
    total = 0
    for process in processes:
        try: total += process.memory_full_info().pss
        except psutil.Error: pass
    return total
while me.is_running() and me.status() != psutil.STATUS_ZOMBIE:
    servers = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "postgres"]
    others = {psutil.Process().pid, *(p.pid for p in servers)}
    family = [me, *(p for p in me.children(recursive=True) if p.pid not in others)]
    most = [max(most[0], held(family)), max(most[1], held(servers))]
    print(most[0] >> 20, most[1] >> 20, flush=True)
    time.sleep(1)
"""


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


# ------------------------------------------------------------------------------------------------------- one database


def load(folder: Path, size: int) -> float:
    """Load a table into the empty database; seconds."""
    from mdm.models import CodeSystem, SourceSystem, User
    from mdm.services import bulk_load
    from mdm.services.ingest import Row

    def rows() -> Iterator[Row]:
        with (folder / "single.csv").open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                yield Row(number, row["id"], {name: row[name] for name in FIELDS if row[name]}, row)

    system = SourceSystem.objects.create(code="list", name="Item list", kind=SourceSystem.Kind.ERP)
    code_system = CodeSystem.objects.own(system, "item")
    watch = subprocess.Popen(
        [sys.executable, "-c", WATCH, str(os.getpid())], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    stages: dict[str, float] = {}
    started = time.perf_counter()

    def beat(run: Any) -> bool:
        stages.setdefault(run.stage, round(time.perf_counter() - started, 1))
        return True

    run = bulk_load.load(code_system=code_system, rows=rows(), expected=size, actor=User.objects.system(), beat=beat)
    seconds = time.perf_counter() - started
    watch.terminate()
    memory = (watch.communicate()[0].split("\n") or ["0 0"])[-2].split()
    say(
        name="bulk_load", size=size, seconds=round(seconds, 1), began=stages, peak_mb=int(memory[0]),
        postgres_mb=int(memory[1]), linked=run.linked, created=run.created, reviewed=run.reviewed,
        **accuracy(folder),
    )  # fmt: skip
    return seconds


def accuracy(folder: Path) -> dict[str, float]:
    """Of the pairs that were joined automatically, how many are right; and how many of the right ones they are."""
    from mdm.models import SourceRecord

    cluster = clusters(folder)
    golden: dict[int, list[str]] = defaultdict(list)
    for code, pk in SourceRecord.objects.filter(golden__isnull=False).values_list("code", "golden").iterator():
        golden[pk].append(cluster[code])
    joined = right = 0
    for members in golden.values():
        joined += len(members) * (len(members) - 1) // 2
        right += sum(n * (n - 1) // 2 for n in map(members.count, set(members)))
    of: dict[str, int] = defaultdict(int)
    for name in cluster.values():
        of[name] += 1
    true = sum(n * (n - 1) // 2 for n in of.values())
    return {"auto_precision": round(right / max(joined, 1), 5), "auto_recall": round(right / max(true, 1), 4)}


def clusters(folder: Path) -> dict[str, str]:
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row["cluster"] for row in csv.DictReader(file)}


def online(folder: Path, size: int, asked: int) -> None:
    """Candidates and scores of one record at a time, and whether its duplicates are among the candidates."""
    from mdm import candidates as pool
    from mdm.engine import engine_for
    from mdm.known import Known
    from mdm.models import SourceRecord
    from mdm.services import scoring

    cluster, members = clusters(folder), defaultdict[str, list[str]](list)
    for code, name in cluster.items():
        members[name].append(code)
    codes = random.Random(7).sample([code for code, name in cluster.items() if len(members[name]) > 1], asked + 50)
    records = {r.code: r for r in SourceRecord.objects.filter(code__in=codes).select_related("code_system")}
    known, engine, found, wanted = Known(), engine_for("item"), 0, 0
    times: dict[str, list[float]] = {"candidates_and_scores": [], "with_facts": []}

    def timed(what: str, act: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = act()
        times[what].append((time.perf_counter() - begin) * 1e3)
        return result

    def compared(record: SourceRecord, keys: dict[int, list[int]]) -> list[int]:
        left, right = pool.find(keys, engine.common)
        pairs = list(zip(left.tolist(), right.tolist(), strict=True))
        if pairs:
            scoring.score_pairs(engine, pairs, pool.rows([record.pk, *right.tolist()]), engine.policy)
        return [other for _, other in pairs]

    for code in codes:
        record = records[code]
        keys = pool.keys([record.pk])
        candidates = timed("candidates_and_scores", lambda: compared(record, keys))  # noqa: B023
        timed("with_facts", lambda: scoring.score(known, engine, [record], keys))  # noqa: B023
        mine = {m for m in members[cluster[code]] if m != code}
        found += SourceRecord.objects.filter(pk__in=candidates, code__in=mine).count()
        wanted += len(mine)
    for name, taken in times.items():
        say(name=name, size=size, **percentiles(taken[50:]))
    say(name="candidate_recall", size=size, value=round(found / wanted, 4))


def searching(size: int, asked: int) -> None:
    """Typed texts: the beginning of a description, as somebody types it."""
    from mdm.models import SourceRecord
    from mdm.search import search

    dice = random.Random(7)
    texts = list(SourceRecord.objects.filter(pk__lte=asked * 40).values_list("values__description", flat=True))
    times = []
    for text in dice.sample(texts, asked + 50):
        words = text.split()
        typed = " ".join(words[: dice.randint(1, min(4, len(words)))])
        begin = time.perf_counter()
        search("item", typed[: max(3, len(typed) - dice.randint(0, 3))])
        times.append((time.perf_counter() - begin) * 1e3)
    say(name="search", size=size, **percentiles(times[50:]))


def percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        f"p{share}_ms": round(ordered[min(len(ordered) * share // 100, len(ordered) - 1)], 1) for share in (50, 95, 99)
    }


def measure(size: int, asked: int) -> None:
    """In a process with a database of its own, which is empty."""
    import django

    from mdm import embedded

    os.environ["DJANGO_SETTINGS_MODULE"] = "mdm.settings"
    embedded.ensure()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    folder = WORK / f"scale-{size}" / "item_dedupe"
    if not (folder / "truth.csv").exists():
        write_task(DOMAINS["item"], folder.parent, size=size, kind="dedupe")
    load(folder, size)
    online(folder, size, asked)
    searching(size, asked)


# ---------------------------------------------------------------------------------------------------------------- all


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--smaller", type=int, default=100_000, help="0: only --size")
    parser.add_argument("--asked", type=int, default=500, help="records asked about one by one")
    parser.add_argument("--keep", action="store_true", help="leave the databases under var/bench")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.size, options.asked)
        return
    seconds = [_apart(size, options) for size in (options.smaller, options.size) if size]
    if len(seconds) == 2:
        say(name="growth", size=options.size, ratio=round(seconds[1] / seconds[0], 2))


def _apart(size: int, options: argparse.Namespace) -> float:
    """Measure in a process of its own; seconds of the load."""
    var = WORK / f"db-{size}"
    shutil.rmtree(var, ignore_errors=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"CONCORD_VAR": str(var), "CONCORD_HTTPS": "0", "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "tests.bench.scale", "--here", "--size", str(size), "--asked", str(options.asked)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    if not options.keep:
        shutil.rmtree(var, ignore_errors=True)
    if done.returncode:
        sys.exit(done.returncode)
    return float(next(json.loads(line)["seconds"] for line in done.stdout.splitlines() if '"bulk_load"' in line))


if __name__ == "__main__":
    main()
