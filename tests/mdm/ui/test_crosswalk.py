"""The crosswalk explorer: what is pasted is resolved line by line, converted, and explained where it can't be."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm import lookup
from mdm.exceptions import InvalidValue, Refused
from mdm.models import CodeSystem, Crosswalk, PendingReference, SourceRecord
from mdm.services import change, mapping, substitution
from mdm.ui import snippets
from mdm.ui.readers import crosswalk as reader
from mdm.ui.readers.crosswalk import Asked, Query
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.ui.conftest import HX

pytestmark = pytest.mark.django_db
BOXED = kit.CATHETER | {"packaging": [{"uom": "BX", "quantity": 10}, {"uom": "CA", "quantity": 4}]}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def item():
    """One item of erp E1 and scm S1; a box holds 10, a case 4 boxes."""
    kit.feed("erp", {"E1": BOXED})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    return kit.golden("erp", "E1")


def ask(text: str, to: str = "scm", **clocks):
    return reader.resolve(text, Query(kit.code_system("erp"), kit.code_system(to) if to else None, **clocks))


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("558213", Asked("558213")),
        ("558213 4 BX", Asked("558213", "4", "BX")),
        ("558213  2.5  ea", Asked("558213", "2.5", "ea")),
        ("HM-0165-S16 12", Asked("HM-0165-S16", "12")),
        ("AB 12\t3\tCA", Asked("AB 12", "3", "CA")),
        ("AB 12\t", Asked("AB 12")),
        ("قسطرة 4 BX", Asked("قسطرة", "4", "BX")),
    ],
)
def test_a_line_is_a_code_then_a_quantity_and_its_unit(line, asked):
    assert reader.lines(f"\n{line}\r\n\n") == [asked]


def test_a_code_leads_to_the_record_and_the_other_systems_code(item):
    line = ask("E1").lines[0]
    assert (line.tone, line.word, line.found.id) == ("eq", "Exact", item.public_id)
    assert line.found.codes[0].code == "S1"


def test_a_quantity_is_converted_up_the_packaging_ladder(item):
    boxes, cases, dozen = ask("E1 4 BX\nE1 2 CASE\nE1 1 DZ").lines
    assert (boxes.amount.given, boxes.amount.factor, boxes.amount.in_base) == ("4 BX", 10, "40 EA")
    assert cases.amount.in_base == "80 EA"
    assert dozen.amount.in_base == "12 EA"


def test_a_quantity_is_told_in_the_unit_that_the_target_counts_in(item):
    Crosswalk.objects.create(
        code_system=kit.code_system("ehr"), code="S1B", golden=item, uom="BX", known_from=timezone.now(),
        change_id="2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11",
    )  # fmt: skip
    whole, broken = ask("E1 2 CA\nE1 5 EA", to="ehr").lines
    assert (whole.amount.in_target, whole.tone) == ("8 BX", "eq")
    assert (broken.amount.in_target, broken.word) == ("0.5 BX", "Uneven")


def test_a_quantity_is_converted_as_a_lookup_does_it_in_the_systems_words_or_not_at_all(item):
    CodeSystem.objects.filter(slug="erp-item").update(units={"KAR": "CA"})
    world.coded(item, kit.code_system("ehr"), "S1B", uom="BX")
    (line,) = ask("E1 2 KAR", to="ehr").lines
    assert (line.amount.in_target, line.amount.in_base, line.tone) == ("8 BX", "80 EA", "eq")
    other = [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 12}]
    SourceRecord.objects.filter(code="E1").update(values=BOXED | {"packaging": other})
    (line,) = ask("E1 2 BX", to="ehr").lines
    found = lookup.resolve("erp-item", "E1", to="ehr-item", uom="BX").codes[0]
    assert (line.amount.in_target, line.word, line.note) == ("", "Not converted", found.no_factor)
    assert "disagree" in line.note


@pytest.mark.parametrize("line", ["E1 4 PALLET", "E1 4 WOZZLE", "E1\tmany\tBX", "E1 4"])
def test_what_cannot_be_converted_says_so(item, line):
    answer = ask(line).lines[0]
    assert (answer.amount, answer.word) == (None, "Not converted")
    assert answer.note


def test_unknown_expired_and_future_codes_are_told_apart(item):
    today = timezone.localdate()
    for code, start, end in (
        ("OLD", dt.date(2020, 1, 1), dt.date(2021, 1, 1)),
        ("NEW", today + dt.timedelta(days=9), None),
        ("SOON", dt.date(2020, 1, 1), today + dt.timedelta(days=5)),
    ):
        Crosswalk.objects.create(
            code_system=kit.code_system("erp"), code=code, golden=item, uom=code, valid_from=start, valid_to=end,
            known_from=timezone.now(), change_id="2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11",
        )  # fmt: skip
    words = [line.word for line in ask("OLD\nNEW\nSOON\nNOPE\nE1", to="").lines]
    assert words == ["Expired", "Not yet valid", "Ends soon", "Unknown", "Exact"]
    assert ask("OLD", to="", as_of=dt.date(2020, 6, 1)).lines[0].found.id == item.public_id


def test_the_second_clock_answers_as_concord_would_have(item):
    line = ask("E1", known_at=timezone.now() - dt.timedelta(days=1)).lines[0]
    assert line.word == "Not known then"
    later = ask("E1 4 BX", known_at=timezone.now()).lines[0]
    assert later.amount.in_base == "40 EA"


def test_a_retired_item_names_what_stands_in_for_it():
    retired, instead = kit.twins()
    request = substitution.propose(item=retired, substitute=instead, actor=kit.steward(), reason="Same use")
    change.approve(request=request, actor=kit.approver(), reason="Seen")
    change.retire(golden=retired, actor=kit.steward(), reason="Discontinued")
    line = ask("E1", to="").lines[0]
    assert (line.word, line.note) == ("Retired", f"instead: {instead.public_id}")


def test_a_code_in_review_is_not_called_unknown():
    kit.doubtful()
    line = reader.resolve("D1", Query(kit.code_system("scm"))).lines[0]
    assert (line.word, line.note) == ("In review", "waits for a steward")


def test_nothing_and_too_much_are_refused():
    with pytest.raises(InvalidValue, match="1 to 5,000"):
        ask(" \n ")
    with pytest.raises(InvalidValue, match="5,001"):
        ask("E1\n" * 5_001)


def test_five_thousand_codes_cost_as_many_queries_as_one(steward, item):
    form = {"system": "erp-item", "to": "scm-item"}
    counted = []
    for codes in ("E1 4 BX\nNOPE", "E1 4 BX\nNOPE\n" * 2_500):
        steward.post("/crosswalk/", form | {"codes": codes}, headers=HX)  # once, for the caches
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = steward.post("/crosswalk/", form | {"codes": codes}, headers=HX)
        counted.append(len(queries))
    assert counted[0] == counted[1] <= 14
    assert "100 of 5,000 shown" in answer.content.decode()


def test_the_page_shows_the_answer_without_javascript_and_the_same_call(steward, item):
    page = steward.post("/crosswalk/", {"system": "erp-item", "to": "scm-item", "codes": "E1 4 BX"}).content.decode()
    assert "40 EA" in page
    assert "/api/v1/crosswalk/batch" in page
    assert "&quot;code_system&quot;: &quot;erp-item&quot;" in page


def test_bad_input_is_shown_back_and_never_run(steward, item):
    for codes in (SCRIPT, "x" * 10_000, "\u202eقسطرة 🩺"):
        page = steward.post("/crosswalk/", {"system": "erp-item", "codes": codes, "as_of": "2026-05-03"})
        assert page.status_code == 200
        assert SCRIPT not in page.content.decode()
    assert steward.post("/crosswalk/", {"system": "erp-item", "codes": "E1\0"}).status_code == 422
    refused = steward.post("/crosswalk/", {"system": "nope", "codes": "", "as_of": "yesterday"}, headers=HX)
    assert refused.status_code == 422
    assert "valid date" in refused.content.decode()


def test_systems_of_two_domains_are_refused(steward, item):
    kit.code_system("erp", "supplier")
    answer = steward.post("/crosswalk/", {"system": "erp-item", "to": "erp-supplier", "codes": "E1"})
    assert answer.status_code == 422
    assert "holds codes of supplier records" in answer.content.decode()


def test_the_csv_has_every_line_and_no_formula(steward, item):
    form = {"system": "erp-item", "to": "scm-item", "codes": "E1 4 BX\n=1+1"}
    answer = steward.post("/crosswalk/resolved.csv", form)
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[1].startswith("E1,4,BX,Exact,,MDM-IT-")
    assert "'=1+1" in text


def test_a_quote_cannot_leave_the_snippet():
    query = Query(kit.code_system("erp"))
    text = snippets.curl("https://x", snippets.body(query, ["it's"]))
    assert "it'\\''s" in text


# ------------------------------------------------------------------------------------------------------ unmapped codes


@pytest.fixture
def waiting():
    """An item whose preferred supplier nobody has sent."""
    kit.feed("sup", {"V1": {"name": "Halden Medical Inc"}}, "supplier")
    kit.feed("erp", {"E1": kit.CATHETER | {"preferred_supplier": "V9"}})
    return kit.golden("erp", "E1")


def test_unmapped_codes_are_listed_with_what_waits(steward, waiting):
    for address in ("/crosswalk/", "/crosswalk/unmapped/", "/crosswalk/unmapped/?system=erp-supplier"):
        assert ">V9<" in steward.get(address).content.decode()
    assert ">V9<" not in steward.get("/crosswalk/unmapped/?after=999999/x").content.decode()
    page = steward.get("/crosswalk/unmapped/erp-supplier/", {"code": "V9", "q": "halden"}).content.decode()
    assert waiting.name in page
    assert "Halden Medical Inc" in page


def test_a_code_that_many_records_name_is_one_unmapped_code(steward, waiting):
    kit.feed("erp", {"E2": kit.STAPLER | {"preferred_supplier": "V9"}})
    assert "1 code that records name" in steward.get("/crosswalk/unmapped/").content.decode()


def test_a_mapped_code_mends_what_waited_for_it(steward, waiting):
    supplier = kit.golden("sup", "V1", "supplier")
    form = {"code": "V9", "golden": supplier.public_id, "reason": "Same vendor"}
    assert steward.post("/crosswalk/unmapped/erp-supplier/map/", form).status_code == 302
    assert kit.fresh(waiting).attributes.preferred_supplier == supplier
    assert not PendingReference.objects.exists()
    assert kit.rebuild() == []


def test_the_real_record_keeps_the_link_that_a_steward_made(waiting):
    supplier = kit.golden("sup", "V1", "supplier")
    system = kit.code_system("erp", "supplier")
    mapping.map_code(code_system=system, code="V9", golden=supplier, actor=kit.steward(), reason="Same vendor")
    kit.feed("erp", {"V9": {"name": "HALDEN MED"}}, "supplier")
    source = SourceRecord.objects.get(code_system=system, code="V9")
    assert (source.golden, source.values) == (supplier, {"name": "HALDEN MED"})


def test_a_code_that_was_sent_is_not_mapped_by_hand(waiting):
    golden = kit.golden("erp", "E1")
    with pytest.raises(Refused, match="has sent a record"):
        mapping.map_code(code_system=kit.code_system("erp"), code="E1", golden=golden, actor=kit.steward(), reason="No")
    with pytest.raises(Refused, match="is no supplier"):
        mapping.map_code(
            code_system=kit.code_system("erp", "supplier"), code="V9", golden=golden, actor=kit.steward(), reason="No"
        )


def test_who_may_not_decide_may_not_map(viewer, waiting):
    assert viewer.post("/crosswalk/unmapped/erp-supplier/map/", {"code": "V9"}).status_code == 403
    assert 'name="reason"' not in viewer.get("/crosswalk/unmapped/erp-supplier/?code=V9").content.decode()
