"""The runner of `make bench-matching`: what it tells of results, ours and others', and of those that failed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench import matching
from tests.bench.matching import Skipped, Task, domain_of, given_tasks, main, measure, row_of, run, table


def test_a_command_that_fails_or_takes_too_long_is_skipped_with_the_reason():
    with pytest.raises(Skipped, match="no such thing"):
        run([sys.executable, "-c", "import sys; sys.exit('no such thing')"], 20)
    with pytest.raises(Skipped, match="not finished after 1 s"):
        run([sys.executable, "-c", "import time; time.sleep(20)"], 1)
    assert run([sys.executable, "-c", "print(7)"], 20) == "7\n"


def test_our_command_names_tables_roles_truth_and_pairs_to_ignore(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(matching, "run", lambda command, limit: given.append(command) or 'notes\n{"f1": 0.9}\n')
    for name in ("left.csv", "right.csv.gz", "truth.csv", "probable_extra.csv", "roles.toml"):
        (tmp_path / name).touch()
    lines = measure("concord", Task(tmp_path, "item", tmp_path / "roles.toml"), 20)
    assert lines == [{"task": tmp_path.name, "peer": "concord", "f1": 0.9}]
    words = [word.name if isinstance(word, Path) else word for word in given[0][1:]]
    assert words == [
        *("-m", "matching", "evaluate", "--domain", "item", "--roles", "roles.toml"),
        *("left.csv", "right.csv.gz", "--truth", "truth.csv", "--ignore", "probable_extra.csv"),
    ]


def test_a_peer_that_is_ended_leaves_a_line_that_says_so(tmp_path, monkeypatch):
    def ended(*_):
        raise Skipped("not finished after 5 s")

    monkeypatch.setattr(matching, "theirs", ended)
    lines = measure("splink", Task(tmp_path, "item", None), 5)
    assert lines == [{"task": tmp_path.name, "peer": "splink", "skipped": "not finished after 5 s"}]


def test_the_table_sets_our_seconds_against_theirs():
    lines = [
        {"task": "item", "peer": "concord", "f1": 0.97, "auto_precision": 0.999, "seconds": 4.0, "peak_rss_mb": 90},
        {"task": "item", "peer": "splink", "f1": 0.8, "seconds": 16.0, "peak_rss_mb": 900},
        {"task": "item", "peer": "dedupe", "skipped": "out of memory"},
    ]
    assert row_of(lines[1], 4.0)[-3:] == ["16.0", "0.250", "900"]
    text = table(lines).splitlines()
    assert len({line.count("|") for line in text}) == 1
    assert "| 0.970 | 0.999 |" in text[2]
    assert "skipped: out of memory" in text[4]


@pytest.mark.parametrize(
    ("folder", "roles", "domain"),
    [
        ("cost_center_dedupe", 'kind = "party"\nname = "n"', "cost_center"),
        ("devices", 'kind = "item"\nname = "n"', "item"),
        ("shops", 'kind = "party"\nname = "n"\nwebsite = "w"', "supplier"),
        ("wards", 'kind = "party"\nname = "n"', "location"),
        ("wards", 'domain = "cost_center"\nkind = "party"\nname = "n"', "cost_center"),
        ("wards", '[wards]\nkind = "item"\nname = "n"\n[other]\nkind = "party"', "item"),
    ],
)
def test_the_domain_of_a_given_task_follows_from_its_roles_and_name(folder, roles, domain, tmp_path):
    (tmp_path / "roles.toml").write_text(roles)
    assert domain_of(tmp_path / folder, tmp_path / "roles.toml") == domain


def test_given_tasks_are_the_folders_with_tables_and_roles(tmp_path, monkeypatch):
    for name in ("item_a", "item_b", "empty"):
        (tmp_path / name).mkdir()
    for name in ("item_a", "item_b"):
        (tmp_path / name / "single.csv").touch()
    (tmp_path / "item_b" / "roles.toml").write_text('kind = "item"')
    (tmp_path / "notes.txt").touch()
    monkeypatch.setenv("TASKS", str(tmp_path))
    monkeypatch.delenv("ROLES", raising=False)
    assert [task.folder.name for task in given_tasks()] == ["item_b"]
    (tmp_path / "all.toml").write_text('[item_a]\nkind = "item"\n[empty]\nkind = "item"')
    monkeypatch.setenv("ROLES", str(tmp_path / "all.toml"))
    assert [task.folder.name for task in given_tasks()] == ["item_a", "item_b"]


def test_an_unknown_peer_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--peers", "nobody"])
    assert "no peer called nobody" in capsys.readouterr().err
