"""A hospital's own words: a version at a time, proposed by one person and approved by another."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from mdm import engine
from mdm.engine import VERSIONS, engine_for
from mdm.exceptions import Forbidden, NeedsReason, OwnChange, Refused, Stale
from mdm.models import AuditEntry, ChangeRequest, DictionaryEntry, Policy, WorkItem
from mdm.search import search
from mdm.services import own_words, requests
from tests.mdm import kit
from tests.mdm.own_words import FOLEY, in_force, propose

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_shipped() -> Iterator[None]:
    yield
    engine._use_words(None)


def words_read(text: str = "ZZFOL ZZCATH") -> list[str]:
    return list(engine_for("item").standardise({"description": text})["words"])


def test_proposed_words_are_stored_and_not_in_force() -> None:
    request = propose()
    assert request.diff["abbreviations: zzfol"] == {"before": None, "after": "foley"}
    assert DictionaryEntry.objects.filter(policy=request.policy).count() == 3
    assert Policy.objects.get().body == {"source": "buyers.csv"}
    assert words_read() == ["zzfol", "zzcath"]
    item = WorkItem.objects.get(change_request=request)
    assert (item.kind, item.domain) == ("change_request", "")


def test_approved_words_are_read_by_every_domain_and_named_by_the_engine() -> None:
    before = engine_for("item").dictionaries
    in_force({**FOLEY, "organisations": {"zzhld": "halden"}})
    assert words_read() == ["foley", "catheter"]
    assert engine_for("supplier").standardise({"name": "ZZHLD"})["name"] == ["halden"]
    assert {engine_for(domain).dictionaries for domain in ("item", "supplier", "location", "cost_center")} == {
        before + 1
    }
    assert AuditEntry.objects.filter(action="policy.activated").exists()


def test_a_new_version_adds_to_the_old_one_or_takes_its_place() -> None:
    in_force()
    in_force({"abbreviations": {"zzbal": "balloon"}})
    assert words_read("ZZFOL ZZBAL") == ["foley", "balloon"]
    request = in_force({"abbreviations": {"zzbal": "balloon"}}, replace=True)
    assert words_read("ZZFOL ZZBAL") == ["zzfol", "balloon"]
    assert request.diff["abbreviations: zzfol"] == {"before": "foley", "after": None}
    assert engine_for("item").dictionaries % VERSIONS == 3


def test_a_shipped_word_can_be_given_another_meaning_and_the_request_says_which_it_had() -> None:
    assert propose({"abbreviations": {"ster": "steris"}}).diff["abbreviations: ster"] == {
        "before": "sterile",
        "after": "steris",
    }


def test_nobody_approves_their_own_words_nor_without_permission() -> None:
    both = kit.person("both", "steward", "approver")
    request = own_words.propose(words=FOLEY, source="x", actor=both, reason="Ours")
    with pytest.raises(OwnChange):
        requests.approve(request=request, actor=both)
    with pytest.raises(Forbidden):
        own_words.propose(words=FOLEY, source="x", actor=kit.approver(), reason="Ours")
    with pytest.raises(NeedsReason):
        own_words.propose(words=FOLEY, source="x", actor=kit.steward(), reason=" ")


def test_words_that_contradict_others_or_change_nothing_are_refused() -> None:
    with pytest.raises(Refused, match="written out in full"):
        propose({"abbreviations": {"zzfol": "foley cath"}})
    in_force()
    with pytest.raises(Refused, match="in force already"):
        propose()
    with pytest.raises(Refused, match="means nothing else"):
        propose({"abbreviations": {"foley": "balloon"}})  # what our own "zzfol" stands for


def test_words_compared_with_others_than_those_in_force_are_stale() -> None:
    request = propose()
    Policy.objects.create(kind="dictionary", domain="", version=9, active=True, author=kit.steward())
    with pytest.raises(Stale):
        requests.approve(request=request, actor=kit.approver())


def test_a_long_list_is_summed_up_on_the_request_and_stored_whole() -> None:
    request = propose({"placeholders": {f"zz {n}": "" for n in range(own_words.SHOWN + 7)}})
    assert request.diff["further words"]["after"] == "7 more"
    assert DictionaryEntry.objects.filter(policy=request.policy).count() == own_words.SHOWN + 7


def test_search_reads_with_the_words_in_force() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    assert not search("item", "zzfol zzcath")
    in_force()
    assert [hit.public_id for hit in search("item", "zzfol zzcath")] == [kit.golden("erp", "E1").public_id]


def test_approvers_see_what_would_change(client: Client) -> None:
    request = propose()
    client.force_login(kit.approver())
    page = client.get(reverse("change", args=[request.pk]))
    assert page.status_code == 200
    assert "zzfol" in page.content.decode()


# --------------------------------------------------------------------------------------------------------- the command


def load(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("load_dictionary", str(path), *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "buyers.csv"
    path.write_text("dictionary,written,meaning\nabbreviations,ZZFOL,foley\nplaceholders,not on contract,\n")
    return path


def test_a_file_is_proposed_and_approved_from_the_command_line(file: Path) -> None:
    said = load(file, "--user", kit.steward().username, "--reason", "Our buyers")
    request = ChangeRequest.objects.get()
    assert f"change request {request.pk}" in said
    call_command("approve_rules", str(request.pk), "--user", kit.approver().username, stdout=StringIO())
    assert words_read("ZZFOL") == ["foley"]
    assert Policy.objects.get().body["source"] == "buyers.csv"


def test_a_dry_run_shows_and_writes_nothing(file: Path) -> None:
    assert "abbreviations: zzfol\t- -> foley" in load(file, "--dry-run")
    assert not Policy.objects.exists()


def test_bad_files_and_people_are_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        load(file, "--user", "nobody", "--reason", "x")
    bad = tmp_path / "bad.csv"
    bad.write_text("dictionary,written,meaning\nabbreviation,zzfol,foley\n")
    with pytest.raises(CommandError, match="line 2: there is no dictionary 'abbreviation'"):
        load(bad, "--user", kit.steward().username, "--reason", "x")
    bad.write_text("dictionary,written,meaning\nabbreviations,zzfol,foley cath\n")
    with pytest.raises(CommandError, match="written out in full"):
        load(bad, "--dry-run")


@pytest.mark.parametrize("url", ["/", "/work/", "/approvals/", "/rules/", "/rules/words/", "/api/v1/work-items"])
def test_a_request_of_no_domain_is_listed_like_others(client: Client, url: str) -> None:
    propose()
    client.force_login(kit.person("both", "steward", "approver"))
    assert client.get(url).status_code == 200
