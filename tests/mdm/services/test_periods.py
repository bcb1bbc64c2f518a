"""Effective periods of codes, and what holds however often they are corrected."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdm import feed, lookup
from mdm.exceptions import InvalidValue, MergedRecord, Refused, UnknownCode
from mdm.models import AuditEntry, ChangeEvent, Crosswalk, GoldenRecord
from mdm.services import crosswalk, merge, split
from mdm.services.periods import state_period
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
FIRST = dt.date(2026, 1, 1)


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def stated(system, code, golden, **options) -> Crosswalk:
    return state_period(
        code_system=system, code=code, golden=golden, actor=kit.steward(), reason="As it was", **options
    )


def meaning(slug: str, code: str, on: int, **options: Any) -> str | None:
    try:
        return lookup.resolve(slug, code, as_of=day(on), **options).id
    except UnknownCode:
        return None


def test_a_code_that_meant_something_else_before_says_so_for_those_days():
    catheter, stapler = kit.twins()
    stated(kit.code_system("erp"), "E1", stapler, valid_to=day(10), uom="BX")
    assert [meaning("erp-item", "E1", n) for n in (0, 9, 10)] == [
        stapler.public_id, stapler.public_id, catheter.public_id,
    ]  # fmt: skip
    assert lookup.resolve("erp-item", "E1", as_of=day(0)).uom == "BX"
    assert lookup.resolve("erp-item", "E1", as_of=day(10)).valid_from == day(10)
    stated(kit.code_system("erp"), "E1", catheter, valid_from=day(3), valid_to=day(5))
    assert [meaning("erp-item", "E1", n) == stapler.public_id for n in (2, 3, 4, 5)] == [True, False, False, True]


def test_the_rows_of_a_code_with_a_past_move_with_its_record():
    catheter, stapler = kit.twins()
    stated(kit.code_system("erp"), "E1", stapler, valid_to=day(10))
    survivor = merge.merge(survivor=catheter, loser=stapler, actor=kit.steward(), reason="One thing")
    assert meaning("erp-item", "E1", 20) == survivor.public_id
    assert lookup.resolve("erp-item", "E1", as_of=day(20)).valid_from == day(10)


def test_what_a_code_meant_for_some_days_moves_with_its_record_and_comes_back_with_it():
    catheter, stapler = kit.twins()
    erp = kit.code_system("erp")
    stated(erp, "E1", stapler, valid_to=day(10))
    stated(erp, "OLD", stapler, valid_from=day(0), valid_to=day(10))
    stated(erp, "OLD", catheter, valid_from=day(10), valid_to=day(20))
    before, then = codes_on(stapler, 5), timezone.now()
    assert before == [("E1", True), ("OLD", False)]
    survivor = merge.merge(survivor=catheter, loser=stapler, actor=kit.steward(), reason="One thing")
    assert survivor == catheter
    assert codes_on(catheter, 5) == before
    assert lookup.resolve("erp-item", "OLD", as_of=day(5)).redirected_from is None
    assert codes_on(stapler, 5, known_at=then) == before
    split.unmerge(loser=kit.fresh(stapler), actor=kit.steward(), reason="Two things")
    assert codes_on(stapler, 5) == before
    assert [meaning("erp-item", "OLD", n) for n in (5, 15)] == [stapler.public_id, catheter.public_id]


def test_a_record_that_arrives_for_a_code_with_a_past_begins_where_that_ends():
    catheter, _ = kit.twins()
    stated(kit.code_system("erp"), "NEW", catheter, valid_to=day(10))
    kit.feed("erp", {"NEW": kit.STAPLER | {"catalogue_number": "ZZ-9", "description": "Retractor, ring, 30 cm"}})
    assert meaning("erp-item", "NEW", 5) == catheter.public_id
    assert meaning("erp-item", "NEW", 10) == kit.golden("erp", "NEW").public_id


def test_what_a_system_s_own_record_says_until_further_notice_is_not_overruled():
    _, stapler = kit.twins()
    with pytest.raises(Refused, match="move that record"):
        stated(kit.code_system("erp"), "E1", stapler, valid_from=day(5))


def test_periods_that_end_before_they_begin_and_records_that_are_no_more_are_refused():
    catheter, stapler = kit.twins()
    erp = kit.code_system("erp")
    with pytest.raises(InvalidValue):
        stated(erp, "X", catheter, valid_from=day(5), valid_to=day(5))
    with pytest.raises(InvalidValue):
        stated(erp, " ", catheter)
    with pytest.raises(Refused, match="is no supplier"):
        stated(kit.code_system("erp", "supplier"), "X", catheter)
    survivor = merge.merge(survivor=catheter, loser=stapler, actor=kit.steward(), reason="One thing")
    with pytest.raises(MergedRecord):
        stated(erp, "X", stapler if survivor.pk == catheter.pk else catheter)


def codes_on(golden: GoldenRecord, on: int, **options: Any) -> list[tuple[str, bool]]:
    """(code, preferred) that lookups of S1, which is this record, give for the ERP on a day."""
    found = lookup.resolve("scm-item", "S1", to="erp-item", as_of=day(on), **options)
    assert found.id == golden.public_id
    return [(code.code, code.preferred) for code in found.codes]


def given_codes(golden: GoldenRecord, *codes: str) -> None:
    """Codes that the ERP gave its copies, the first of them preferred."""
    for code in codes:
        crosswalk.add_target_codes(
            code_system=kit.code_system("erp"), codes={golden.pk: [(code, "")]}, actor=kit.steward()
        )


def test_every_record_whose_codes_a_period_changes_gets_a_version_an_audit_row_and_an_event():
    catheter, stapler = kit.twins()
    before = {golden: kit.fresh(golden).version for golden in (catheter, stapler)}
    made = stated(kit.code_system("erp"), "E1", stapler, valid_to=day(10))
    for golden in (catheter, stapler):
        assert kit.versions(golden)[-1] == (before[golden] + 1, "updated")
        assert kit.fresh(golden).version == before[golden] + 1
        assert golden.history.model.objects.filter(id=golden.pk, version=before[golden] + 1).exists()
        assert AuditEntry.objects.filter(golden=golden, change_id=made.change_id, version=before[golden] + 1).exists()
    ChangeEvent.objects.update(position=F("id"))
    told = [change["id"] for change in feed.read(0, limit=100)[0]][-2:]
    assert sorted(told) == sorted([catheter.public_id, stapler.public_id])
    assert kit.rebuild() == []


def test_a_code_that_lasts_is_preferred_to_one_of_some_days_on_those_days_too():
    stapler = kit.twins()[1]
    erp = kit.code_system("erp")
    stated(erp, "OLD", stapler, valid_from=day(0), valid_to=day(10))
    alone, then = codes_on(stapler, 5), timezone.now()
    kit.feed("erp", {"E7": kit.STAPLER})
    assert alone == [("OLD", True)]
    assert codes_on(stapler, 5) == [("E7", True), ("OLD", False)]
    assert codes_on(stapler, 5, known_at=then) == alone


def test_a_record_that_loses_its_preferred_code_gets_another_from_that_day_on_and_old_answers_stay():
    catheter, stapler = kit.twins()
    given_codes(stapler, "G1", "G2")
    days = (5, 10, 15)
    before, then = {n: codes_on(stapler, n) for n in days}, timezone.now()
    assert before[5] == [("G1", True), ("G2", False)]
    stated(kit.code_system("erp"), "G1", catheter, valid_from=day(10))
    assert codes_on(stapler, 5) == before[5]
    assert codes_on(stapler, 10) == codes_on(stapler, 15) == [("G2", True)]
    assert {n: codes_on(stapler, n, known_at=then) for n in days} == before


def test_a_code_that_is_taken_for_some_days_is_what_it_was_before_and_after():
    catheter, stapler = kit.twins()
    given_codes(stapler, "G1", "G2")
    stated(kit.code_system("erp"), "G2", catheter, valid_from=day(5), valid_to=day(10))
    assert codes_on(stapler, 4) == codes_on(stapler, 10) == [("G1", True), ("G2", False)]
    assert codes_on(stapler, 7) == [("G1", True)]
    assert not Crosswalk.objects.get(code="G2", golden=catheter, known_to=None).preferred  # E1 is


def test_what_names_a_code_follows_it_to_the_record_that_it_means_from_now_on():
    kit.feed("sup", {"V1": {"name": "Halden Medical Inc"}, "V2": {"name": "Corvane Surgical"}}, "supplier")
    halden, corvane = (kit.golden("sup", code, "supplier") for code in ("V1", "V2"))
    system = kit.code_system("erp", "supplier")
    kit.feed("erp", {"E1": kit.CATHETER | {"preferred_supplier": "V9"}})
    item = kit.golden("erp", "E1")
    for supplier in (halden, corvane):
        stated(system, "V9", supplier, valid_from=day(0))
        assert kit.fresh(item).attributes.preferred_supplier == supplier


spans = st.tuples(st.integers(0, 30), st.integers(1, 20), st.integers(0, 2))


@given(corrections=st.lists(spans, min_size=1, max_size=5))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_correction_adds_to_what_is_right_and_never_changes_what_was_answered(corrections):
    """Each correction holds for its own days alone; asked as of an earlier instant, each day answers as it did then."""
    system = world.code_system(f"s{next(world._numbers)}-item", kind="primary")
    owners = [world.golden(f"OWNER {n}") for n in range(3)]
    probes = range(0, 52, 3)
    model: dict[int, str] = {}
    answered: list[tuple[dt.datetime, dict[int, str | None]]] = []
    for since, length, owner in corrections:
        stated(system, "7", owners[owner], valid_from=day(since), valid_to=day(since + length))
        model |= dict.fromkeys(range(since, since + length), owners[owner].public_id)
        now = timezone.now()
        answered.append((now, {n: meaning(system.slug, "7", n) for n in probes}))
        assert answered[-1][1] == {n: model.get(n) for n in probes}
    for then, answers in answered:
        assert {n: meaning(system.slug, "7", n, known_at=then) for n in probes} == answers
    assert not Crosswalk.objects.filter(code_system=system, valid_to__lte=FIRST).exists()
