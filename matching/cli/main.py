"""Options, and what each command does with them."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..bulk import Linked, link
from ..diagnosis import by_kind
from ..domains import NAMES, recipe_for
from ..duplicates import Deduplicated, dedupe
from ..em import learn_tables
from ..explain import line, why_not
from ..files import why
from ..model import Policy, Statistics
from ..recipe import Recipe
from ..standardise import dictionaries, entries
from .roles import COMMON, Records, read_roles, readable
from .score import OfDuplicates, OfLink, row_of
from .tables import BadInput, Pair, Table, read_pairs

HEADING = ("left_id", "right_id", "score", "probability", "decision", "reason")


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.act(options)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130  # as a shell says it
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m matching", description="Concord's matching engine on files.")
    commands = parser.add_subparsers(required=True)
    for name, act, files, about in (
        ("link", _link, ("left", "right"), "which record of RIGHT, if any, each record of LEFT is"),
        ("dedupe", _dedupe, ("single",), "which records of SINGLE are the same"),
        ("explain", _explain, (), "why two records are, or are not, the same"),
        ("evaluate", _evaluate, (), "how right the engine is; the last line is a JSON object"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(act=act)
        command.add_argument("--domain", choices=NAMES, default="item")
        command.add_argument("--roles", type=Path, required=True, help="a roles.toml: what the columns mean")
        command.add_argument("--section", help="of roles.toml; default: the name of the first file's folder")
        command.add_argument("--policy", type=Path, help="JSON, as Concord exports it; default: the recipe's")
        command.add_argument(
            "--dictionary", type=Path, action="append", default=[], metavar="FILE",
            help="own words, CSV, TSV or TOML: dictionary, written, meaning; may be given several times",
        )  # fmt: skip
        command.add_argument("--learn", action="store_true", help="learn weights from the tables, without labels")
        command.add_argument("--clean", action="store_true", help="LEFT is known to be free of duplicates")
        for file in files:
            command.add_argument(file, type=Path, metavar=file.upper())
        if name in ("link", "dedupe"):
            command.add_argument("--out", type=Path, required=True, help="CSV of decisions")
        if name == "explain":
            command.add_argument("ids", nargs=2, metavar="ID")
            command.add_argument("--in", dest="tables", nargs="+", type=Path, required=True, metavar="TABLE")
        if name == "evaluate":
            command.add_argument("tables", nargs="+", type=Path, metavar="TABLE", help="LEFT RIGHT, or SINGLE")
            command.add_argument("--truth", type=Path, required=True, help="pairs of ids, or id and cluster")
            command.add_argument("--ignore", type=Path, help="pairs that count neither for nor against")
            command.add_argument("--keys", action="store_true", help="also what each kind of blocking key finds")
    return parser


class _Task:
    """One or two tables, read as the options say."""

    def __init__(self, options: argparse.Namespace, paths: Sequence[Path]) -> None:
        if len(paths) not in (1, 2):
            raise BadInput("One table finds duplicates, two are linked; no more.")
        dictionaries.use(_own_words(options.dictionary))
        self.recipe: Recipe = recipe_for(options.domain)
        roles = read_roles(options.roles, options.section or paths[0].resolve().parent.name)
        self._warn(options.roles, roles)
        self.tables = [Table.read(path) for path in paths]
        self.values = [Records(table, roles, options.domain) for table in self.tables]
        self.policy = _policy(options.policy, options.domain) if options.policy else self.recipe.policy
        self.clean = options.clean
        if options.learn:
            self._learn()

    def _warn(self, path: Path, roles: Mapping[str, str]) -> None:
        """A role misspelt would be a column not looked at. Common roles may be stated wherever they mean nothing."""
        known = readable(self.recipe)
        if not known & roles.keys():
            raise BadInput(f"{path} says of no column what it means; roles are {', '.join(sorted(known))}.")
        if unknown := sorted(roles.keys() - known - COMMON):
            sys.stderr.write(
                f"{path}: left out, as {self.recipe.domain} has no such role: {', '.join(unknown)}. "
                f"Roles are {', '.join(sorted(known))}.\n"
            )

    def _learn(self) -> None:
        """Weights from these tables; what they say of each field goes to standard error."""
        left, right = self.values[0], self.values[1] if len(self.values) == 2 else None
        learned = learn_tables(self.recipe, left, right, policy=self.policy)
        self.policy = learned.policy
        sys.stderr.write(f"learned: {json.dumps(learned.to_json())}\n")

    def link(self) -> Linked:
        return link(self.recipe, *self.values, policy=self.policy, clean=self.clean)

    def dedupe(self) -> Deduplicated:
        return dedupe(self.recipe, self.values[0], policy=self.policy)


def _policy(path: Path, domain: str) -> Policy:
    try:
        policy = Policy.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {why(error)}.") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is no policy as Concord exports it: {error}.") from error
    if policy.domain != domain:
        raise BadInput(f"{path} is a policy of the domain {policy.domain}, not of {domain}.")
    return policy


def _own_words(paths: Sequence[Path]) -> dict[str, dict[str, str]]:
    """The entries of all files, the later ones on top."""
    words: dict[str, dict[str, str]] = {}
    try:
        for path in paths:
            for name, found in entries.read(path).items():
                words.setdefault(name, {}).update(found)
        entries.check(words)
    except entries.BadEntries as error:
        raise BadInput(str(error)) from None
    return words


def _link(options: argparse.Namespace) -> None:
    task = _Task(options, [options.left, options.right])
    left, right = (table.ids for table in task.tables)
    with _written(options.out) as file:
        _write(file, _linked_rows(task.link(), left, right))


def _linked_rows(found: Linked, left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[object, ...]]:
    names = {"link": "auto", "review": "review"}
    for row, decision in enumerate(found.decisions):
        if decision.best is not None and decision.outcome in names:
            best, chance = decision.best, round(decision.probability, 6)
            yield left[row], right[row_of(best.key)], best.score, chance, names[decision.outcome], decision.reason


def _dedupe(options: argparse.Namespace) -> None:
    task = _Task(options, [options.single])
    with _written(options.out) as file:
        _write(file, _duplicate_rows(task.dedupe(), task.tables[0].ids))


def _duplicate_rows(found: Deduplicated, ids: Sequence[str]) -> Iterator[tuple[object, ...]]:
    pairs = zip(found.left.tolist(), found.right.tolist(), found.bits.tolist(), strict=True)
    scores = {(a, b): bits for a, b, bits in pairs}
    sure = f"sure from {found.policy.sure_score:.1f} bits"
    for a, b in found.pairs:
        score = scores.get((a, b))
        chance = "" if score is None else round(found.policy.chance(score).right, 6)
        yield ids[a], ids[b], "" if score is None else score, chance, "auto", sure
    for (a, b), chance in found.reviews.items():
        yield ids[a], ids[b], scores[a, b], round(chance, 6), "review", "likely, but not certain"


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    """The file, opened before the work is done that it is for."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise BadInput(f"{path} can't be written: {why(error)}.") from error


