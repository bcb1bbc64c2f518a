"""The crosswalk: rows in two clocks, one meaning a code, one preferred code."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from mdm import lookup
from mdm.changes import Change
from mdm.exceptions import Ambiguous
from mdm.models import Crosswalk, GoldenRecord, User
from mdm.services import crosswalk, merge, split
from tests.mdm import kit

pytestmark = pytest.mark.django_db

GTIN, BOX, OTHER = "00614141999996", "10614141999993", "00814141999990"


def catheter(**values: object) -> GoldenRecord:
    kit.feed("erp", {"E1": kit.CATHETER | values})
    return kit.golden("erp", "E1")


def row(golden: GoldenRecord, code: str = "X1", **values: object) -> Crosswalk:
    return Crosswalk.objects.create(
        **{"code_system": kit.code_system("erp"), "code": code, "golden": golden, "preferred": False,
           "known_from": timezone.now(), "change_id": "00000000-0000-0000-0000-000000000001"} | values
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ the database


def test_a_code_of_a_unique_system_means_one_record_at_a_time() -> None:
    one, two = kit.twins()
    row(one)
    with pytest.raises(IntegrityError, match="one_live_golden_per_code"), transaction.atomic():
        row(two)


def test_a_code_may_mean_another_record_in_another_period() -> None:
    one, two = kit.twins()
    change = dt.date(2026, 1, 1)
    row(one, valid_to=change)
    row(two, valid_from=change)
    assert lookup.resolve("erp-item", "X1", as_of=dt.date(2025, 6, 1)).id == one.public_id
    assert lookup.resolve("erp-item", "X1", as_of=change).id == two.public_id


def test_of_two_first_codes_opened_at_once_one_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    golden, system = catheter(), kit.code_system("scm")
    change = Change.begin(User.objects.system(), "test")
    monkeypatch.setattr(
        crosswalk, "_preferred", lambda goldens: defaultdict(list)
    )  # what each of two transactions sees
    for code in ("A1", "A2"):
        crosswalk.open_rows(change, [((system.pk, code, "EA"), golden.pk, None)])
    rows = Crosswalk.objects.filter(code_system=system).order_by("code")
    assert list(rows.values_list("code", "preferred")) == [("A1", True), ("A2", False)]


def test_what_is_known_no_more_does_not_stand_in_the_way() -> None:
    one, two = kit.twins()
    then = timezone.now() - dt.timedelta(days=2)
    row(one, known_from=then, known_to=then + dt.timedelta(days=1))
    row(two)
    assert lookup.resolve("erp-item", "X1", known_at=then).id == one.public_id
    assert lookup.resolve("erp-item", "X1").id == two.public_id


def test_one_preferred_code_per_record_system_and_unit() -> None:
    golden = catheter()
    with pytest.raises(IntegrityError, match="one_preferred_code"), transaction.atomic():
        row(golden, preferred=True)
    row(golden, uom="BX", preferred=True)


def test_rows_are_closed_never_changed_or_deleted() -> None:
    golden, other = kit.twins()
    standing = golden.codes.get(code="E1")
    for wrong in ({"golden": other}, {"code": "E2"}, {"valid_to": dt.date(2026, 1, 1)}, {"known_to": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Crosswalk.objects.filter(pk=standing.pk).update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        Crosswalk.objects.filter(pk=standing.pk).delete()
    Crosswalk.objects.filter(pk=standing.pk).update(known_to=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Crosswalk.objects.filter(pk=standing.pk).update(known_to=timezone.now())


# -------------------------------------------------------------------------------------------------------- identifiers


def test_identifiers_follow_the_golden_values_with_their_units() -> None:
    golden = catheter(gtin=GTIN, packaging=[{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10, "gtin": BOX}])
    found = golden.codes.filter(code_system__slug="gtin", known_to__isnull=True)
    assert set(found.values_list("code", "uom", "preferred")) == {(GTIN, "EA", True), (BOX, "BX", True)}
    kit.feed("erp", {"E1": kit.CATHETER | {"gtin": OTHER}})
    assert set(found.all().values_list("code", "uom")) == {(OTHER, "EA")}
    assert golden.codes.filter(code_system__slug="gtin", known_to__isnull=False).count() == 2


def test_an_invalid_identifier_is_kept_as_a_value_and_is_no_code() -> None:
    golden = catheter(gtin="00614141999990")
    assert golden.item.gtin == "00614141999990"
    assert "gtin" not in kit.codes(golden)


def test_a_shared_identifier_answers_with_the_candidates() -> None:
    kit.feed("register", {"R1": kit.CATHETER | {"gtin": GTIN}, "R2": kit.STAPLER | {"gtin": GTIN}}, deduplicated=True)
    ids = sorted(kit.golden("register", code).public_id for code in ("R1", "R2"))
    with pytest.raises(Ambiguous) as caught:
        lookup.resolve("gtin", GTIN)
    assert caught.value.details["candidates"] == ids


# ---------------------------------------------------------------------------------------------- codes that targets gave


def give(golden: GoldenRecord, *codes: tuple[str, str]) -> int:
    return crosswalk.add_target_codes(
        code_system=kit.code_system("ehr"), codes={golden.pk: codes}, actor=User.objects.system()
    )


def test_a_targets_code_is_kept_once_and_bumps_no_version() -> None:
    golden = catheter()
    assert give(golden, ("C1", "EA"), ("C2", "BX")) == 2
    assert give(golden, ("C1", "EA"), (" C1 ", "BX")) == 0
    assert kit.codes(golden)["ehr-item"] == ["C1", "C2"]
    assert kit.fresh(golden).version == 1


def test_one_target_code_for_two_units_is_one_entry() -> None:
    golden = catheter()
    assert give(golden, ("C1", "EA"), ("C1", "BX")) == 1


def test_a_code_that_means_another_record_is_left_alone() -> None:
    one, two = kit.twins()
    give(one, ("C1", ""))
    assert give(two, ("C1", "")) == 0
    assert lookup.resolve("ehr-item", "C1").id == one.public_id


def test_a_targets_own_feed_may_bring_the_code_that_its_receipt_gave() -> None:
    golden = catheter()
    give(golden, ("C1", ""))
    kit.feed("ehr", {"C1": kit.SAME_CATHETER})
    assert kit.golden("ehr", "C1") == golden
    live = golden.codes.get(code="C1", known_to__isnull=True)
    assert (live.source, live.preferred) == (kit.source("ehr", "C1"), True)
    assert not kit.rebuild()


# ------------------------------------------------------------------------------------------------------- two clocks


def test_what_concord_would_have_answered_before_a_merge_and_an_unmerge_is_still_known() -> None:
    one, two = kit.twins()
    clocks = [timezone.now()]
    merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
    clocks.append(timezone.now())
    split.unmerge(loser=two, actor=kit.steward(), reason="Not one thing")
    clocks.append(timezone.now())
    named = [Crosswalk.objects.exclude(known_to__lte=at).get(code="S1", known_from__lte=at).golden for at in clocks]
    assert named == [two, one, two]
