"""New words are read into what is stored: in batches, resumable, and no link is moved by it."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from matching import standardise
from mdm import engine
from mdm.engine import engine_for
from mdm.models import ChangeEvent, Frequencies, GoldenRecord, MatchKey, SourceRecord, User, WorkItem
from mdm.search import search
from mdm.services import resolve, restandardise
from mdm.tasks import read_new_words
from tests.mdm import kit
from tests.mdm.own_words import in_force

pytestmark = pytest.mark.django_db

OURS = {"description": "ZZCATH ZZFOL 16FR 5CC ZZSIL", "manufacturer": "HALDEN MEDICAL", "base_uom": "EA"}


@pytest.fixture(autouse=True)
def _as_shipped() -> Iterator[None]:
    yield
    engine._use_words(None)


def words_of(system: str, code: str) -> list[str]:
    return list(kit.source(system, code).standardised["words"])


def settle() -> None:
    resolve.resolve_all(domain="item", actor=User.objects.system())


def test_stored_records_are_read_with_the_new_words_keys_and_search_terms_too() -> None:
    kit.feed("scm", {"S1": OURS})
    before = set(MatchKey.objects.filter(source=kit.source("scm", "S1")).values_list("key", flat=True))
    in_force()
    assert restandardise.run()["item"] == 1
    assert words_of("scm", "S1") == ["catheter", "foley", "silicone"]
    assert kit.source("scm", "S1").dictionaries == engine_for("item").dictionaries
    keys = set(MatchKey.objects.filter(source=kit.source("scm", "S1")).values_list("key", flat=True))
    assert keys != before
    assert keys == set(engine_for("item").keys(kit.source("scm", "S1").standardised))
    settle()
    assert [hit.public_id for hit in search("item", "silicone foley")] == [kit.golden("scm", "S1").public_id]


def test_what_the_words_do_not_touch_is_left_as_it_is() -> None:
    kit.feed("erp", {"E1": kit.STAPLER})
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    events, version = ChangeEvent.objects.count(), kit.golden("erp", "E1").version
    in_force()
    assert restandardise.run() == {"supplier": 1, "cost_center": 0, "location": 0, "item": 1}
    assert {kit.source("erp", "E1").state, kit.source("erp", "V1", "supplier").state} == {"linked"}
    settle()
    assert (ChangeEvent.objects.count(), kit.golden("erp", "E1").version) == (events, version)
    assert restandardise.run() == dict.fromkeys(("supplier", "cost_center", "location", "item"), 0)


def test_no_link_is_moved_and_what_looks_like_one_now_is_asked() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": OURS | {"catalogue_number": "HM0165S16"}, "S2": OURS | {"description": "ZZFOL ZZCATH 16FR"}})
    links = dict(SourceRecord.objects.values_list("code", "golden"))
    goldens = set(GoldenRecord.objects.values_list("public_id", "status"))
    in_force()
    restandardise.run()
    settle()
    assert {code: pk for code, pk in SourceRecord.objects.values_list("code", "golden") if links[code]} == {
        code: pk for code, pk in links.items() if pk
    }
    assert goldens <= set(GoldenRecord.objects.values_list("public_id", "status"))


def test_two_golden_records_that_the_new_words_make_alike_become_a_question() -> None:
    kit.feed("erp", {"E1": {"description": "CATHETER FOLEY SILICONE 16FR 5CC BRIGHTFLOW", "manufacturer": "Halden"}})
    kit.feed("scm", {"S1": {"description": "ZZCATH ZZFOL ZZSIL 16FR 5CC ZZBRI", "manufacturer": "Halden"}})
    one, other = kit.golden("erp", "E1"), kit.golden("scm", "S1")
    assert one != other
    in_force({"abbreviations": {"zzcath": "catheter", "zzfol": "foley", "zzsil": "silicone", "zzbri": "brightflow"}})
    restandardise.run()
    settle()
    assert (kit.golden("erp", "E1"), kit.golden("scm", "S1")) == (one, other)
    item = WorkItem.objects.get(kind=WorkItem.Kind.POSSIBLE_DUPLICATE, state=WorkItem.State.OPEN)
    assert {item.golden, item.other} == {one, other}


def test_what_an_older_engine_stored_is_read_anew_after_an_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("scm", {"S1": kit.CATHETER})
    SourceRecord.objects.update(standardised={"words": ["old"]})
    assert restandardise.run()["item"] == 0
    monkeypatch.setattr(standardise, "VERSION", standardise.VERSION + 1)
    engine._cache.clear()
    assert restandardise.run()["item"] == 1
    assert "catheter" in words_of("scm", "S1")
    engine._cache.clear()


def test_a_doubtful_record_is_looked_at_again() -> None:
    item = kit.doubtful()
    in_force({"placeholders": {"silicone-coated": ""}})
    restandardise.run()
    assert kit.source("scm", "D1").state == SourceRecord.State.PENDING
    settle()
    assert kit.fresh(item).state == WorkItem.State.OPEN


def test_a_run_that_is_cut_short_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    kit.feed("scm", {f"S{n}": OURS | {"catalogue_number": f"HM-0{n}77"} for n in range(5)})
    monkeypatch.setattr(restandardise, "BATCH", 2)
    in_force()
    assert restandardise.step("item") == 2
    assert restandardise.waiting()["item"] == 3
    assert restandardise.run(seconds=0)["item"] == 0
    read_new_words()
    assert restandardise.waiting()["item"] == 0
    assert {row.dictionaries for row in SourceRecord.objects.all()} == {engine_for("item").dictionaries}


def test_words_are_counted_anew_and_what_scores_mean_is_kept() -> None:
    kit.feed("scm", {"S1": OURS})
    Frequencies.objects.update(calibration={"base": 0.1, "score": 0.4, "lead": 0.1, "claimed": 0.1})
    in_force()
    restandardise.run()
    latest = Frequencies.objects.filter(domain="item").latest("version")
    assert engine_for("item").statistics.count("word", "silicone") == 1
    assert latest.calibration == {"base": 0.1, "score": 0.4, "lead": 0.1, "claimed": 0.1}


def test_records_land_with_the_words_in_force_and_a_place_keeps_its_parents_name() -> None:
    in_force({"locations": {"zzw": "west"}, **{"abbreviations": {"zzfol": "foley"}}})
    kit.feed("erp", {"E1": OURS})
    assert kit.source("erp", "E1").dictionaries == engine_for("item").dictionaries
    kit.feed("erp", {"B": {"name": "North Tower"}, "F": {"name": "4 ZZE", "parent": "B"}}, "location")
    in_force({"locations": {"zze": "east"}})
    restandardise.run()
    floor = kit.source("erp", "F", "location").standardised
    assert floor["name"] == ["east"]
    assert floor["parent_name"] == ["north", "tower"]


def test_the_command_reads_everything_at_once() -> None:
    kit.feed("scm", {"S1": OURS})
    in_force()
    out = StringIO()
    call_command("restandardise", stdout=out)
    assert "item                 1 records read anew" in out.getvalue()
