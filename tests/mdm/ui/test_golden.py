"""One golden record: provenance, versions, a steward's values, retirement and unmerging."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.models import ChangeRequest, Crosswalk, GoldenRecord, Override
from mdm.services import merge
from tests.mdm import kit
from tests.mdm.ui.conftest import HX


@pytest.fixture
def catheter(db) -> GoldenRecord:
    """Two systems agree on what it is and differ in how they say so."""
    kit.feed("erp", {"E1": kit.CATHETER | {"sterile": True}}, trust=90)
    kit.feed("scm", {"D1": kit.SAME_CATHETER}, trust=40)
    return kit.golden("erp", "E1")


def address(golden: GoldenRecord, rest: str = "") -> str:
    return f"/items/{golden.public_id}/{rest}"


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def edit(client, golden: GoldenRecord, **changed: object):
    """Post the edit form as the page shows it, with some fields changed."""
    page = client.get(address(golden, "edit/"))
    form = page.context["form"]
    shown = {name: form[name].value() for name in form.fields}
    shown = {name: value for name, value in shown.items() if value is not None}
    return client.post(address(golden, "edit/"), shown | {"reason": "On the label"} | changed)


def test_every_value_says_where_it_comes_from_and_why(viewer, catheter):
    text = text_of(viewer.get(address(catheter)))
    assert "CATHETER FOLEY 16FR 5CC SILICONE COATED" in text
    assert "Most trusted source" in text
    assert "Only value" in text


def test_losing_values_are_kept_and_shown(viewer, catheter):
    text = text_of(viewer.get(address(catheter)))
    assert "Foley catheter, 16 Fr, 5 mL, silicone-coated" in text


def test_codes_and_sources_of_every_system_are_shown(viewer, catheter):
    text = text_of(viewer.get(address(catheter)))
    assert "E1" in text
    assert "D1" in text
    assert "Matched automatically" in text


def test_wins_are_counted_in_the_attributes_that_are_shown(viewer, catheter):
    page = viewer.get(address(catheter))
    view = page.context["view"]
    won = {source.code: wins for source, wins in view.sources}
    assert sum(won.values()) == view.stated
    assert f"ERP E1 {won['E1']} of {view.stated}" in text_of(page)


def test_codes_that_ended_are_folded_away_and_not_copied(viewer, catheter):
    assert "ended code" not in text_of(viewer.get(address(catheter)))
    row = Crosswalk.objects.get(code="E1", known_to__isnull=True)
    row.pk, row.code, row.valid_to = None, "E0", timezone.localdate()
    row.preferred = False
    row.save()
    page = text_of(viewer.get(address(catheter)))
    assert "Show 1 ended code" in page
    codes = viewer.get(address(catheter)).content.decode().split('data-copied="codes"')[1]
    assert "E0" not in codes.split("<details")[0]
    assert "Ended" in codes.split("<details")[1]


def test_the_score_leads_to_the_rules_behind_it(viewer, catheter):
    page = viewer.get(address(catheter))
    score = page.context["view"].quality.shown
    assert f'<a class="link" href="#quality">quality {score}</a>' in page.content.decode()
    assert f"Quality {score} 3 rules are broken ≠ Broken: GTIN, each is stated" in text_of(page)
    assert "/quality/items/stated.gtin/" in page.content.decode()
    GoldenRecord.objects.update(status="retired")
    assert "#quality" not in viewer.get(address(catheter)).content.decode()


def test_the_page_asks_as_many_questions_whatever_the_record_has(viewer, catheter):
    viewer.get(address(catheter))
    with CaptureQueriesContext(connection) as small:
        viewer.get(address(catheter))
    levels = [{"uom": u, "quantity": 2} for u in ("EA", "BX", "CS", "PL")]
    kit.feed("erp", {"E1": kit.CATHETER | {"packaging": levels}})
    for number in range(4):
        kit.feed("erp", {"E1": kit.CATHETER | {"brand": f"Brand {number}"}})
    with CaptureQueriesContext(connection) as large:
        viewer.get(address(catheter))
    assert len(large) == len(small)
    assert len(small) <= 35


def test_the_timeline_tells_what_a_version_changed(viewer, catheter):
    kit.feed("erp", {"E1": kit.CATHETER | {"sterile": True, "brand": "Flowline"}})
    catheter.refresh_from_db()
    text = text_of(viewer.get(address(catheter)))
    assert "Brand ∅ not stated Flowline" in text
    fragment = viewer.get(address(catheter, "versions/1/"), headers=HX)
    assert b"<html" not in fragment.content
    assert "Sterile ∅ not stated Yes" in text_of(fragment)


def test_older_versions_come_in_pages(viewer, catheter):
    for number in range(15):
        kit.feed("erp", {"E1": kit.CATHETER | {"brand": f"Brand {number}"}})
    page = viewer.get(address(catheter)).content.decode()
    link = re.search(r'hx-get="([^"]+versions/\?before=\d+)"', page)[1]
    older = viewer.get(link, headers=HX).content.decode()
    shown = re.findall(r">v(\d+)<", page.split('id="timeline"')[1]) + re.findall(r">v(\d+)<", older)
    assert shown == [str(n) for n in range(int(shown[0]), 0, -1)]


def test_a_stewards_value_replaces_the_sources_and_says_who_and_why(steward, catheter):
    answer = edit(steward, catheter, brand="Flowline", reason="Printed on the pack")
    assert answer.status_code == 302
    catheter.refresh_from_db()
    assert catheter.item.brand == "Flowline"
    text = text_of(steward.get(address(catheter)))
    assert "Steward's value" in text
    assert "Printed on the pack" in text
    assert Override.objects.get().author == kit.steward()


def test_only_what_was_changed_becomes_a_stewards_value(steward, catheter):
    edit(steward, catheter, brand="Flowline", sterile="no")
    assert set(Override.objects.values_list("path", flat=True)) == {"brand", "sterile"}


def test_saving_without_a_change_saves_nothing(steward, catheter):
    edit(steward, catheter)
    assert not Override.objects.exists()


def test_without_a_reason_nothing_is_saved(steward, catheter):
    answer = edit(steward, catheter, brand="Flowline", reason="")
    assert answer.status_code == 422
    assert not Override.objects.exists()


def test_a_refused_value_keeps_the_form_and_names_the_field(steward, catheter):
    answer = edit(steward, catheter, brand="Flowline", preferred_supplier="MDM-SU-999999")
    assert answer.status_code == 422
    assert "MDM-SU-999999" in text_of(answer)
    assert not Override.objects.exists(), "all or none"


def test_who_edits_an_old_version_is_told_so(steward, catheter):
    answer = edit(steward, catheter, brand="Flowline", version=1 if catheter.version > 1 else 99)
    assert answer.status_code == 409
    assert not Override.objects.exists()


def test_the_value_of_another_source_can_be_proposed(steward, catheter):
    other = catheter.provenance["description"]["others"][0]
    page = steward.get(address(catheter, f"edit/?path=description&source={other['source']}"))
    assert other["value"] in unescape(page.content.decode())


def test_a_guarded_value_waits_for_a_second_person(steward, approver, catheter):
    edit(steward, catheter, latex="contains")
    edit(steward, GoldenRecord.objects.get(pk=catheter.pk), latex="free", reason="New label")
    catheter.refresh_from_db()
    assert catheter.item.latex == "contains"
    request = ChangeRequest.objects.get(state="open")
    assert "Latex" in text_of(approver.get(f"/approvals/{request.pk}/"))
    approver.post(f"/approvals/{request.pk}/decide/", {"decision": "approve"})
    catheter.item.refresh_from_db()
    assert catheter.item.latex == "free"


def test_a_withdrawn_value_gives_way_to_the_sources(steward, catheter):
    edit(steward, catheter, manufacturer="Somebody else")
    override = Override.objects.get()
    answer = steward.post(address(catheter, f"overrides/{override.pk}/withdraw/"), {"reason": "Was wrong"})
    assert answer.status_code == 302
    catheter.item.refresh_from_db()
    assert catheter.item.manufacturer == "Halden Medical Inc"


def test_retiring_needs_a_reason_and_is_done(steward, catheter):
    assert steward.post(address(catheter, "retire/"), {"reason": ""}).status_code == 422
    steward.post(address(catheter, "retire/"), {"reason": "No longer bought"})
    catheter.refresh_from_db()
    assert catheter.status == "retired"


def test_an_implant_is_retired_by_two(steward, db):
    kit.feed("erp", {"E1": kit.CATHETER | {"implant": True}})
    golden = kit.golden("erp", "E1")
    answer = steward.post(address(golden, "retire/"), {"reason": "No longer bought"}, follow=True)
    golden.refresh_from_db()
    assert golden.status == "live"
    assert "Sent to a second person" in text_of(answer)


def test_a_merged_record_leads_to_its_survivor_and_can_be_unmerged(steward, db):
    kit.feed("erp", {"E1": kit.CATHETER, "E9": kit.STAPLER})
    one, two = kit.golden("erp", "E1"), kit.golden("erp", "E9")
    survivor = merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="A test")
    loser = two if survivor.pk == one.pk else one
    assert survivor.public_id in text_of(steward.get(address(loser)))
    steward.post(address(loser, "unmerge/"), {"reason": "They differ"})
    loser.refresh_from_db()
    assert loser.status == "live"


def test_a_hierarchy_is_shown_from_its_top_to_what_is_below(viewer, db):
    places = {"A": {"name": "System"}, "B": {"name": "Campus", "parent": "A"}, "C": {"name": "Ward", "parent": "B"}}
    kit.feed("erp", places, "location")
    campus = kit.golden("erp", "B", "location")
    tree = re.search(r'<ul class="tree">.*', viewer.get(f"/locations/{campus.public_id}/").content.decode(), re.DOTALL)[
        0
    ]
    assert tree.index("System") < tree.index("Campus") < tree.index("Ward")
