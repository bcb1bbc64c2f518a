"""The review workplace: what is shown is what was scored, and a decision is carried out once."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mdm.models import Check, Comment, Judgement, Relation, SourceRecord, WorkItem
from mdm.services import double_review
from mdm.services import review as service
from mdm.ui.readers import queue as queues
from mdm.ui.readers.compare import Comparison
from mdm.ui.readers.review import Review
from sync.models import Target
from tests.mdm import kit
from tests.mdm.ui.conftest import HX, browser

State = WorkItem.State


@pytest.fixture
def item(db) -> WorkItem:
    return kit.doubtful()


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def decide(client, item: WorkItem, decision: str, **data: object):
    said = {"decision": decision, "version": item.version, "candidate": "", **data}
    return client.post(f"/review/{item.pk}/decide/", said, headers=HX)


def test_the_score_shown_is_the_score_stored(steward, item):
    text = text_of(steward.get(f"/review/{item.pk}/"))
    assert f"{item.candidates[0]['probability'] * 100:.1f}"[:2] in text
    for piece in item.candidates[0]["evidence"]:
        if abs(piece["bits"]) >= 0.05:
            assert piece["label"] in text


def test_both_records_are_shown_side_by_side_with_what_would_survive(steward, item):
    text = text_of(steward.get(f"/review/{item.pk}/"))
    assert "CATHETER FOLEY 16FR 5CC SILICONE COATED" in text
    assert "Foley catheter, 18 Fr, 5 mL, silicone-coated" in text.replace(" ,", ",")
    assert "If matched" in text


def test_a_veto_is_said_in_words(steward, item):
    text = text_of(steward.get(f"/review/{item.pk}/"))
    assert "sizes differ" in text
    assert "only A: 16fr" in text, "A is the golden record, as above its column"
    assert "only B: 18fr" in text


def test_accepting_links_the_record_and_shows_the_next_item(steward, item):
    answer = decide(steward, item, "accept")
    assert answer.status_code == 200
    item.refresh_from_db()
    assert item.state == State.DONE
    assert kit.golden("scm", "D1") == kit.golden("erp", "E1")
    assert "Queue is clear" in text_of(answer)


def test_a_picked_value_survives_against_the_rule(steward, item):
    shown = Review(item)
    row = next(r for r in shown.comparison.rows if r.field.name == "description")
    assert row.choice
    other = "b" if row.default == "a" else "a"
    decide(steward, item, "accept", **{"pick.description": other}, reason="Reads better")
    golden = kit.golden("erp", "E1")
    expected = row.b.value if other == "b" else row.a.value
    assert golden.item.description == expected


def test_leaving_the_rules_choice_makes_no_override(steward, item):
    rows = Review(item).comparison.rows
    decide(steward, item, "accept", **{f"pick.{r.field.name}": r.default for r in rows if r.choice})
    assert not kit.golden("erp", "E1").overrides.exists()


def test_not_a_match_makes_a_record_of_its_own_and_is_remembered(steward, item):
    decide(steward, item, "reject", reason="Another size")
    assert kit.golden("scm", "D1") != kit.golden("erp", "E1")
    assert Judgement.objects.get().verdict == Judgement.Verdict.DIFFERENT


def test_a_new_record_is_made_on_demand(steward, item):
    decide(steward, item, "new")
    assert kit.golden("scm", "D1") != kit.golden("erp", "E1")


def test_relating_needs_a_reason(steward, item):
    answer = decide(steward, item, "relate", kind="related")
    assert answer.status_code == 422
    assert not Relation.objects.exists()
    decide(steward, item, "relate", kind="related", reason="Clinical committee")
    assert Relation.objects.get().kind == "related"


def test_a_substitute_is_proposed_and_said_to_be(steward, item):
    answer = decide(steward, item, "relate", kind="substitute", reason="Clinical committee")
    assert not Relation.objects.exists()
    assert "Proposed, not the same" in " ".join(map(str, get_messages(answer.wsgi_request)))


def test_a_snoozed_item_leaves_the_queue_and_is_found_under_later(steward, item):
    decide(steward, item, "snooze", until="week")
    item.refresh_from_db()
    assert item.state == State.SNOOZED
    assert 6 <= (item.snoozed_until - timezone.now()).days <= 7
    assert item.title in text_of(steward.get("/review/?view=later"))
    assert item.title not in text_of(steward.get("/review/?view=team"))


def test_a_snoozed_item_is_said_to_be_back_on_the_day_of_the_site_s_clock(steward, item, settings):
    settings.TIME_ZONE = kit.elsewhere()
    answer = decide(steward, item, "snooze", until="week")
    item.refresh_from_db()
    day = timezone.localtime(item.snoozed_until)
    assert f"Back on {day:%d %b}" in " ".join(map(str, get_messages(answer.wsgi_request)))


def test_the_last_decision_can_be_taken_back(steward, item):
    decide(steward, item, "accept")
    answer = steward.post("/review/undo/", {}, headers=HX)
    item.refresh_from_db()
    assert item.state == State.OPEN
    assert SourceRecord.objects.get(pk=item.source_id).golden_id is None
    assert item.title in text_of(answer)


def test_a_candidate_ruled_out_makes_room_for_the_next(steward, item):
    second = item.candidates[0] | {"golden": kit.golden("erp", "E1").pk}
    kit.feed("erp", {"E9": kit.STAPLER})
    item.candidates = [second, item.candidates[0] | {"golden": kit.golden("erp", "E9").pk}]
    item.save()
    answer = decide(steward, item, "reject")
    item.refresh_from_db()
    assert item.state == State.OPEN
    assert len(item.candidates) == 1
    assert kit.golden("erp", "E9").public_id in text_of(answer)


def test_nothing_to_undo_is_said(steward, item):
    answer = steward.post("/review/undo/", {}, headers=HX)
    assert answer.status_code == 200
    assert "There is nothing to take back." in text_of(answer)


def test_what_cannot_be_taken_back_is_said_beside_the_item_and_leaves_the_workplace(steward, item):
    decide(steward, item, "accept")
    WorkItem.objects.filter(pk=item.pk).update(resolution="strange")
    answer = steward.post("/review/undo/", {}, headers=HX)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'id="queue"' in page
    assert "data-focus" in page
    assert "toast--error" in page
    assert answer["HX-Push-Url"].startswith(f"/review/{item.pk}/")


def test_a_pair_fetched_beforehand_offers_to_take_back_the_decision_that_brings_it_up(steward, item):
    assert 'data-key="z"' not in steward.get(f"/review/{item.pk}/", headers=HX).content.decode()
    ahead = steward.get(f"/review/{item.pk}/", headers=HX | {"Purpose": "prefetch"})
    assert 'data-key="z"' in ahead.content.decode()


def test_what_a_fragment_says_joins_the_notices_that_stand(steward, item):
    """A region that is there already is read out when something joins it; one that is replaced is not."""
    assert 'hx-swap-oob="beforeend:#messages"' in decide(steward, item, "accept").content.decode()


def test_the_second_of_two_stewards_gets_the_item_as_it_is_now(steward, approver, item):
    decide(steward, item, "accept")
    answer = decide(steward, item, "reject")
    assert answer.status_code == 409
    assert "decided already" in text_of(answer)
    assert kit.golden("scm", "D1") == kit.golden("erp", "E1")


def test_a_decision_on_an_item_that_changed_is_refused_with_the_new_state(steward, item):
    answer = decide(steward, item, "accept", version=item.version + 7)
    assert answer.status_code == 409
    item.refresh_from_db()
    assert item.state == State.OPEN
    assert item.title in text_of(answer)


@pytest.mark.parametrize("data", [{"decision": "explode"}, {"version": "x"}, {"decision": ""}])
def test_a_form_that_makes_no_sense_decides_nothing(steward, item, data):
    assert decide(steward, item, data.pop("decision", "accept"), **data).status_code == 409
    item.refresh_from_db()
    assert item.state == State.OPEN


def test_without_javascript_the_same_form_leads_to_the_next_page(steward, item):
    said = {"decision": "accept", "version": item.version}
    answer = steward.post(f"/review/{item.pk}/decide/", said)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/review/")


def test_who_may_not_decide_is_refused(viewer, item):
    assert decide(viewer, item, "accept").status_code == 403
    item.refresh_from_db()
    assert item.state == State.OPEN


def test_who_may_only_look_is_offered_no_pick(viewer, item):
    html = viewer.get(f"/review/{item.pk}/").content.decode()
    assert 'name="pick.' not in html
    assert "data-other" not in html
    assert "A steward decides this." in html


def test_an_item_is_taken_and_given_back(steward, item):
    steward.post(f"/review/{item.pk}/claim/", headers=HX)
    item.refresh_from_db()
    assert item.assignee == kit.steward()
    assert item.title in text_of(steward.get("/review/?view=mine"))
    steward.post(f"/review/{item.pk}/claim/", headers=HX)
    item.refresh_from_db()
    assert item.assignee is None


def test_a_comment_is_kept_and_shown(steward, item):
    answer = steward.post(f"/review/{item.pk}/comment/", {"text": "Ask the <ward>"}, headers=HX)
    assert Comment.objects.get().author == kit.steward()
    assert "Ask the &lt;ward&gt;" in answer.content.decode()


def test_the_queue_asks_as_many_questions_for_many_items_as_for_one(steward, item):
    steward.get(f"/review/{item.pk}/")
    with CaptureQueriesContext(connection) as one:
        steward.get(f"/review/{item.pk}/")
    size = {
        f"D{n}": kit.SAME_CATHETER | {"description": f"Foley catheter, {n} Fr, 5 mL, coated"} for n in range(20, 30)
    }
    kit.feed("scm", size)
    assert WorkItem.objects.filter(state=State.OPEN).count() > 3
    with CaptureQueriesContext(connection) as many:
        steward.get(f"/review/{item.pk}/")
    assert len(many) <= len(one)
    assert len(one) <= 32


def test_the_queue_can_be_narrowed_to_a_domain(steward, item):
    assert item.title in text_of(steward.get("/review/?domain=item"))
    assert "No item fits this filter" in text_of(steward.get("/review/?domain=supplier"))


def test_overdue_items_are_marked(steward, item):
    WorkItem.objects.update(due_at=timezone.now() - timezone.timedelta(hours=1))
    assert "1 h late" in text_of(steward.get("/review/"))


def test_both_values_can_be_kept_one_until_a_day(steward, item):
    (row,) = (row for row in Review(item).comparison.rows if row.field.name == "description")
    assert (row.dated, row.default) == ("a", "b")
    text = row.a.value
    page = text_of(steward.get(f"/review/{item.pk}/"))
    assert "Both: A until the day below, then B" in page
    unsaid = decide(steward, item, "accept", **{"pick.description": "both", "until.description": "2020-01-01"})
    assert "Description: say the day, from tomorrow on" in text_of(unsaid)
    day = timezone.localdate() + timezone.timedelta(days=9)
    said = {"pick.description": "both", "until.description": day.isoformat()}
    assert decide(steward, item, "accept", **said).status_code == 200
    golden = kit.golden("erp", "E1")
    kept = golden.overrides.get()
    assert (golden.item.description, timezone.localtime(kept.until).date()) == (text, day)
    shown = text_of(steward.get(f"/items/{golden.public_id}/"))
    assert f"until {day:%d %b %Y}, then the sources decide" in shown


def test_a_value_only_one_side_states_is_no_choice(item):
    comparison = Review(item).comparison
    assert isinstance(comparison, Comparison)
    for row in comparison.rows:
        if not (row.a.stated and row.b.stated):
            assert row.level == "empty"
            assert not row.choice


def test_the_same_in_other_letters_is_told_apart_from_the_same(db):
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "FLOWLINE"}})
    kit.feed(
        "scm",
        {
            "D1": kit.SAME_CATHETER
            | {"description": "Foley catheter, 18 Fr, 5 mL, silicone-coated", "brand": "Flowline"}
        },
    )
    levels = {row.field.name: row.level for row in Review(kit.review("scm", "D1")).comparison.rows}
    assert levels["brand"] == levels["catalogue_number"] == "reformatted"
    assert levels["base_uom"] == "exact"
    assert levels["description"] in ("similar", "different")


def test_two_golden_records_are_merged_from_the_queue(steward, db):
    kit.feed("erp", {"E1": kit.CATHETER, "E9": kit.STAPLER})
    one, two = kit.golden("erp", "E1"), kit.golden("erp", "E9")
    item = WorkItem.objects.create(
        kind="possible_duplicate", domain="item", subject=f"golden:{one.pk}/{two.pk}", title=one.name, golden=one,
        other=two, created_at=timezone.now(), score=1.0, probability=0.66,
        candidates=[{"golden": two.pk, "score": 1.0, "probability": 0.66, "vetoes": [], "evidence": []}],
    )  # fmt: skip
    page = text_of(steward.get(f"/review/{item.pk}/"))
    assert "Second golden record" in page
    assert "Stapler" in page
    decide(steward, item, "accept", reason="The same article")
    two.refresh_from_db()
    assert two.survivor.pk == one.pk


@pytest.mark.django_db
def test_an_implant_is_shown_beside_the_certainty_that_implants_need():
    likely = {"description": "Foley catheter silicone 16 Fr", "manufacturer": "Halden Medical"}
    item = kit.doubtful()
    kit.feed("scm", {"S1": likely | {"implant": True}})
    assert Review(item).thresholds == pytest.approx((1 / 20, 1 - 1 / 30))
    assert Review(kit.review("scm", "S1")).thresholds == pytest.approx((0.025, 0.995))


def test_the_queue_shows_only_what_is_asked_for(steward, item):
    assert item.title in text_of(steward.get("/review/?kind=possible_match&system=scm"))
    assert "No item fits this filter" in text_of(steward.get("/review/?system=erp"))
    assert "No item fits this filter" in text_of(steward.get("/review/?due=over"))
    assert "No item fits this filter" in text_of(steward.get("/review/?due=mentions"))
    comment = f"/review/{item.pk}/comment/"
    browser("steward", "approver").post(comment, {"text": "@steward what do you think?"})
    assert item.title in text_of(steward.get("/review/?due=mentions"))


def test_a_filter_is_kept_from_one_item_to_the_next(steward, item):
    answer = steward.get(f"/review/{item.pk}/?domain=item&due=day").content.decode()
    assert '<input type="hidden" name="due" value="day">' in answer
    moved = steward.post(f"/review/{item.pk}/claim/", {"domain": "item", "due": "day"})
    assert moved["Location"] == f"/review/{item.pk}/?domain=item&amp;due=day".replace("&amp;", "&")


def test_a_long_queue_is_read_in_pages_without_gaps(steward, item, monkeypatch):
    kit.feed(
        "scm",
        {f"D{n}": kit.SAME_CATHETER | {"description": f"Foley catheter, {n} Fr, 5 mL, coated"} for n in range(20, 30)},
    )
    monkeypatch.setattr("mdm.ui.readers.queue.SHOWN", 4)
    seen, start = [], ""
    while True:
        page = queues.queue(kit.steward(), queues.Asked(start=start))
        seen += [entry.item.pk for entry in page.entries]
        start = page.following_page
        if not start:
            break
    assert len(seen) > 4
    assert seen == list(WorkItem.objects.filter(state=State.OPEN).values_list("pk", flat=True))


def test_what_somebody_else_holds_is_shown_and_not_offered(steward, item):
    omar = kit.person("omar", "steward")
    service.assign(item=item, assignee=omar, actor=omar)
    page = text_of(steward.get(f"/review/{item.pk}/"))
    assert "Taken by omar" in page
    assert 'value="accept"' not in steward.get(f"/review/{item.pk}/").content.decode()
    assert decide(steward, item, "accept").status_code == 409


def test_the_same_decision_sent_again_is_answered_as_before(steward, item):
    first, again = decide(steward, item, "reject"), decide(steward, item, "reject")
    assert (first.status_code, again.status_code) == (200, 200)
    assert Judgement.objects.count() == 1
    assert decide(steward, item, "accept").status_code == 409, "another decision is no repetition"


def test_a_late_decision_is_told_what_the_first_one_was(steward, item):
    service.reject(item=item, actor=kit.person("omar", "steward"), reason="Other size")
    answer = text_of(decide(steward, item, "accept"))
    assert "omar decided" in answer
    assert "rejected (Other size)" in answer


def test_a_typed_value_survives_and_one_that_does_not_fit_is_refused(steward, item):
    answer = decide(steward, item, "accept", **{"value.description": "x" * 2001})
    assert answer.status_code == 422
    assert "Description" in text_of(answer)
    decide(steward, item, "accept", **{"value.description": "Foley catheter 18 Fr, coated"})
    assert kit.golden("erp", "E1").name == "Foley catheter 18 Fr, coated"


def test_a_candidate_that_comes_close_is_told_apart_by_its_evidence(item):
    best = item.candidates[0]
    other = best | {"golden": best["golden"], "score": best["score"] - 2}
    other["evidence"] = [e | {"bits": e["bits"] - 2} if e["field"] == "code" else e for e in best["evidence"]]
    item.candidates = [best, other]
    shown = Review(item)
    assert shown.margin == pytest.approx(2)
    assert [label for label, _ in shown.why_not] == [next(e["label"] for e in best["evidence"] if e["field"] == "code")]


def test_the_impact_names_the_codes_that_move_and_the_values_that_change(steward, item):
    system = kit.code_system("scm").system
    Target.objects.create(
        code="scm", name="Supply chain", adapter="rest_json", system=system, subscriptions={"item": {}}
    )
    page = text_of(steward.get(f"/review/{item.pk}/"))
    assert "Supply chain 1 moves" in page


def test_many_reviews_are_tried_accepted_and_handed_over(steward, item):
    assert item.title in text_of(steward.get("/review/bulk/"))
    tried = text_of(steward.post("/review/bulk/", {"item": item.pk}))
    assert "Would be matched 0" in tried
    assert "A field differs" in tried
    assert (
        steward.post("/review/bulk/accept/", {"seen": f"{item.pk}:{item.version}", "reason": "Sure"}).status_code == 302
    )
    item.refresh_from_db()
    assert item.state == State.OPEN
    steward.post("/review/bulk/assign/", {"item": item.pk, "assignee": kit.steward().pk})
    item.refresh_from_db()
    assert item.assignee == kit.steward()


def test_a_blind_question_tells_nothing_of_what_was_said_before(steward, item):
    double_review.plan_checks(domain="item", kind="sample", count=5, actor=kit.steward())
    assert "No question is left for you" in text_of(steward.get("/review/blind/"))
    service.reject(item=item, actor=kit.person("omar", "steward"), reason="Other size")
    double_review.plan_checks(domain="item", kind="blind", count=5, actor=kit.steward())
    html = steward.get("/review/blind/").content.decode()
    assert "Other size" not in html
    assert "omar" not in html
    assert "%" not in text_of(steward.get("/review/blind/")).partition("The same, or not?")[2]
    check = Check.objects.get()
    steward.post(f"/review/blind/{check.pk}/", {"same": "no"})
    check.refresh_from_db()
    assert (check.same, check.answered_by) == (False, kit.steward())
    again = steward.post(f"/review/blind/{check.pk}/", {"same": "yes"}, headers=HX, follow=True)
    assert "answered already" in text_of(again)
    assert "No question is left for you" in text_of(again)


def test_a_group_shows_each_pair_and_leads_to_splitting(steward, viewer, db):
    survivor, _ = kit.merged()
    page = steward.get(f"/items/{survivor.public_id}/group/")
    assert "1 and 2" in text_of(page)
    assert f'action="/items/{survivor.public_id}/divide/"' in page.content.decode()
    assert "Split off the ticked" not in text_of(viewer.get(f"/items/{survivor.public_id}/group/"))


def test_a_group_asks_as_many_questions_for_many_records_as_for_few(steward, db):
    survivor, _ = kit.merged()
    steward.get(f"/items/{survivor.public_id}/group/")
    with CaptureQueriesContext(connection) as few:
        steward.get(f"/items/{survivor.public_id}/group/")
    kit.feed("third", {"T1": kit.CATHETER})
    service.accept(item=kit.review("third", "T1"), golden=survivor, actor=kit.steward())
    with CaptureQueriesContext(connection) as many:
        steward.get(f"/items/{survivor.public_id}/group/")
    assert len(many) <= len(few)
