"""`manage.py import_file`: counts, problems and time on the screen; 1 if nothing could be imported."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from mdm.models import CodeSystem, GLAccount, SourceRecord, SourceSystem
from sync.models import Feed, FeedRun
from tests.sync.inbound.kit import MAPPING, Sender, csv_bytes, footprint, workbook_bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cost-centers.csv"
    path.write_bytes(csv_bytes())
    return path


def command(*arguments: object, **options: object) -> str:
    out = io.StringIO()
    call_command("import_file", *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def maps(mapping: dict[str, str]) -> list[str]:
    return [f"--map={column}={path}" for column, path in mapping.items()]


def test_a_file_is_imported_and_told(erp: Sender, path: Path) -> None:
    told = command(path, "--system=erp", "--domain=cost_center", *maps(MAPPING))
    assert "3 rows: 3 new, 0 changed" in told
    assert "golden records" in told
    assert erp.codes() == {"100", "200", "300"}


def test_bad_rows_are_told_with_their_number(erp: Sender, path: Path) -> None:
    path.write_bytes(csv_bytes([("1", "A", "A", "soon"), ("2", "B", "A", "")]))
    told = command(path, "--system=erp", "--domain=cost_center", *maps(MAPPING))
    assert "1 quarantined" in told
    assert "row 2: From: this is no date" in told


def test_without_a_mapping_sure_headings_are_taken_and_said(erp: Sender, path: Path) -> None:
    path.write_bytes(csv_bytes(heading=("Cost Center", "Description", "Status", "Valid From")))
    told = command(path, "--system=erp", "--domain=cost_center")
    assert "Cost Center → $code, Description → name, Status → lifecycle, Valid From → effective_from" in told
    assert SourceRecord.objects.get(code="100").values["name"] == "Surgery"


def test_a_system_can_be_made_on_the_way(db: None, path: Path) -> None:
    command(path, "--system=phx", "--domain=cost_center", "--create-system=erp", *maps(MAPPING))
    assert CodeSystem.objects.get(system__code="phx", domain="cost_center").slug == "phx-cost-center"
    command(path, "--system=phx", "--domain=gl_account", "--create-system=erp", "--map=Code=$code", "--map=Name=name")
    assert GLAccount.objects.filter(system__code="phx").count() == 3


def test_a_mapping_file_a_constant_and_a_sheet(erp: Sender, tmp_path: Path) -> None:
    book, mapping = tmp_path / "a.xlsx", tmp_path / "mapping.json"
    book.write_bytes(workbook_bytes(("Dept",), ("Surgery",), title="Data"))
    mapping.write_text(json.dumps({"Dept": ["$code", "name"]}))
    arguments = [book, "--system=erp", "--domain=cost_center", f"--mapping={mapping}", "--sheet=Data"]
    command(*arguments, "--set=lifecycle=active")
    assert SourceRecord.objects.get().values == {"name": "Surgery", "lifecycle": "active"}


def test_one_column_may_be_mapped_twice(erp: Sender, path: Path) -> None:
    command(path, "--system=erp", "--domain=cost_center", "--map=Code=$code", "--map=Code=code", "--map=Name=name")
    assert SourceRecord.objects.get(code="100").values == {"code": "100", "name": "Surgery"}


def test_a_saved_feed_needs_nothing_else(erp: Sender, path: Path) -> None:
    options = ["--missing=retire", "--max-retire-share=0.5", "--clean", "--save-feed=erp-cc"]
    command(path, "--system=erp", "--domain=cost_center", *maps(MAPPING), *options)
    assert Feed.objects.get(code="erp-cc").mapping == MAPPING
    path.write_bytes(csv_bytes([("100", "Surgery", "A", "2026-01-01"), ("200", "Radiology", "A", "2026-01-01")]))
    assert "1 retired" in command(path, "--feed=erp-cc")


def test_a_dry_run_writes_nothing_at_all(db: None, path: Path) -> None:
    before = footprint()
    arguments = ["--system=new", "--domain=cost_center", "--create-system=erp", *maps(MAPPING), "--dry-run"]
    assert "3 rows: 3 new" in command(path, *arguments)
    assert footprint() == before
    assert not FeedRun.objects.exists()
    assert not SourceSystem.objects.filter(code="new").exists()


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"", maps(MAPPING), "0 bytes"),
        (csv_bytes(), ["--map=Kode=$code"], "nearest: 'Code'"),
        (csv_bytes([("", "A", "A", "")]), maps(MAPPING), "No row could be imported"),
        (csv_bytes(), ["--map=Code"], "has no '='"),
        (csv_bytes(), ["--feed=nope"], "There is no feed 'nope'"),
        (csv_bytes(), ["--user=nobody"], "no user"),
        (csv_bytes(), ["--mapping=/nonexistent.json"], "/nonexistent.json can't be read: No such file or directory."),
        (csv_bytes(), [*maps(MAPPING), "--save-feed=two words"], "'two words' is no code of a feed"),
        (csv_bytes(), [*maps(MAPPING), "--create-system=ehr"], "a system erp already, of the kind erp"),
        (csv_bytes(), [*maps(MAPPING), "--max-retire-share=7"], "7 is no share"),
    ],
)
def test_nothing_imported_is_a_failure_that_says_why(
    erp: Sender, path: Path, content: bytes, arguments: list[str], words: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(CommandError, match=words.replace("(", r"\(")) as error:
        command(path, "--system=erp", "--domain=cost_center", *arguments)
    assert error.value.returncode == 1


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("[]", "holds no JSON object"),
        ("{", "is no JSON"),
        ('{"Code": 3}', "'Code' is mapped to no path"),
        ('{"Code": ["$code", 3]}', "'Code' is mapped to no path"),
    ],
)
def test_a_mapping_that_is_none_is_refused_before_a_run_is_queued(
    erp: Sender, path: Path, tmp_path: Path, mapping: str, words: str
) -> None:
    (file := tmp_path / "mapping.json").write_text(mapping)
    with pytest.raises(CommandError, match=words):
        command(path, "--system=erp", "--domain=cost_center", f"--mapping={file}")
    assert not FeedRun.objects.exists()


def test_an_unknown_system_is_told(erp: Sender, path: Path) -> None:
    with pytest.raises(CommandError, match="did you mean 'erp'"):
        command(path, "--system=erpp", "--domain=cost_center")
    with pytest.raises(CommandError, match="--system and --domain"):
        command(path)


def test_an_earlier_file_of_the_system_is_taken_first(erp: Sender, path: Path) -> None:
    erp.queue(csv_bytes([("100", "Older", "A", "")]))
    command(path, "--system=erp", "--domain=cost_center", *maps(MAPPING))
    assert SourceRecord.objects.get(code="100").values["name"] == "Surgery"
    assert list(FeedRun.objects.values_list("state", flat=True)) == ["done", "done"]
