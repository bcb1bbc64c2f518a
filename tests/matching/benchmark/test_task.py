"""What the benchmark promises: the same bytes for the same seed, ids that tell nothing, a truth that can be seen."""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from matching.benchmark import DOMAINS, write_task
from matching.benchmark.__main__ import main
from matching.benchmark.task import NEW, SIBLING, dealt
from matching.benchmark.vocabulary import seeded

NAMES = list(DOMAINS)
SIZE = 600
Rows = list[dict[str, str]]


def rows(folder: Path, stem: str) -> Rows:
    with (folder / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def without_id(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in row.items() if name != "id")


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A link task of every domain."""
    out = tmp_path_factory.mktemp("link")
    return {name: write_task(DOMAINS[name], out, size=SIZE) for name in NAMES}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A table with duplicates of every domain."""
    out = tmp_path_factory.mktemp("dedupe")
    return {name: write_task(DOMAINS[name], out, size=SIZE, kind="dedupe", duplicates=0.2) for name in NAMES}


@pytest.mark.parametrize("kind", ["link", "dedupe"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_writes_the_same_bytes_and_another_does_not(name, kind, linked, single, tmp_path):
    before = (linked if kind == "link" else single)[name]
    again = write_task(DOMAINS[name], tmp_path, size=SIZE, kind=kind)
    assert digests(again) == digests(before)
    other = write_task(DOMAINS[name], tmp_path / "other", size=SIZE, kind=kind, seed=8)
    assert [n for n, digest in digests(other).items() if digest == digests(before)[n]] == ["roles.toml"]


def test_the_bytes_are_those_of_every_machine(tmp_path):
    """Pinned, so that figures stay comparable: who changes the data changes this on purpose."""
    for name in NAMES:
        write_task(DOMAINS[name], tmp_path, size=100)
    files = sorted(tmp_path.rglob("*.csv"))
    together = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    assert together[:16] == "b7a0664dff46858e"


@pytest.mark.parametrize("name", NAMES)
def test_every_id_of_the_truth_exists_and_is_linked_once(name, linked):
    left, right, truth = (rows(linked[name], stem) for stem in ("left", "right", "truth"))
    assert {row["left_id"] for row in truth} <= {row["id"] for row in left}
    assert {row["right_id"] for row in truth} <= {row["id"] for row in right}
    for side in ("left_id", "right_id"):
        assert max(Counter(row[side] for row in truth).values()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_who_has_no_partner_is_marked_new(name, linked):
    partnered = {row["left_id"] for row in rows(linked[name], "truth")}
    marked = {row["left_id"]: row["class"] for row in rows(linked[name], "hardness")}
    assert set(marked) == {row["id"] for row in rows(linked[name], "left")}
    assert {i for i, hardness in marked.items() if hardness in (NEW, SIBLING)} == set(marked) - partnered


@pytest.mark.parametrize("name", NAMES)
def test_the_shares_of_hardness_are_those_documented(name, linked):
    domain = DOMAINS[name]
    counted = Counter(row["class"] for row in rows(linked[name], "hardness"))
    true = 1 - domain.new - domain.new_sibling
    wanted = {NEW: domain.new, SIBLING: domain.new_sibling, **{c: s * true for c, s in domain.classes.items()}}
    assert sum(domain.classes.values()) == pytest.approx(1)
    assert {c: n / SIZE for c, n in counted.items()} == pytest.approx(wanted, abs=2 / SIZE)


@pytest.mark.parametrize("name", NAMES)
def test_documentation_names_every_class_with_its_share(name):
    """The tables of docs/benchmark.md are the generator's own figures."""
    text = (Path(__file__).parents[3] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    domain = DOMAINS[name]
    true = 1 - domain.new - domain.new_sibling
    wanted = {NEW: domain.new, SIBLING: domain.new_sibling, **{c: s * true for c, s in domain.classes.items()}}
    section = text.split(f"### `{name}`")[1].split("### ")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) % \|", section, re.MULTILINE))
    assert {c: float(s) for c, s in shown.items()} == pytest.approx({c: 100 * s for c, s in wanted.items()}, abs=0.051)


@pytest.mark.parametrize("name", NAMES)
def test_no_two_records_of_the_better_side_are_alike(name, linked, single):
    right = rows(linked[name], "right")
    assert len({without_id(row) for row in right}) == len(right)
    marked = {row["id"] for row in rows(single[name], "hardness")}
    originals = [row for row in rows(single[name], "single") if row["id"] not in marked]
    assert len({without_id(row) for row in originals}) == len(originals)


@pytest.mark.parametrize("name", NAMES)
def test_what_two_records_left_behind_can_be_told_apart(name, linked):
    """Two left rows of different things never say the same, so no row can belong to two right ones equally well."""
    left = [tuple(value.upper() for value in without_id(row)) for row in rows(linked[name], "left")]
    assert [row for row, count in Counter(left).items() if count > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_numbers_in_order_of_the_file_and_partners_stand_anywhere(name, linked):
    for stem, letter in (("left", "L"), ("right", "R")):
        ids = [row["id"] for row in rows(linked[name], stem)]
        assert ids == [f"{letter}{at:07}" for at in range(1, len(ids) + 1)]
    pairs = [(int(row["left_id"][1:]), int(row["right_id"][1:])) for row in rows(linked[name], "truth")]
    near = sum(abs(a / SIZE - b / (1.4 * SIZE)) < 0.05 for a, b in pairs) / len(pairs)
    assert near < 0.15  # a tenth by chance


@pytest.mark.parametrize("name", NAMES)
def test_roles_name_columns_of_both_sides(name, linked):
    roles = tomllib.loads((linked[name] / "roles.toml").read_text(encoding="utf-8"))
    assert roles.pop("kind") in ("item", "party")
    for stem in ("left", "right"):
        assert set(roles.values()) <= set(rows(linked[name], stem)[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_fifth_of_a_table_with_duplicates_are_copies_in_clusters_of_two_or_three(name, single):
    table, truth, marked = (rows(single[name], stem) for stem in ("single", "truth", "hardness"))
    assert [row["id"] for row in truth] == [row["id"] for row in table]
    assert len(table) == SIZE
    assert len(marked) == SIZE // 5
    sizes = Counter(Counter(row["cluster"] for row in truth).values())
    assert set(sizes) == {1, 2, 3}
    assert sizes[2] + 2 * sizes[3] == len(marked)


def test_names_are_dealt_by_their_shares():
    assert Counter(dealt({"a": 0.5, "b": 0.3, "c": 0.2}, 11, seeded("x"))) == {"a": 6, "b": 3, "c": 2}


def test_the_command_writes_a_folder_for_every_domain(tmp_path, capsys):
    main([str(tmp_path), "--size", "60"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    assert len(capsys.readouterr().out.splitlines()) == len(NAMES)
    main([str(tmp_path), "--domain", "item", "--size", "60", "--kind", "dedupe", "--duplicates", "0.5"])
    assert len(rows(tmp_path / "item_dedupe", "hardness")) == 30


@pytest.mark.parametrize("wrong", [["--size", "10"], ["--duplicates", "0.9"], ["--domain", "patient"]])
def test_the_command_refuses_what_makes_no_task(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), *wrong])
    assert wrong[0] in capsys.readouterr().err
