"""Search as you type: what is typed, as it is typed, finds what is meant."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.models import GoldenRecord
from mdm.search import Hit, matching, search
from mdm.services import change, search_index
from mdm.services.periods import state_period
from tests.mdm import kit

pytestmark = pytest.mark.django_db

GLOVE = {"description": "GLOVE EXAM NITRILE PF LARGE", "manufacturer": "Ostra Care", "catalogue_number": "4817-016"}


@pytest.fixture
def shelf(db) -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER, "E3": GLOVE, "E18": kit.OTHER_SIZE})


def found(text: str, domain: str | None = "item", **options) -> list[str]:
    return [hit.name for hit in search(domain, text, **options)]


def first(text: str, domain: str | None = "item") -> Hit:
    return search(domain, text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "16fr foley",
        "foley 16 french",
        "FOLEY CATH 16 FR",
        "fol",
        "foley c",
        "silicone cath 16f",
        "catehter 16fr",  # swapped
        "cathter foley 16",  # left out
        "cathetter foley 16fr",  # one too many
        "katheter 16fr",  # another
        "sillicon coated 16fr",  # two slips
        "cathte",  # unfinished and misspelt
        "hm-0165-s16",
        "HM0165S16",
        "hm0165s1",  # unfinished
        "E1",  # the ERP's own code
        "halden 16fr",  # of its maker
        "foley 5ml 16fr xylophone",  # one word that nothing has
    ],
)
def test_what_is_typed_finds_what_is_meant_first(shelf, text):
    assert found(text)[0] == kit.CATHETER["description"]


def test_every_step_of_typing_finds_it(shelf):
    text = "nitrile gloves"
    steps = [text[:n] for n in range(1, len(text) + 1)]
    assert all(GLOVE["description"] in found(step) for step in steps)


def test_the_size_that_was_typed_comes_before_its_siblings(shelf):
    assert found("foley 18 fr")[0] == kit.OTHER_SIZE["description"]
    assert found("foley 16 fr")[0] == kit.CATHETER["description"]


def test_a_hit_says_what_of_the_text_it_has(shelf):
    assert first("16 fr foley").why == "foley, 16 fr"
    assert first("4817-016").why == "code 4817016"
    assert first("E3").why == "code E3 of erp-item"
    assert first("glove 4817").why == "code 4817016, glove"


def test_scores_say_how_much_of_the_text_is_covered(shelf):
    whole, part = first("foley 16fr silicone").score, first("foley 16fr umbrella").score
    assert 1 >= whole > part > 0


@pytest.mark.parametrize(
    "text", ["", "   ", "\0", "zzzzqqq", "%", "'; DROP TABLE", "=item", "#", "~", "\\", '"{', "x" * 5000]
)
def test_nothing_and_nonsense_find_nothing(shelf, text):
    assert found(text, domain=None) == []


def test_a_public_id_is_found_and_that_of_a_merged_record_leads_to_its_survivor():
    survivor, loser = kit.merged()
    hit = first(loser.public_id.lower())
    assert (hit.public_id, hit.score) == (survivor.public_id, 1.0)
    assert hit.why == f"id {loser.public_id}, merged into {survivor.public_id}"
    assert first(survivor.public_id).why == f"id {survivor.public_id}"


def test_a_merged_record_is_found_as_its_survivor_by_the_words_that_it_brought():
    survivor, loser = kit.merged()
    assert [hit.public_id for hit in search("item", "linear stapler")] == [survivor.public_id]
    assert [hit.public_id for hit in search("item", "catheter foley", status=("merged",))] in ([], [loser.public_id])


def test_live_comes_before_draft_before_retired():
    kit.feed("erp", {f"E{n}": kit.CATHETER | {"catalogue_number": f"Z-100{n}"} for n in range(3)}, deduplicated=True)
    retired, draft, live = GoldenRecord.objects.order_by("pk")
    change.retire(golden=retired, actor=kit.steward(), reason="No longer made")
    GoldenRecord.objects.filter(pk=draft.pk).update(status="draft")
    search_index.restate(kit.fresh(draft))
    assert [hit.public_id for hit in search("item", "foley catheter")] == [
        live.public_id,
        draft.public_id,
        retired.public_id,
    ]
    assert [hit.status for hit in search("item", "foley catheter", status=("retired",))] == ["retired"]


def test_every_domain_is_searched_unless_one_is_named():
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("erp", {"V1": {"name": "Catheter Makers Inc"}}, "supplier")
    kit.feed("erp", {"L1": {"name": "4 West Telemetry", "location_type": "unit"}}, "location")
    kit.feed("erp", {"C1": {"code": "01-6410", "name": "Telemetry"}}, "cost_center")
    assert {hit.domain for hit in search(None, "catheter")} == {"item", "supplier"}
    assert {hit.domain for hit in search(None, "4w tele")} >= {"location"}
    assert found("01-6410", None) == ["Telemetry"]
    assert found("catheter", "location") == []


def test_names_in_any_script_are_found_as_written_and_as_one_types_them():
    names = {
        "S1": "Поставщик Медтехника",
        "S2": "مستشفى الملك فيصل",
        "S3": "北京大学第一医院",
        "S4": "Brightwater Surgical",
    }
    kit.feed("erp", {code: {"name": name} for code, name in names.items()}, "supplier")
    for text, code in (("Медтех", "S1"), ("medtekhnika", "S1"), ("الملك", "S2"), ("第一医院", "S3"), ("bright", "S4")):
        assert found(text, "supplier") == [names[code]]


def test_a_suppliers_identifier_and_part_number_are_codes():
    kit.feed("erp", {"V1": {"name": "Ashcroft Plastics", "ein": "12-3456789"}}, "supplier")
    kit.feed("erp", {"E1": kit.CATHETER | {"supplier_parts": [{"supplier": "V1", "number": "DYND-160816"}]}})
    assert found("123456789", "supplier") == ["Ashcroft Plastics"]
    assert found("dynd1608") == [kit.CATHETER["description"]]


def test_a_code_is_found_on_the_days_on_which_it_holds():
    kit.feed("erp", {"E1": kit.CATHETER})
    day, today = dt.timedelta(days=1), timezone.localdate()
    periods = {"OVER77": (None, today - 2 * day), "ENDS77": (None, today + 2 * day), "LATER77": (today + 2 * day, None)}
    for code, (since, until) in periods.items():
        state_period(code_system=kit.code_system("ehr"), code=code, golden=kit.golden("erp", "E1"), valid_from=since,
                     valid_to=until, actor=kit.steward(), reason="So it was")  # fmt: skip
    assert [bool(found(code)) for code in periods] == [False, True, False]


def test_a_search_of_one_domain_is_a_handful_of_queries_whatever_is_found(shelf):
    search("item", "warm")  # reads the code systems
    with CaptureQueriesContext(connection) as queries:
        search("item", "foley cath 16fr")
    assert len(queries) <= 8  # own words, codes, words; live, others, all parts but one, the rarest part; rows
    assert all(query["sql"].lstrip("( \n").startswith(("SELECT", "WITH")) for query in queries)


def test_a_filter_needs_every_word_and_takes_slips_only_where_nothing_fits(shelf):
    def names(text: str) -> set[str]:
        return set(GoldenRecord.objects.filter(matching("item", text)).values_list("name", flat=True))

    assert names("cath fol") == {kit.CATHETER["description"], kit.OTHER_SIZE["description"]}
    assert names("foley umbrella") == set()
    assert names("nitrle") == {GLOVE["description"]}
    assert names("E2") == {kit.STAPLER["description"]}


def test_misspellings_of_a_common_word_are_looked_at_where_records_that_have_it_are_few(db, monkeypatch):
    kit.feed("erp", {f"E{n}": {"description": f"NEEDLE SPINAL TYPE {word}"} for n, word in enumerate(("ONE", "TWO"))})
    kit.feed("erp", {"E9": {"description": "NEDLE SPINAL TYPE NINE"}})
    search_index.recount("item", force=True)
    monkeypatch.setattr("mdm.vocabulary.COMMON", 2)
    assert len(found("needle spinal")) == 3
    monkeypatch.setattr("mdm.search.CAP", 2)
    with CaptureQueriesContext(connection) as queries:
        assert set(found("needle spinal")) == {"NEEDLE SPINAL TYPE ONE", "NEEDLE SPINAL TYPE TWO"}
    looked = [query["sql"] for query in queries if "found AS" in query["sql"]]
    assert len(looked) == 1
    assert "'nedle'" not in looked[0]
