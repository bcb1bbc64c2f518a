"""The lookup against real rows: two clocks, merges, shared identifiers, and one round trip a batch."""

from __future__ import annotations

import datetime as dt
from functools import partial
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdm import lookup, lookup_gaps
from mdm.exceptions import Ambiguous, InvalidValue, UnknownCode
from mdm.lookup_rows import statement
from mdm.models import Crosswalk, GoldenRecord
from mdm.services import change, merge, review
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
MAY = dt.date(2026, 5, 3)


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)


def test_a_code_finds_its_record_and_that_records_codes_elsewhere():
    erp, ehr = world.code_system("erp-item"), world.code_system("ehr-item")
    catheter = world.golden("CATHETER FOLEY 16FR")
    world.coded(catheter, erp, "4711", uom="BX")
    world.coded(catheter, ehr, "E-2", uom="EA", preferred=False)
    world.coded(catheter, ehr, "E-1", uom="EA")

    found = lookup.resolve("erp-item", "4711", to="ehr-item")

    assert (found.id, found.name, found.uom, found.status) == (catheter.public_id, "CATHETER FOLEY 16FR", "BX", "live")
    assert [(c.code, c.uom, c.preferred) for c in found.codes] == [("E-1", "EA", True), ("E-2", "EA", False)]
    assert (found.valid_from, found.valid_to, found.redirected_from) == (None, None, None)


def test_a_record_without_a_code_in_the_target_system_is_found_with_no_codes():
    world.code_system("ehr-item")
    world.coded(world.golden("GAUZE"), world.code_system("erp-item"), "1")
    assert lookup.resolve("erp-item", "1", to="ehr-item").codes == ()


def test_codes_are_normalised_as_their_system_says():
    gauze = world.golden("GAUZE")
    world.coded(gauze, world.code_system("gtin", normaliser="digits"), "00312345678903")
    world.coded(gauze, world.code_system("vendor", normaliser="alnum"), "ab-12/x")
    assert lookup.resolve("gtin", " 0031234-5678903 ").id == gauze.public_id
    assert lookup.resolve("vendor", "AB 12 X").id == gauze.public_id


def test_a_merged_record_answers_as_its_survivor_and_says_so():
    erp = world.code_system("erp-item")
    survivor, loser = world.golden("GLOVE"), world.golden("GLOVES")
    world.coded(loser, erp, "7")
    world.merged(loser, survivor)
    found = lookup.resolve("erp-item", "7")
    assert (found.id, found.name, found.status) == (survivor.public_id, "GLOVE", "live")
    assert found.redirected_from == loser.public_id


def test_a_draft_is_not_found():
    world.coded(world.golden("NEW", status="draft", approved_version=0), world.code_system("erp-item"), "1")
    with pytest.raises(UnknownCode):
        lookup.resolve("erp-item", "1")


def test_a_retired_record_is_found_and_says_that_it_is_retired():
    world.coded(world.golden("OLD", status="retired"), world.code_system("erp-item"), "1")
    assert lookup.resolve("erp-item", "1").status == "retired"


def test_the_effective_date_chooses_what_was_right_on_that_day():
    erp = world.code_system("erp-item")
    old, new = world.golden("OLD"), world.golden("NEW")
    world.coded(old, erp, "1", valid_to=MAY)
    world.coded(new, erp, "1", valid_from=MAY)
    assert lookup.resolve("erp-item", "1", as_of=MAY - dt.timedelta(days=1)).id == old.public_id
    assert lookup.resolve("erp-item", "1", as_of=MAY).id == new.public_id


def test_the_effective_date_holds_for_the_target_codes_too():
    erp, ehr = world.code_system("erp-item"), world.code_system("ehr-item")
    record = world.golden("GAUZE")
    world.coded(record, erp, "1")
    world.coded(record, ehr, "old", valid_to=MAY)
    world.coded(record, ehr, "new", valid_from=MAY)
    before = lookup.resolve("erp-item", "1", to="ehr-item", as_of=MAY - dt.timedelta(days=1))
    assert [c.code for c in before.codes] == ["old"]
    assert [c.code for c in lookup.resolve("erp-item", "1", to="ehr-item", as_of=MAY).codes] == ["new"]


