"""`make bench-matching`: matching side by side with other tools, one after another on this machine.

    python -m tests.bench.matching [--tasks item,supplier] [--peers splink,tfidf] [--scale 1000000] [--time-limit 900]

Every task of the project's own benchmark is written under ``var/bench/tasks`` and solved by Concord and by each peer.
``TASKS=dir`` adds the labelled tasks of a folder, ``ROLES=file`` says what their columns mean. ``--scale N`` measures
one table of N items, a fifth of them duplicates, instead. Each result is a line of JSON; a table closes the report.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matching.benchmark import DOMAINS, write_task

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "var" / "bench"
REQUIREMENTS = Path(__file__).parent / "peers" / "requirements"
PEERS = {
    "splink": "fellegi_sunter",
    "tfidf": "tfidf",
    "rapidfuzz": "fuzzy",
    "dedupe": "supervised",
    "goldenmatch": "zero_config",
}
AT_SCALE = ["splink"]
OURS = "concord"
Line = dict[str, Any]


class Skipped(Exception):
    """There is no result; the message says why."""


@dataclass(frozen=True)
class Task:
    folder: Path
    domain: str
    roles: Path | None

    @property
    def tables(self) -> list[Path]:
        found = (self.folder / f"{stem}.csv{end}" for stem in ("left", "right", "single") for end in ("", ".gz"))
        return [path for path in found if path.exists()]

    def file(self, stem: str) -> Path | None:
        found = (self.folder / f"{stem}.csv{end}" for end in ("", ".gz"))
        return next((path for path in found if path.exists()), None)


# -------------------------------------------------------------------------------------------------- tasks


def domain_of(folder: Path, roles: Path) -> str:
    """The domain that a task belongs to: as its roles say, as its name begins, or as its columns suggest."""
    table = tomllib.loads(roles.read_text(encoding="utf-8"))
    own: dict[str, str] = table.get(folder.name, table)
    named = next((name for name in DOMAINS if folder.name.startswith(name)), None)
    suggested = "item" if own.get("kind") == "item" else "supplier" if "website" in own else "location"
    return own.get("domain") or named or suggested


def given_tasks() -> Iterator[Task]:
    """The tasks of the folder that TASKS names."""
    folder, roles = os.environ.get("TASKS"), os.environ.get("ROLES")
    for path in sorted(Path(folder).iterdir()) if folder else []:
        own = path / "roles.toml"
        used = own if own.exists() else Path(roles) if roles else None
        task = Task(path, domain_of(path, used), used) if used else None
        if task and task.tables:
            yield task


def tasks_of(options: argparse.Namespace) -> list[Task]:
    """The tasks asked for, written where they are ours."""
    wanted = options.tasks.split(",") if options.tasks else None
    if options.scale:
        return [_written("item", "dedupe", options.scale, WORK / "scale")]
    ours = [_written(name, "link", None, WORK / "tasks") for name in DOMAINS if not wanted or name in wanted]
    return [*ours, *(task for task in given_tasks() if not wanted or task.folder.name in wanted)]


def _written(domain: str, kind: str, size: int | None, out: Path) -> Task:
    note(f"writing {domain} ({kind})")
    folder = write_task(DOMAINS[domain], out, size=size, kind=kind)
    return Task(folder, domain, folder / "roles.toml")


# -------------------------------------------------------------------------------------------------- runs


def note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def run(command: list[str | Path], limit: int) -> str:
    """What a command prints; `Skipped` with the reason if it fails or takes longer than ``limit`` seconds."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Skipped(f"not finished after {limit} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        raise Skipped(last[:200])
    return done.stdout


def environment(peer: str) -> Path:
    """The Python of a peer's own virtual environment, which is made if there is none of these requirements."""
    wanted, folder = REQUIREMENTS / f"{peer}.txt", WORK / "venvs" / peer
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        note(f"setting up {peer}")
        venv.create(folder, with_pip=True, clear=True)
        run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted], 1800)
        stamp.write_text(wanted.read_text())
    return python


def ours(task: Task, limit: int) -> list[Line]:
    """Concord, by the command that anyone can give."""
    command: list[str | Path] = [sys.executable, "-m", "matching", "evaluate", "--domain", task.domain]
    command += ["--roles", task.roles] if task.roles else []
    command += [*task.tables, "--truth", task.file("truth") or ""]
    command += ["--ignore", extra] if (extra := task.file("probable_extra")) else []
    printed = run(command, limit).strip().splitlines()
    if not printed or not printed[-1].startswith("{"):
        raise Skipped("printed no figures")
    return [{"task": task.folder.name, "peer": OURS, **json.loads(printed[-1])}]


def theirs(peer: str, task: Task, limit: int) -> list[Line]:
    command: list[str | Path] = [environment(peer), "-m", f"tests.bench.peers.{PEERS[peer]}", task.folder]
    command += ["--roles", task.roles] if task.roles else []
    lines = run(command, limit).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def measure(peer: str, task: Task, limit: int) -> list[Line]:
    """The results of one tool on one task, or one that says why there is none."""
    note(f"{task.folder.name}: {peer}")
    try:
        return ours(task, limit) if peer == OURS else theirs(peer, task, limit)
    except Skipped as reason:
        return [{"task": task.folder.name, "peer": peer, "skipped": str(reason)}]


# ------------------------------------------------------------------------------------------------- report

HEADINGS = ("task", "tool", "precision", "recall", "F1", "auto P", "auto R", "review", "reach", "s", "ours / s", "MB")


def shown(value: object) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def row_of(line: Line, ours_took: float | None) -> list[str]:
    """A result as cells; the ratio is our seconds divided by the tool's."""
    if "skipped" in line:
        return [line["task"], line["peer"], f"skipped: {line['skipped']}"]
    took = line.get("seconds")
    ratio = round(ours_took / took, 2) if ours_took and took else None
    figures = map(line.get, ("precision", "recall", "f1", "auto_precision", "auto_recall", "review_rate", "reach"))
    took_text = None if took is None else f"{took:.1f}"
    cells = [*figures, took_text, None if line["peer"] == OURS else ratio, line.get("peak_rss_mb")]
    return [line["task"], line["peer"], *map(shown, cells)]


def table(lines: list[Line]) -> str:
    """All results as a Markdown table."""
    took = {line["task"]: line.get("seconds") for line in lines if line["peer"] == OURS}
    rows = [list(HEADINGS), ["---"] * len(HEADINGS), *(row_of(line, took.get(line["task"])) for line in lines)]
    return "\n".join(f"| {' | '.join(row + [''] * (len(HEADINGS) - len(row)))} |" for row in rows)


def main(arguments: list[str] | None = None) -> list[Line]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help=f"of {', '.join(PEERS)}; all unless told otherwise, none with --peers ''")
    parser.add_argument("--tasks", help="names of tasks; all unless told otherwise")
    parser.add_argument("--scale", type=int, metavar="N", help="one table of N items instead, with Splink")
    parser.add_argument("--time-limit", type=int, default=900, metavar="S", help="seconds for a tool and task")
    options = parser.parse_args(arguments)
    standard = AT_SCALE if options.scale else list(PEERS)
    peers = standard if options.peers is None else [name for name in options.peers.split(",") if name]
    if unknown := set(peers) - set(PEERS):
        parser.error(f"no peer called {', '.join(sorted(unknown))}")
    lines: list[Line] = []
    for task in tasks_of(options):
        for peer in [OURS, *peers]:
            for line in measure(peer, task, options.time_limit):
                lines.append(line)
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
    sys.stdout.write(f"\n{table(lines)}\n")
    return lines


if __name__ == "__main__":
    main()