def _write(file: TextIO, rows: Iterator[tuple[object, ...]]) -> None:
    writer = csv.writer(file)
    writer.writerow(HEADING)
    writer.writerows(rows)


def _explain(options: argparse.Namespace) -> None:
    task = _Task(options, options.tables)
    stds = [[task.recipe.standardise(values) for values in side] for side in task.values]
    statistics = Statistics.collect(task.recipe, stds[-1])
    one, two = (_find(task, name, side) for name, side in zip(options.ids, (0, -1), strict=True))
    found = task.recipe.compare(stds[0][one], stds[-1][two], statistics, task.policy)
    chance = task.policy.chance(found.score).right
    said = [line(evidence) for evidence in found.evidence if evidence.bits or evidence.level != "empty"]
    against = [f"  {reason}" for reason in why_not(found, task.policy)] or ["  nothing: it would be linked by itself"]
    text = [*said, f"{found.score:+.1f} bits: {chance:.1%} certain, without rivals", "Against a link:", *against]
    sys.stdout.write("\n".join(text) + "\n")


def _find(task: _Task, name: str, side: int) -> int:
    ids = task.tables[side].ids
    if name not in ids:
        raise BadInput(f"No row has the id {name!r}.")
    return ids.index(name)


def _evaluate(options: argparse.Namespace) -> None:
    task = _Task(options, options.tables)
    truth = read_pairs(options.truth)
    ignored = read_pairs(options.ignore) if options.ignore else set()
    begin = time.perf_counter()
    found = task.link() if len(task.tables) == 2 else task.dedupe()
    seconds = time.perf_counter() - begin
    ids = [table.ids for table in task.tables]
    counted = OfLink(found, *ids) if isinstance(found, Linked) else OfDuplicates(found, *ids)
    if options.keys:
        sys.stdout.write(_keys_table(task, truth))
    sys.stdout.write(json.dumps(counted.report(truth, ignored, seconds)) + "\n")


def _keys_table(task: _Task, truth: set[Pair]) -> str:
    """What each kind of key finds, as lines of text."""
    rows = [{name: row for row, name in enumerate(table.ids)} for table in task.tables]
    known = [(rows[0][a], rows[-1][b]) for a, b in truth if a in rows[0] and b in rows[-1]]
    kinds = by_kind(task.recipe, task.values[0], task.values[-1], known)
    lines = [["key", "keys", "too common", "pairs made", "true pairs", "by it alone"]]
    lines += [[k.name, *(f"{n:,}" for n in (k.keys, k.common, k.pairs, k.found, k.alone))] for k in kinds]
    return "".join(f"{name:<16}" + "".join(f"{cell:>14}" for cell in cells) + "\n" for name, *cells in lines)