def test_today_is_what_the_site_s_clock_says(settings):
    settings.TIME_ZONE = kit.elsewhere()
    erp, ehr, today = world.code_system("erp-item"), world.code_system("ehr-item"), timezone.localdate()
    old, new = world.golden("OLD"), world.golden("NEW")
    world.coded(old, erp, "1", valid_to=today)
    world.coded(new, erp, "1", valid_from=today)
    world.coded(new, ehr, "before", valid_to=today)
    assert lookup.resolve("erp-item", "1").id == new.public_id
    assert [gap.id for gap in lookup_gaps.unmapped("erp-item", "ehr-item", limit=9)] == [new.public_id]
    world.coded(new, ehr, "since", valid_from=today)
    assert [code.code for code in lookup.resolve("erp-item", "1", to="ehr-item").codes] == ["since"]
    assert lookup_gaps.counts("erp-item", "ehr-item")["unmapped"] == 0


def test_the_knowledge_date_gives_what_was_answered_then():
    erp = world.code_system("erp-item")
    wrong, right = world.golden("WRONG"), world.golden("RIGHT")
    world.coded(wrong, erp, "1", known_from=noon(dt.date(2026, 1, 1)), known_to=noon(MAY))
    world.coded(right, erp, "1", known_from=noon(MAY))
    assert lookup.resolve("erp-item", "1", known_at=noon(MAY) - dt.timedelta(seconds=1)).id == wrong.public_id
    assert lookup.resolve("erp-item", "1", known_at=noon(MAY)).id == right.public_id
    assert lookup.resolve("erp-item", "1").id == right.public_id
    with pytest.raises(UnknownCode):
        lookup.resolve("erp-item", "1", known_at=noon(dt.date(2025, 1, 1)))


def test_a_shared_identifier_answers_only_when_one_record_has_it():
    npi = world.code_system("npi", "location", unique=False)
    north, south = world.golden("NORTH", "location"), world.golden("SOUTH", "location")
    world.coded(north, npi, "1234567893")
    assert lookup.resolve("npi", "1234567893").id == north.public_id
    world.coded(south, npi, "1234567893")
    with pytest.raises(Ambiguous) as refused:
        lookup.resolve("npi", "1234567893")
    assert refused.value.details["candidates"] == sorted([north.public_id, south.public_id])


def test_a_shared_identifier_of_merged_records_is_no_longer_ambiguous():
    npi = world.code_system("npi", "location", unique=False)
    north, south = world.golden("NORTH", "location"), world.golden("NORTH CAMPUS", "location")
    world.coded(north, npi, "1234567893")
    world.coded(south, npi, "1234567893")
    world.merged(south, north)
    assert lookup.resolve("npi", "1234567893").id == north.public_id


def test_an_unknown_code_names_the_systems_that_have_it():
    erp = world.code_system("erp-item")
    world.code_system("ehr-item")
    world.coded(world.golden("GAUZE"), world.code_system("supply-item", normaliser="alnum"), "AB-1")
    with pytest.raises(UnknownCode) as unknown:
        lookup.resolve(erp.slug, "ab-1")
    assert unknown.value.details["known_in"] == ["supply-item"]
    assert "supply-item has it" in unknown.value.message


def test_a_code_that_was_not_known_yet_says_that_it_is_now():
    world.coded(world.golden("A"), world.code_system("erp-item"), "1")
    with pytest.raises(UnknownCode) as unknown:
        lookup.resolve("erp-item", "1", known_at=timezone.now() - dt.timedelta(days=9))
    text = "erp-item has no code 1. It has it at another time: ask of another as_of or known_at, or of none."
    assert (unknown.value.message, unknown.value.details["known_in"]) == (text, ["erp-item"])


def test_an_unknown_system_lists_the_known_ones():
    world.code_system("erp-item")
    with pytest.raises(lookup.UnknownSystem) as unknown:
        lookup.resolve("sap", "1")
    assert unknown.value.details["known"] == ["erp-item"]


def test_a_target_of_another_domain_is_refused():
    world.code_system("erp-item")
    world.code_system("erp-location", "location")
    with pytest.raises(InvalidValue, match="location records"):
        lookup.resolve("erp-item", "1", to="erp-location")


@pytest.mark.parametrize("code", ["", "   ", "x" * 121, "a\0b", "\ud800", None, 7])
def test_what_can_be_no_code_is_refused_without_asking_the_database(code, django_assert_num_queries):
    world.code_system("erp-item")
    lookup.resolve_many("erp-item", [])  # reads the code systems
    with django_assert_num_queries(0):
        assert isinstance(lookup.resolve_many("erp-item", [code])[0], InvalidValue)


