"""Search's index follows every change of a golden record, in the same transaction, and can be made anew."""

from __future__ import annotations

import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction

from mdm.models import GoldenRecord, SearchDocument, SearchWord, User
from mdm.search import search
from mdm.services import change, merge, reindex, search_index, split
from mdm.terms import ALL
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def ids(text: str, **options) -> list[str]:
    return [hit.public_id for hit in search("item", text, **options)]


def index() -> dict[int, tuple[str, int, list[str]]]:
    return {row.golden_id: (row.status, row.own, row.terms) for row in SearchDocument.objects.all()}


def check_index() -> None:
    """Every record has its document, with its status and by what its sources say now."""
    assert {pk: status for pk, (status, _, _) in index().items()} == dict(
        GoldenRecord.objects.values_list("pk", "status")
    )
    before = index()
    assert reindex.rebuild("item") == 0
    assert index() == before


def test_a_changed_value_is_found_and_the_old_one_is_not():
    kit.feed("erp", {"E1": kit.STAPLER})
    golden = kit.golden("erp", "E1")
    kit.feed("erp", {"E1": kit.STAPLER | {"description": "Umbrella, surgical"}})
    assert ids("umbrella") == [golden.public_id]
    assert ids("stapler") == []
    check_index()


def test_what_any_source_calls_it_finds_it_and_no_longer_once_that_source_falls_silent():
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"brand": "Silkenflow"}})
    golden = kit.golden("scm", "S1")
    assert golden == kit.golden("erp", "E1")
    assert ids("silkenflow") == [golden.public_id]
    change.retire_sources(code_system=kit.code_system("scm"), codes=["S1"], actor=User.objects.system())
    assert ids("silkenflow") == []
    check_index()


def test_a_stewards_value_is_found():
    kit.feed("erp", {"E1": kit.STAPLER})
    golden = kit.golden("erp", "E1")
    change.override(golden=golden, path="description", value="Zircon clamp", actor=kit.steward(), reason="Right name")
    assert ids("zircon") == ids("stapler") == [golden.public_id]
    check_index()


def test_a_merge_moves_what_is_found_to_the_survivor_and_an_unmerge_moves_it_back():
    survivor, loser = kit.merged()
    assert ids("stapler") == [survivor.public_id]
    assert ids("stapler", status=("merged",)) == [loser.public_id]
    check_index()
    split.unmerge(loser=loser, actor=kit.steward(), reason="They are two")
    assert ids("stapler") == [loser.public_id]
    assert ids("foley") == [survivor.public_id]
    check_index()


def test_a_split_gives_the_new_record_its_words():
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"brand": "Silkenflow"}})
    old = kit.golden("erp", "E1")
    new = split.split(golden=old, sources=[kit.source("scm", "S1")], actor=kit.steward(), reason="Two")
    assert ids("silkenflow") == [new.public_id]
    check_index()


def test_a_retirement_is_followed():
    kit.feed("erp", {"E1": kit.STAPLER})
    golden = kit.golden("erp", "E1")
    change.retire(golden=golden, actor=kit.steward(), reason="No longer made")
    assert ids("stapler", status=("live",)) == []
    assert ids("stapler") == [golden.public_id]
    check_index()


def test_the_index_goes_with_the_transaction():
    one, two = kit.twins()
    before = index()
    with transaction.atomic():
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
        assert index() != before
        transaction.set_rollback(True)
    assert index() == before


def test_made_anew_it_is_what_it_was():
    kit.doubtful()
    survivor, _ = kit.merged(kit.STAPLER, kit.STAPLER | {"description": "Clamp", "catalogue_number": "ZZ-900"})
    change.override(golden=survivor, path="brand", value="Zircon", actor=kit.steward(), reason="Its brand")
    before, words = index(), set(SearchWord.objects.values_list("word", flat=True))
    SearchDocument.objects.all().delete()
    SearchWord.objects.all().delete()
    out = StringIO()
    call_command("reindex_search", stdout=out)
    assert index() == before
    assert set(SearchWord.objects.values_list("word", flat=True)) <= words | {ALL}
    assert f"{len(before):,} records changed" in out.getvalue()


def test_words_are_counted_anew_when_the_domain_has_grown():
    kit.feed("erp", {f"E{n}": kit.STAPLER | {"catalogue_number": f"LC6{n}-B"} for n in range(4)}, deduplicated=True)
    assert SearchWord.objects.get(word="stapler").records == 4
    assert SearchWord.objects.get(word=ALL).records == 4
    assert not search_index.recount("item")
    kit.feed("erp", {f"F{n}": kit.STAPLER | {"catalogue_number": f"LC7{n}-B"} for n in range(4)}, deduplicated=True)
    assert SearchWord.objects.get(word="stapler").records == 8


def test_a_word_that_two_workers_met_at_once_is_one_word():
    kit.feed("erp", {"E1": kit.STAPLER})
    word = SearchWord.objects.get(word="stapler")
    SearchWord.objects.create(domain="item", word="stapler", records=1, slips=word.slips)
    assert len(ids("stapler")) == len(ids("staplr")) == 1


def test_a_change_that_changes_no_word_writes_none():
    kit.feed("erp", {"E1": kit.STAPLER})
    golden = kit.golden("erp", "E1")
    spoken = search_index.Spoken(golden, list(golden.sources.all()), kit.STAPLER)
    assert search_index.refresh("item", [spoken]) == 0


@pytest.mark.django_db(transaction=True)
def test_workers_that_meet_a_word_at_once_do_not_wait_for_each_other():
    both_wrote = threading.Barrier(2)

    def write() -> None:
        with transaction.atomic():
            search_index.add_words("item", {"zircon": 1})
            both_wrote.wait(timeout=10)  # would break if one waited for the other to commit

    assert kit.in_threads(write, write) == [None, None]
    assert SearchWord.objects.filter(word="zircon").count() == 2
