"""A golden record's past and kin: as it was, going back, splitting, relating."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.models import ChangeRequest, GoldenRecord, Override, Relation, Substitution
from mdm.services import change, relations
from tests.mdm import kit
from tests.mdm.ui.conftest import HX

pytestmark = pytest.mark.django_db


@pytest.fixture
def catheter() -> GoldenRecord:
    """Version 1 says 16 Fr, not sterile; then the ERP says otherwise."""
    kit.feed("erp", {"E1": kit.CATHETER | {"category": "Urology", "packaging": [{"uom": "BX", "quantity": 10}]}})
    kit.feed("erp", {"E1": kit.CATHETER | {"category": "Surgery", "packaging": [{"uom": "BX", "quantity": 12}]}})
    return kit.golden("erp", "E1")


def at(golden: GoldenRecord, rest: str) -> str:
    return f"/items/{golden.public_id}/{rest}"


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def first_version(golden: GoldenRecord) -> int:
    return golden.events.order_by("version").first().version


def test_a_record_is_shown_as_it_was_beside_now(viewer, catheter):
    page = text_of(viewer.get(at(catheter, f"as-of/?version={first_version(catheter)}")))
    assert "Category Urology ≠ Surgery" in page
    assert "2 differ" in page
    assert "E1" in page


def test_a_record_did_not_exist_before_its_first_version(viewer, catheter):
    assert "It did not exist then" in text_of(viewer.get(at(catheter, "as-of/?at=2001-01-01T00:00")))


def test_two_moments_are_compared(viewer, catheter):
    then = catheter.events.order_by("version").first().recorded_at.isoformat()
    page = viewer.get(at(catheter, "as-of/"), {"at": then, "other": then})
    assert "nothing differs" in text_of(page)


@pytest.mark.parametrize("query", ["?at=yesterday", "?version=0", "?other=<script>"])
def test_a_moment_that_is_none_is_refused(viewer, catheter, query):
    assert viewer.get(at(catheter, f"as-of/{query}")).status_code == 422


def test_a_version_that_never_was_is_not_found(steward, catheter):
    assert steward.get(at(catheter, "as-of/?version=99")).status_code == 404
    assert steward.get(at(catheter, "versions/99/revert/")).status_code == 404


def test_a_revert_is_shown_first_and_then_brings_the_values_back(steward, catheter):
    address = at(catheter, f"versions/{first_version(catheter)}/revert/")
    page = steward.get(address)
    assert "Category Surgery Urology" in text_of(page)
    assert "Packaging BX: Quantity 12 10" in text_of(page)
    form = {"path": ["category", "packaging[BX].quantity"], "reason": "The feed was wrong", "version": catheter.version}
    assert steward.post(address, form).status_code == 302
    back = kit.fresh(catheter)
    assert back.attributes.category == "Urology"
    assert back.attributes.packaging.get(uom="BX").quantity == 10
    assert kit.rebuild() == []
    assert "Nothing to bring back" in text_of(steward.get(address))


def test_a_revert_withdraws_an_override_that_was_set_since(steward, catheter):
    before = catheter.version
    change.override(golden=catheter, path="category", value="Cardiology", actor=kit.steward(), reason="Test")
    catheter = kit.fresh(catheter)
    form = {"path": ["category"], "reason": "Wrong", "version": catheter.version}
    steward.post(at(catheter, f"versions/{before}/revert/"), form)
    assert kit.fresh(catheter).attributes.category == "Surgery"
    assert not Override.objects.filter(withdrawn_at__isnull=True).exists()


def test_a_childs_value_comes_back_by_withdrawing_its_override_where_that_is_enough(steward, catheter):
    before, path = catheter.version, "packaging[BX].quantity"
    change.override(golden=catheter, path=path, value=20, actor=kit.steward(), reason="Test")
    form = {"path": [path], "reason": "Wrong", "version": kit.fresh(catheter).version}
    steward.post(at(catheter, f"versions/{before}/revert/"), form)
    assert kit.fresh(catheter).attributes.packaging.get(uom="BX").quantity == 12
    assert not Override.objects.filter(withdrawn_at__isnull=True).exists(), "the ERP speaks again"


def test_a_child_that_only_overrides_made_says_again_what_it_said(steward, catheter):
    for quantity in (100, 120):
        change.override(
            golden=catheter, path="packaging[CA].quantity", value=quantity, actor=kit.steward(), reason="Label"
        )
        catheter = kit.fresh(catheter)
    form = {"path": ["packaging[CA].quantity"], "reason": "Misread", "version": catheter.version}
    steward.post(at(catheter, f"versions/{catheter.version - 1}/revert/"), form)
    assert kit.fresh(catheter).attributes.packaging.get(uom="CA").quantity == 100


def test_a_guarded_value_comes_back_only_with_a_second_person(steward):
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains"}})
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains", "category": "Urology"}})
    golden = kit.golden("erp", "E1")
    first = first_version(golden)
    change.override(golden=golden, path="latex", value="free", actor=kit.steward(), reason="Label")
    request = ChangeRequest.objects.get()
    change.approve(request=request, actor=kit.approver(), reason="Seen")
    golden = kit.fresh(golden)
    assert golden.attributes.latex == "free"
    page = text_of(steward.get(at(golden, f"versions/{first}/revert/")))
    assert "Second person" in page
    form = {"path": ["latex"], "reason": "Label misread", "version": golden.version}
    steward.post(at(golden, f"versions/{first}/revert/"), form)
    assert kit.fresh(golden).attributes.latex == "free"
    assert ChangeRequest.objects.filter(state="open", path="latex").count() == 1


def test_a_revert_of_what_changed_meanwhile_is_refused(steward, catheter):
    address = at(catheter, f"versions/{first_version(catheter)}/revert/")
    form = {"path": ["category"], "reason": "Old", "version": catheter.version - 1}
    assert steward.post(address, form).status_code == 409
    assert steward.post(address, form | {"version": catheter.version, "reason": " "}).status_code == 422
    assert steward.post(address, form | {"version": catheter.version, "path": ["nope"]}).status_code == 422


def test_a_split_is_shown_first_and_then_done(steward):
    kit.feed("erp", {"E1": kit.CATHETER}, trust=90)
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"category": "Urology"}}, trust=40)
    golden, source = kit.golden("erp", "E1"), kit.source("scm", "S1")
    assert source.golden == golden
    preview = text_of(steward.get(at(golden, "divide/"), {"source": source.pk}, headers=HX))
    assert "Category Urology ∅ not stated" in preview
    assert "The new record would say" in preview
    assert kit.fresh(source).golden == golden
    answer = steward.post(at(golden, "divide/"), {"source": source.pk, "reason": "Another size"})
    fresh = kit.fresh(source).golden
    assert answer["Location"] == f"/items/{fresh.public_id}/"
    assert (fresh != golden, fresh.attributes.category) == (True, "Urology")


def test_all_sources_cannot_leave(steward, catheter):
    source = kit.source("erp", "E1")
    assert "At least one record has to stay" in text_of(steward.get(at(catheter, "divide/"), {"source": source.pk}))
    assert steward.post(at(catheter, "divide/"), {"source": source.pk, "reason": "x"}).status_code == 422


def test_a_substitute_is_proposed_and_holds_at_a_site_and_for_a_time_once_approved(steward):
    one, two = kit.twins()
    kit.feed("erp", {"L1": {"name": "Main OR", "location_type": "unit"}}, "location")
    site = kit.golden("erp", "L1", "location")
    form = {"kind": "substitute", "other": two.public_id, "site": site.public_id, "reason": "Clinical approval"}
    form |= {"valid_from": "2026-07-01", "valid_to": "2099-01-01", "factor": "2"}
    assert steward.post(at(one, "relate/"), form).status_code == 302
    assert "Its substitute" not in text_of(steward.get(at(two, "")))
    assert "already" in text_of(steward.post(at(one, "relate/"), form))
    asked = text_of(steward.get(f"/approvals/{ChangeRequest.objects.get().pk}/"))
    assert f"{one.public_id} may stand in for it." in asked
    assert "merged" not in asked
    change.approve(request=ChangeRequest.objects.get(), actor=kit.approver(), reason="Seen")
    page = text_of(steward.get(at(two, "")))
    assert f"{one.name} Its substitute · 2 for one · at Main OR · 01 Jul 2026 to before 01 Jan 2099" in page
    assert "It may stand in for this" in text_of(steward.get(at(one, "")))
    end = at(two, f"substitutes/{Substitution.objects.get().pk}/end/")
    assert steward.post(end, {"reason": ""}).status_code == 422
    assert steward.post(end, {"reason": "Out of stock"}).status_code == 302
    assert "Its substitute" not in text_of(steward.get(at(two, "")))


def test_a_third_of_a_unit_stands_in_exactly(steward):
    one, two = kit.twins()
    form = {"kind": "substitute", "other": two.public_id, "factor": "1/3", "reason": "Packs of three"}
    for wrong in ("1/0", "third", "-1", "1 2"):
        assert steward.post(at(one, "relate/"), form | {"factor": wrong}).status_code == 422
    assert steward.post(at(one, "relate/"), form).status_code == 302
    assert ChangeRequest.objects.get().diff["factor"]["after"] == "1/3"
    change.approve(request=ChangeRequest.objects.get(), actor=kit.approver(), reason="Seen")
    assert "1/3 for one" in text_of(steward.get(at(two, "")))


def test_a_relation_can_be_turned_round_and_ended(steward):
    one, two = kit.twins()
    steward.post(at(one, "relate/"), {"kind": "parent.", "other": two.public_id, "reason": "Kit"})
    relation = Relation.objects.get()
    assert (relation.subject, relation.object) == (two, one)
    end = at(one, f"relations/{relation.pk}/end/")
    assert steward.post(end, {"reason": ""}).status_code == 422
    assert steward.post(end, {"reason": "Kit was dropped"}).status_code == 302
    relation.refresh_from_db()
    assert relation.state == "ended"
    assert "ended" in text_of(steward.get(at(one, "")))


def test_a_relation_that_had_not_begun_never_holds():
    one, two = kit.twins()
    later = timezone.localdate() + dt.timedelta(days=30)
    made = relations.relate(
        subject=one, object=two, kind="related", actor=kit.steward(), reason="Trial", valid_from=later
    )
    assert made.state == "later"
    assert relations.end(relation=made, actor=kit.steward(), reason="No trial").valid_to == later


@pytest.mark.parametrize("other", ["MDM-IT-999999", "<script>", "self", "x" * 21])
def test_a_record_is_not_related_to_nothing_or_itself(steward, other):
    one, _ = kit.twins()
    form = {"kind": "related", "other": one.public_id if other == "self" else other, "reason": "x"}
    assert steward.post(at(one, "relate/"), form).status_code == 422


def test_the_past_costs_a_fixed_number_of_queries(steward, catheter):
    address = at(catheter, "as-of/")
    steward.get(address)
    with CaptureQueriesContext(connection) as queries:
        steward.get(address)
    assert len(queries) <= 22


def test_who_may_only_look_is_offered_nothing(viewer, catheter):
    page = viewer.get(at(catheter, "")).content.decode()
    for act in ("/revert/", "/divide/", "/relate/"):
        assert act not in page