def test_a_batch_keeps_its_order_and_gives_each_code_its_own_outcome(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("mdm.substitutes.involved", frozenset)  # as a process knows them outside of transactions
    erp = world.code_system("erp-item")
    world.code_system("ehr-item")
    a, b = world.golden("A"), world.golden("B")
    world.coded(a, erp, "a")
    world.coded(b, erp, "b")
    outcomes = lookup.resolve_many("erp-item", ["b", "nobody", "a", "", "b"], to="ehr-item")
    assert [getattr(o, "id", type(o)) for o in outcomes] == [
        b.public_id, UnknownCode, a.public_id, InvalidValue, b.public_id,
    ]  # fmt: skip
    with django_assert_num_queries(1):
        lookup.resolve_many("erp-item", ["a", "b", "a"], to="ehr-item")


@pytest.fixture
def many_records(db):
    """Three thousand records, each with a code of one system."""
    erp, record = world.code_system("erp-item"), world.golden("A")
    world.coded(record, erp, "wanted")
    numbers, now = range(3000), timezone.now()
    others = GoldenRecord.objects.bulk_create(
        GoldenRecord(
            domain="item",
            public_id=f"MDM-IT-9{n:05}",
            status="live",
            version=1,
            approved_version=1,
            created_at=now,
            updated_at=now,
        )
        for n in numbers
    )
    told = {"code_system": erp, "known_from": now, "change_id": world.uuid.uuid4()}
    Crosswalk.objects.bulk_create(Crosswalk(code=f"c{n}", golden=others[n], **told) for n in numbers)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mdm_crosswalk, mdm_goldenrecord")
    return {"system": erp.pk, "to": erp.pk, "golden": record.pk, "as_of": MAY, "known_at": now}


def test_every_lookup_reads_the_crosswalk_from_its_covering_indexes_alone(many_records):
    query = many_records | {"code": "wanted", "codes": ["wanted", "unknown"]}
    for by, target in [("code", False), ("code", True), ("codes", True), ("golden", False)]:
        for form in ("now", "survivor", "then"):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {statement(by=by, target=target, form=form)}", query)
                plan = cursor.fetchone()[0][0]["Plan"]
            reads = [node for node in nodes(plan) if node.get("Relation Name") == "mdm_crosswalk"]
            assert len(reads) == 1 + target, (by, form)
            assert {node["Node Type"] for node in reads} == {"Index Only Scan"}, (by, form)


@pytest.fixture
def much_history(many_records):
    """A code that was corrected three hundred times, of a record with as many versions; of all others two of each."""
    now, hour = timezone.now(), dt.timedelta(hours=1)
    then = [now - n * hour for n in range(301)]
    record = GoldenRecord.objects.get(pk=many_records["golden"])
    others = list(GoldenRecord.objects.exclude(pk=record.pk))
    plain = {field.attname: getattr(record, field.attname) for field in GoldenRecord._meta.concrete_fields}
    version = partial(GoldenRecord.history.model, history_type="~")
    rows = [version(**plain, history_date=at) for at in then]
    rows += [version(**plain | {"id": one.pk}, history_date=at) for one in others for at in then[:2]]
    GoldenRecord.history.model.objects.bulk_create(rows)
    told = {"code_system_id": many_records["system"], "change_id": world.uuid.uuid4()}
    rows = [Crosswalk(code="wanted", golden=record, known_from=a, known_to=b, **told) for b, a in pairwise(then)]
    past = {"known_from": then[2], "known_to": then[1], **told}
    rows += [Crosswalk(code=f"c{n}", golden=one, **past) for n, one in enumerate(others)]
    Crosswalk.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mdm_crosswalk, mdm_historicalgoldenrecord")
        # Rows of an open transaction can't be vacuumed, so that an index alone looks dearer here than it is.
        cursor.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
    return many_records | {"code": "wanted", "codes": ["wanted", "unknown"]}


def test_history_does_not_get_into_a_lookup_s_way(much_history):
    now = much_history["known_at"]
    for by, target in [("code", False), ("code", True), ("codes", True), ("golden", False)]:
        for form, known_at in [
            ("now", now),
            ("survivor", now),
            ("then", now),
            ("then", now - dt.timedelta(hours=250)),
        ]:
            with connection.cursor() as cursor:
                explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement(by=by, target=target, form=form)}"
                cursor.execute(explain, much_history | {"known_at": known_at})
                plan = list(nodes(cursor.fetchone()[0][0]["Plan"]))
            crosswalk = [node for node in plan if node.get("Relation Name") == "mdm_crosswalk"]
            assert {node["Node Type"] for node in crosswalk} == {"Index Only Scan"}, (by, form)
            if form != "then":
                assert all(node["Rows Removed by Filter"] == 0 for node in crosswalk), (by, form)
            past = [node for node in plan if node.get("Relation Name") == "mdm_historicalgoldenrecord"]
            assert all(node["Actual Rows"] <= 1 for node in past), (by, form)


