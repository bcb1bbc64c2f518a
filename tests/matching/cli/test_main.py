"""The engine on files, as somebody without a database runs it."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from matching.cli import main

GOLDEN = [
    ("G1", "Foley catheter 16 Fr 5 mL", "Medix", "FC-1605"),
    ("G2", "Foley catheter 18 Fr 5 mL", "Medix", "FC-1805"),
    ("G3", "Suction tube 10 mm", "Ortana", "ST-0010"),
    ("G4", "Trocar sleeve 12 mm bladeless", "Velva", "TR-1204"),
]
ERP = [
    ("E1", "CATH FOLEY 16FR 5CC", "MEDIX INC", "FC1605"),
    ("E2", "TUBE SUCTION 10MM", "ORTANA", "ST0010"),
    ("E3", "GLOVE EXAM NITRILE LG", "HANDWELL", "GN-300"),
]
ROLES = 'kind = "item"\nname = "text"\nbrand = "maker"\ncode = "number"\n'


def write(path: Path, rows: list[tuple[str, ...]], heading: tuple[str, ...] = ("id", "text", "maker", "number")) -> str:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heading, *rows])
    return str(path)


@pytest.fixture
def task(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "roles.toml").write_text(ROLES)
    return {
        "left": write(tmp_path / "left.csv", ERP),
        "right": write(tmp_path / "right.csv.gz", GOLDEN),
        "roles": str(tmp_path / "roles.toml"),
        "truth": write(tmp_path / "truth.csv", [("E1", "G1"), ("E2", "G3")], ("left_id", "right_id")),
        "out": str(tmp_path / "decisions.csv"),
    }


def decisions(task: dict[str, str]) -> dict[str, dict[str, str]]:
    with Path(task["out"]).open(encoding="utf-8", newline="") as file:
        return {row["left_id"]: row for row in csv.DictReader(file)}


def test_link_writes_a_decision_with_its_probability_for_every_row_that_may_have_a_partner(
    task: dict[str, str],
) -> None:
    assert main(["link", "--roles", task["roles"], task["left"], task["right"], "--out", task["out"]]) == 0
    found = decisions(task)
    assert {row["left_id"]: row["right_id"] for row in found.values()} == {"E1": "G1", "E2": "G3"}
    assert {row["decision"] for row in found.values()} <= {"auto", "review"}
    assert all(0.5 < float(row["probability"]) <= 1.0 for row in found.values())


def test_dedupe_finds_the_same_record_twice_and_leaves_its_sibling_alone(task: dict[str, str], tmp_path: Path) -> None:
    single = write(tmp_path / "single.csv", [*GOLDEN, ("E1", "CATH FOLEY 16FR 5CC", "MEDIX INC", "FC1605")])
    assert main(["dedupe", "--roles", task["roles"], single, "--out", task["out"]]) == 0
    pairs = {(row["left_id"], row["right_id"]) for row in decisions(task).values() if row["decision"] == "auto"}
    assert pairs == {("G1", "E1")}


def test_evaluate_tells_what_each_kind_of_key_finds(task: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    tables = [task["left"], task["right"]]
    assert main(["evaluate", "--keys", "--roles", task["roles"], *tables, "--truth", task["truth"]]) == 0
    heading, *lines, last = capsys.readouterr().out.splitlines()
    assert heading.split() == ["key", "keys", "too", "common", "pairs", "made", "true", "pairs", "by", "it", "alone"]
    assert any(line.split() == ["code", "4", "0", "2", "2", "0"] for line in lines)
    assert "f1" in json.loads(last)


def test_evaluate_ends_with_one_json_object(task: dict[str, str]) -> None:
    command = ["evaluate", "--roles", task["roles"], task["left"], task["right"], "--truth", task["truth"]]
    done = subprocess.run([sys.executable, "-m", "matching", *command], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout.splitlines()[-1])
    assert set(report) == {
        "precision", "recall", "f1", "auto_precision", "auto_recall", "review_rate", "reach", "pair_completeness",
        "pairs_scored", "seconds", "peak_rss_mb",
    }  # fmt: skip
    assert (report["precision"], report["recall"], report["reach"], report["pair_completeness"]) == (1.0, 1.0, 1.0, 1.0)


def test_pairs_to_ignore_count_neither_for_nor_against(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = write(tmp_path / "other.csv", [("E1", "G1"), ("E3", "G4")], ("left_id", "right_id"))
    ignore = write(tmp_path / "ignore.csv", [("E3", "G4"), ("E2", "G3")], ("left_id", "right_id"))
    options = ["--roles", task["roles"], task["left"], task["right"], "--truth", truth]
    main(["evaluate", *options])
    assert json.loads(capsys.readouterr().out)["f1"] == 0.5
    main(["evaluate", *options, "--ignore", ignore])
    assert json.loads(capsys.readouterr().out)["f1"] == 1.0


def test_clusters_are_a_truth_as_well_as_pairs(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    single = write(tmp_path / "single.csv", [*GOLDEN, ("E1", "CATH FOLEY 16FR 5CC", "MEDIX INC", "FC1605")])
    truth = write(tmp_path / "c.csv", [("G1", "a"), ("E1", "a"), ("G2", "b")], ("id", "cluster"))
    main(["evaluate", "--roles", task["roles"], single, "--truth", truth])
    assert json.loads(capsys.readouterr().out)["f1"] == 1.0


def test_explain_says_why_and_what_stands_against(task: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--roles", task["roles"], "--in", task["left"], task["right"]]
    main(["explain", "E1", "G1", *options])
    same = capsys.readouterr().out
    assert "the same catalogue number, written differently" in same
    assert "nothing: it would be linked by itself" in same
    main(["explain", "E1", "G2", *options])
    assert "sizes differ" in capsys.readouterr().out


def test_parquet_says_the_same_as_csv(task: dict[str, str], tmp_path: Path) -> None:
    columns = dict(zip(("id", "text", "maker", "number"), zip(*ERP, strict=True), strict=True))
    parquet.write_table(pyarrow.table(columns), tmp_path / "left.parquet")
    main(["link", "--roles", task["roles"], task["left"], task["right"], "--out", task["out"]])
    expected = decisions(task)
    left = str(tmp_path / "left.parquet")
    main(["link", "--roles", task["roles"], left, task["right"], "--out", task["out"]])
    assert decisions(task) == expected


@pytest.mark.parametrize(
    ("rows", "heading", "complaint"),
    [
        ([], (), "empty"),
        ([("a", "b")], ("name", "text"), "no column named id"),
        ([("a", "b"), ("a", "c")], ("id", "text"), "two rows have the id 'a'"),
        ([("a",)], ("id", "text"), "row 2: 1 fields, the heading has 2"),
        ([("a", "b")], ("id", "other"), "no column 'text'"),
        ([("a", "b", "c")], ("id", "text", "text"), "two columns are named 'text'"),
    ],
)
def test_bad_input_is_named_with_its_remedy(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    rows: list[tuple[str, ...]], heading: tuple[str, ...], complaint: str,
) -> None:  # fmt: skip
    left = write(tmp_path / "bad.csv", rows, heading)
    assert main(["link", "--roles", task["roles"], left, task["right"], "--out", task["out"]]) == 2
    assert complaint in capsys.readouterr().err


def test_a_missing_section_of_the_roles_lists_those_there_are(
    task: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(task["roles"]).write_text('[gudid]\nname = "text"\n[cms]\nname = "text"\n')
    options = ["--roles", task["roles"], task["left"], task["right"], "--out", task["out"]]
    assert main(["link", *options]) == 2
    assert "it has gudid, cms" in capsys.readouterr().err
    assert main(["link", "--section", "gudid", *options]) == 0


def test_own_words_are_read_from_files_for_one_run(task: dict[str, str], tmp_path: Path) -> None:
    erp = write(tmp_path / "own.csv", [("E1", "ZUCTN ZUBE 10MM", "ORTANA", ""), ("E2", "GLOVE", "", "")])
    words = tmp_path / "abbreviations.csv"
    words.write_text("written,meaning\nzuctn,suction\nzube,tube\n")
    command = ["link", "--roles", task["roles"], erp, task["right"], "--out", task["out"]]
    assert main([*command, "--dictionary", str(words)]) == 0
    assert decisions(task)["E1"]["right_id"] == "G3"
    assert main(command) == 0
    assert "E1" not in decisions(task)


def test_own_words_that_can_not_be_used_are_named(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "words.csv"
    for text, said in (
        ("written,meaning\n", "no column named dictionary"),
        ("dictionary,written,meaning\nx,y,z\n", "line 2"),
    ):
        bad.write_text(text)
        command = ["link", "--roles", task["roles"], task["left"], task["right"], "--out", task["out"]]
        assert main([*command, "--dictionary", str(bad)]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("latin.csv", "id,text\na,Café\n".encode("latin-1"), "byte 13 is not UTF-8; save it with that encoding."),
        ("half.csv.gz", gzip.compress(b"id,text\na,b\n")[:-9], "end-of-stream"),
        ("no.csv.gz", b"id,text\n", "Not a gzipped file"),
        ("no.parquet", b"id,text\n", "not a parquet file"),
        ("semicolons.csv", b"id;text;maker\n", "no column named id, but id;text;maker."),
    ],
)
def test_a_file_of_another_kind_is_named_with_the_reason(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, complaint: str
) -> None:
    (left := tmp_path / name).write_bytes(content)
    assert main(["link", "--roles", task["roles"], str(left), task["right"], "--out", task["out"]]) == 2
    said = capsys.readouterr().err
    assert said.startswith(str(left))
    assert complaint in said


def test_a_field_without_end_is_told_as_a_quotation_mark_left_open(
    task: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = csv.field_size_limit(10)  # of the whole process, and others set it, too
    try:
        status = main(["link", "--roles", task["roles"], task["left"], task["right"], "--out", task["out"]])
    finally:
        csv.field_size_limit(before)
    assert status == 2
    assert "is no table: field larger than field limit (10). Is a quotation mark left open?" in capsys.readouterr().err


def test_empty_lines_of_a_table_are_no_rows(task: dict[str, str]) -> None:
    left = Path(task["left"])
    left.write_text(left.read_text().replace("\n", "\n\n"))
    assert main(["link", "--roles", task["roles"], str(left), task["right"], "--out", task["out"]]) == 0
    assert decisions(task)["E1"]["right_id"] == "G1"


def test_an_output_that_can_not_be_written_is_said_in_a_sentence(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "nowhere" / "out.csv"
    assert main(["link", "--roles", task["roles"], task["left"], task["right"], "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"{out} can't be written: No such file or directory.\n"


def test_a_misspelt_role_is_named_rather_than_passed_over(
    task: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(task["roles"]).write_text('name = "text"\nmanufakturer = "maker"\nwebsite = "number"\nprice = "number"\n')
    assert main(["link", "--roles", task["roles"], task["left"], task["right"], "--out", task["out"]]) == 0
    assert "left out, as item has no such role: manufakturer. Roles are " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("roles", "complaint"),
    [
        ("", "says of no column what it means"),
        ('nam = "text"\n', "says of no column what it means; roles are brand, catalogue_number, code"),
        ('name = ["text", "maker"]\n', 'write name = "column"'),
    ],
)
def test_roles_that_mean_nothing_are_refused(
    task: dict[str, str], capsys: pytest.CaptureFixture[str], roles: str, complaint: str
) -> None:
    Path(task["roles"]).write_text(roles)
    assert main(["link", "--roles", task["roles"], task["left"], task["right"], "--out", task["out"]]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{", "is no policy"),
        ("[]", "is no policy"),
        ('{"domain": "item", "costs": {"bogus": 1}}', "bogus"),
        ('{"domain": "item", "weights": {"code.rarity": "much"}}', "much"),
        ('{"domain": "item", "weights": 3}', "is no policy"),
        ('{"domain": "supplier"}', "a policy of the domain supplier, not of item"),
    ],
)
def test_a_policy_that_is_none_is_refused(
    task: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, complaint: str
) -> None:
    (policy := tmp_path / "policy.json").write_text(body)
    options = ["--roles", task["roles"], "--policy", str(policy), task["left"], task["right"], "--out", task["out"]]
    assert main(["link", *options]) == 2
    assert complaint in capsys.readouterr().err
