"""Commands that are given something wrong end with a sentence that says what to do."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from mdm.management.commands.up import alone
from mdm.models import ApiKey, User
from tests.mdm import kit

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["create_user", "two words", "--no-login"], "valid username"),
        (["create_user", "jo", "--no-login", "--email=nowhere"], "valid email"),
        (["issue_api_key", "nobody", "--name=x", "--scope=view_masters"], "There is no user nobody"),
        (["train", "--domain=item"], "--user NAME"),
        (["train", "--domain=item", "--user=nobody"], "There is no user nobody"),
        (["approve_rules", "17", "--user=nobody"], "There is no user nobody"),
        (["reset_second_factor", "nobody"], "There is no user nobody"),
        (["resolve_at_once", "item", "--user=nobody"], "There is no user nobody"),
        (["reindex_search", "planet"], "There is no domain planet; there are "),
        (["downtime_pack", "--distrust"], "goes with --new-key"),
        (["create_system", "law son", "--kind=erp", "--domain=item"], "code: Enter a valid"),
        (["up", "--port=99999"], "99999 is no port"),
        (["up", "--web=-1"], "-1 is no number of processes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_told(command: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command(*command)


def test_a_password_that_nobody_can_be_asked_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", nobody)
    monkeypatch.delenv("CONCORD_PASSWORD", raising=False)
    with pytest.raises(CommandError, match="set CONCORD_PASSWORD, or say --no-login"):
        call_command("create_user", "jo")
    assert not User.objects.filter(username="jo").exists()


@pytest.mark.parametrize("wrong", ["--days=0", "--days=99999999", "--name= ", f"--name={'x' * 81}"])
def test_a_key_that_could_never_be_used_or_told_from_others_is_refused(wrong: str) -> None:
    steward = kit.steward()
    with pytest.raises(CommandError):
        call_command("issue_api_key", steward.username, "--name=x", "--scope=view_masters", wrong)
    assert not ApiKey.objects.exists()


def test_a_pack_that_can_not_be_copied_stays_where_it_was_made(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"is made, in .*, but can't be copied to .*: No such file or directory"):
        call_command("downtime_pack", "--to", str(tmp_path / "nowhere" / "pack.zip"))


def test_only_one_demo_runs_in_a_directory(tmp_path: Path, settings: LazySettings) -> None:
    settings.VAR_DIR = tmp_path
    with (
        alone(tmp_path / "sandbox.lock"),
        pytest.raises(CommandError, match="Another Concord with sandbox targets runs"),
    ):
        call_command("up", "--demo")
