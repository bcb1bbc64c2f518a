"""`manage.py pickup`: files left in a folder are taken once each, by the feed their name begins with."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from sync.inbound import services
from sync.inbound.files import stored
from sync.models import FeedRun
from tests.sync.inbound.kit import MAPPING, Sender, csv_bytes


@pytest.fixture
def folder(erp: Sender, tmp_path: Path) -> Path:
    for code in ("erp-cc", "erp-cc-west"):
        services.save_feed(
            code=code, name=code, actor=erp.actor, system=erp.code_system.system, domain=erp.domain, mapping=MAPPING
        )
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def leave(folder: Path, name: str, age: float = 60.0) -> Path:
    path = folder / name
    path.write_bytes(csv_bytes())
    os.utime(path, (time.time() - age,) * 2)
    return path


def pickup(folder: Path) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("pickup", str(folder), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_file_is_taken_by_the_feed_its_name_begins_with_and_moved_away(folder: Path) -> None:
    leave(folder, "erp-cc_20261122.csv")
    leave(folder, "erp-cc-west.csv", age=50)
    pickup(folder)
    runs = FeedRun.objects.order_by("pk")
    assert [(run.feed.code, run.file_name) for run in runs if run.feed] == [
        ("erp-cc", "erp-cc_20261122.csv"),
        ("erp-cc-west", "erp-cc-west.csv"),
    ]
    assert [path.name for path in folder.iterdir()] == ["taken"]
    assert len(list((folder / "taken").iterdir())) == 2
    assert stored(runs[0].path).read_bytes() == csv_bytes()
    pickup(folder)
    assert FeedRun.objects.count() == 2


def test_a_file_that_is_still_written_or_nobodys_stays(folder: Path) -> None:
    names = ["erp-cc_fresh.csv", "erp-cc.csv.part", ".erp-cc.csv", "erp-ccx.csv", "other.csv"]
    for name in names:
        leave(folder, name, age=0 if "fresh" in name else 60)
    told, wrong = pickup(folder)
    assert told == ""
    assert "other.csv: no feed" in wrong
    assert "erp-ccx.csv: no feed" in wrong
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_folder_that_is_none_is_told(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no folder"):
        pickup(tmp_path / "nowhere")
