"""Commands that are given something wrong end with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.sync import kit

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["deliver", "--target=nope"], "No active target nope; known are none"),
        (["full_sync", "--target=nope"], "No active target nope"),
        (["full_sync"], "There is no active target"),
        (["reconcile", "--target=nope"], "No active target nope"),
        (["generate_demo", "/dev/null/demo"], "/dev/null/demo can't be written: Not a directory"),
        (["generate_demo", "x", "--scale=0"], "0 is no size"),
        (["generate_demo", "x", "--day=0"], "0 is no day"),
        (["demo", "--scale=nan"], "nan is no size"),
        (["sandbox", "--dir=/dev/null/sandbox"], "can't run in /dev/null/sandbox: Not a directory"),
        (["sandbox", "--dir=x", "--erp-port=99999"], "99999 is no port"),
        (["import_target", "/nowhere.json"], "/nowhere.json can't be read: No such file or directory"),
        (["import_target", "/nowhere.toml"], "/nowhere.toml can't be read: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_told(command: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command(*command)


def test_settings_that_are_not_text_or_name_no_system_are_told(tmp_path: Path) -> None:
    for content, words in ((b"\xff", "byte 0 is not UTF-8"), (b'{"code": "erp"}', "Name the system that it is")):
        (file := tmp_path / "target.json").write_bytes(content)
        with pytest.raises(CommandError, match=words):
            call_command("import_target", str(file))


@pytest.mark.parametrize("command", [["dry_run", "erp"], ["sync_replay", "erp", "--reason=x"]])
def test_a_record_that_is_not_there_is_told_rather_than_left_out(command: list[str]) -> None:
    kit.make_target("erp")
    with pytest.raises(CommandError, match="No record MDM-IT-999999"):
        call_command(*command, "--record", "MDM-IT-999999")