def nodes(plan):
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


@given(cuts=st.lists(st.integers(1, 300), unique=True, min_size=1, max_size=4), asked=st.integers(0, 301))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_correction_never_changes_an_old_answer(cuts, asked):
    """However often a code is corrected, each instant keeps the answer that was given at it."""
    number = next(world._numbers)
    erp = world.code_system(f"s{number}-item")
    start = noon(dt.date(2026, 1, 1))
    edges = [0, *sorted(cuts), None]
    owners = []
    for since, until in pairwise(edges):
        owners.append(world.golden(f"OWNER {since}"))
        world.coded(
            owners[-1],
            erp,
            "1",
            known_from=start + dt.timedelta(hours=since),
            known_to=None if until is None else start + dt.timedelta(hours=until),
        )
    then = sum(1 for cut in cuts if cut <= asked)
    answer = lookup.resolve(erp.slug, "1", known_at=start + dt.timedelta(hours=asked))
    assert answer.id == owners[then].public_id


def test_an_old_answer_keeps_the_name_the_state_and_the_survivor_of_its_time():
    survivor, loser = kit.twins()
    before = timezone.now()
    old = lookup.resolve("scm-item", "S1", known_at=before)
    change.override(golden=survivor, path="description", value="CATHETER, NEW NAME", actor=kit.steward(), reason="x")
    merge.merge(survivor=survivor, loser=loser, actor=kit.steward(), reason="One thing")
    change.retire(golden=kit.golden("erp", "E1"), actor=kit.steward(), reason="Gone")
    assert lookup.resolve("scm-item", "S1").status == "retired"
    assert lookup.resolve("scm-item", "S1", known_at=before) == old
    assert (old.id, old.status, old.redirected_from) == (loser.public_id, "live", None)


def test_an_old_answer_keeps_the_factor_of_its_time():
    boxed = kit.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 12}]}
    kit.feed("erp", {"E1": boxed})
    world.coded(kit.golden("erp", "E1"), kit.code_system("ehr"), "H1", uom="BX")
    before = timezone.now()

    def factor(**options):
        return lookup.resolve("erp-item", "E1", to="ehr-item", uom="EA", **options).codes[0].factor

    assert factor() == "1/12"
    kit.feed("erp", {"E1": boxed | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10}]}})
    assert factor() == "1/10"
    assert factor(known_at=before) == "1/12"


def test_two_systems_that_mean_another_box_get_a_reason_instead_of_a_factor():
    def packed(quantity):
        return [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": quantity}]

    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": packed(12)}})
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"packaging": packed(10)}})
    review.accept(item=kit.review("scm", "S1"), actor=kit.steward())
    code = lookup.resolve("erp-item", "E1", to="scm-item", uom="BX").codes[0]
    assert code.factor is None
    assert "scm-item names no unit" in code.no_factor
    record = kit.source("scm", "S1")
    Crosswalk.objects.filter(source=record, known_to=None).update(known_to=timezone.now())
    world.coded(record.golden, record.code_system, "S1", uom="BX", source=record)
    code = lookup.resolve("erp-item", "E1", to="scm-item", uom="BX").codes[0]
    assert code.factor is None
    assert "disagree" in code.no_factor


def test_a_system_s_own_words_for_units_are_read():
    erp, ehr = world.code_system("erp-item", units={"KAR": "CA"}), world.code_system("ehr-item")
    item = world.golden("GAUZE")
    world.packed(item, EA=1, CA=200)
    world.coded(item, erp, "1", uom="KAR")
    world.coded(item, ehr, "2", uom="each")
    assert lookup.resolve("erp-item", "1", to="ehr-item").codes[0].factor == "200"
    assert "no unit KAR" in lookup.resolve("ehr-item", "2", to="erp-item", uom="KAR").codes[0].no_factor
    assert lookup.resolve("ehr-item", "2", to="erp-item").codes[0].factor == "1/200"


def test_codes_of_a_system_that_ignores_case_and_spacing_are_found_however_they_are_written():
    world.coded(world.golden("GAUZE"), world.code_system("erp-item", normaliser="upper"), "Ab 12")
    assert lookup.resolve("erp-item", "  aB   12 ").status == "live"
