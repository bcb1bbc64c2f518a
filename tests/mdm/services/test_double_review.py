"""Checks: who is asked what, what they are not told, and what their answers say about the stewards."""

from __future__ import annotations

from dataclasses import fields

import pytest
from django.db import IntegrityError, transaction

from mdm.exceptions import Forbidden, Refused, Stale
from mdm.models import AuditEntry, Check, GoldenRecord, Judgement, SourceRecord
from mdm.services import review
from mdm.services.double_review import Question, agreement, answer, next_check, plan_checks, seed_known
from tests.mdm import kit
from tests.mdm.learning import colleague, decide, population

pytestmark = pytest.mark.django_db


def blind() -> Check:
    """A pair that the steward called different, to be decided again."""
    review.reject(item=kit.doubtful(), actor=kit.steward())
    return plan_checks(domain="item", kind="blind", count=5, actor=kit.steward())[0]


# ------------------------------------------------------------------------------------------------------------ planning


def test_a_blind_check_is_planned_once_for_a_decision() -> None:
    check = blind()
    judgement = Judgement.objects.get()
    assert (check.first_id, check.second_id) == (judgement.first_id, judgement.second_id)
    assert (check.expected, check.decided_by) == (False, kit.steward())
    assert plan_checks(domain="item", kind="blind", count=5, actor=kit.steward()) == []


def test_a_reopened_decision_is_not_checked() -> None:
    review.reject(item=kit.doubtful(), actor=kit.steward())
    review.reopen(judgement=Judgement.objects.get(), actor=kit.steward(), reason="Misread")
    assert plan_checks(domain="item", kind="blind", count=5, actor=kit.steward()) == []


def test_a_sample_is_of_automatic_links_each_once_and_as_many_as_asked() -> None:
    population(6)
    first = plan_checks(domain="item", kind="sample", count=4, actor=kit.steward())
    rest = plan_checks(domain="item", kind="sample", count=4, actor=kit.steward())
    assert (len(first), len(rest)) == (4, 2)
    for check in (*first, *rest):
        assert kit.fresh(check).first.golden == kit.fresh(check).second.golden
        assert check.expected is None
    assert len({(check.first_id, check.second_id) for check in (*first, *rest)}) == 6


def test_a_link_that_a_steward_made_is_no_automatic_one() -> None:
    review.accept(item=kit.doubtful(), actor=kit.steward())
    assert plan_checks(domain="item", kind="sample", count=5, actor=kit.steward()) == []


def test_a_pair_that_two_people_agree_on_becomes_a_known_one() -> None:
    check = blind()
    assert plan_checks(domain="item", kind="known", count=5, actor=kit.steward()) == []
    answer(check=check.pk, same=False, actor=colleague())
    known = plan_checks(domain="item", kind="known", count=5, actor=kit.steward())
    assert [(row.expected, row.first_id) for row in known] == [(False, check.first_id)]
    assert next_check(actor=colleague()) is None  # who answered it before
    assert next_check(actor=kit.steward()) is None  # who decided it
    asked = next_check(actor=kit.person("third", "steward"))
    assert asked is not None
    assert asked.check == known[0].pk


def test_a_pair_that_two_people_disagree_on_is_not_known() -> None:
    answer(check=blind().pk, same=True, actor=colleague())
    assert plan_checks(domain="item", kind="known", count=5, actor=kit.steward()) == []


def test_a_known_pair_can_be_seeded_and_waits_once() -> None:
    one, two = kit.twins()
    pair = (kit.source("scm", "S1"), kit.source("erp", "E1"), False)
    assert len(seed_known(pairs=[pair], actor=kit.steward())) == 1
    assert seed_known(pairs=[pair], actor=kit.steward()) == []
    assert next_check(actor=kit.steward()) is None
    assert one != two


def test_pairs_across_domains_are_refused() -> None:
    kit.twins()
    kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
    with pytest.raises(Refused, match="one domain"):
        seed_known(pairs=[(kit.source("erp", "E1"), kit.source("erp", "V1", "supplier"), False)], actor=kit.steward())


def test_only_the_three_kinds_can_be_planned() -> None:
    with pytest.raises(Refused, match="blind"):
        plan_checks(domain="item", kind="label", count=1, actor=kit.steward())


# ----------------------------------------------------------------------------------------------------------- answering


def test_who_decided_is_not_asked_and_can_not_answer() -> None:
    check = blind()
    assert next_check(actor=kit.steward()) is None
    with pytest.raises(Refused, match="your decision"):
        answer(check=check.pk, same=True, actor=kit.steward())
    with pytest.raises(IntegrityError), transaction.atomic():
        Check.objects.filter(pk=check.pk).update(same=True, answered_by=kit.steward(), answered_at=check.planned_at)


def test_a_question_shows_two_records_and_not_what_anybody_said() -> None:
    check = blind()
    asked = next_check(actor=colleague())
    assert asked is not None
    assert {field.name for field in fields(Question)} == {"check", "domain", "first", "second"}
    assert {field.name for field in fields(asked.first)} == {"source", "system", "code", "values"}
    assert (asked.check, asked.domain) == (check.pk, "item")
    assert {asked.first.code, asked.second.code} == {"E1", "D1"}
    assert asked.first.values["description"] == kit.CATHETER["description"]


def test_an_answer_changes_no_golden_record_and_is_audited() -> None:
    check = blind()

    def state() -> list[object]:
        return [list(m.objects.order_by("pk").values()) for m in (GoldenRecord, SourceRecord, Judgement)]

    before = state()
    answer(check=check.pk, same=True, actor=colleague())
    assert state() == before
    answered = kit.fresh(check)
    assert (answered.same, answered.answered_by) == (True, colleague())
    assert AuditEntry.objects.get(action="check.answered").object_id == str(check.pk)


def test_a_question_is_answered_once() -> None:
    check = blind()
    answer(check=check.pk, same=True, actor=colleague())
    with pytest.raises(Stale):
        answer(check=check.pk, same=False, actor=kit.person("third", "steward"))


def test_questions_can_be_asked_of_one_domain() -> None:
    blind()
    assert next_check(actor=colleague(), domain="supplier") is None
    assert next_check(actor=colleague(), domain="item") is not None


def test_who_may_not_decide_is_neither_asked_nor_heard() -> None:
    check = blind()
    viewer = kit.person("viewer", "viewer", "approver")
    with pytest.raises(Forbidden):
        next_check(actor=viewer)
    with pytest.raises(Forbidden):
        answer(check=check.pk, same=True, actor=viewer)
    with pytest.raises(Forbidden):
        plan_checks(domain="item", kind="blind", count=1, actor=viewer)
    with pytest.raises(Forbidden):
        seed_known(pairs=[], actor=viewer)


# ----------------------------------------------------------------------------------------------------------- measuring


def test_agreement_is_counted_overall_and_by_pair_of_stewards() -> None:
    population(6)
    third = kit.person("third", "steward")
    for n in range(6):  # the steward: three the same, three not
        decide(f"E{n}", f"S{n if n < 3 else (n + 1) % 6}", same=n < 3)
    planned = plan_checks(domain="item", kind="blind", count=6, actor=kit.steward())
    for n, check in enumerate(sorted(planned, key=lambda c: (c.expected, c.pk))):
        # the colleague takes four and disagrees once; the third agrees throughout
        answer(check=check.pk, same=check.expected if n else not check.expected, actor=colleague() if n < 4 else third)
    told = agreement("item")
    assert (told.overall.agreed, told.overall.total) == (5, 6)
    assert {who: (found.agreed, found.total) for who, found in told.pairs.items()} == {
        ("colleague", "steward"): (3, 4),
        ("steward", "third"): (2, 2),
    }
    mixed = told.pairs["colleague", "steward"]
    assert (mixed.yes_no, mixed.no_yes) == (1, 0)  # the colleague, first by name, said the same
    assert told.overall.kappa == pytest.approx(2 / 3)
    assert told.to_json()["agreement"]["agreement_interval"][0] > 0.3


def test_errors_are_counted_against_known_pairs_by_steward() -> None:
    population(3)
    pairs = [(kit.source("erp", f"E{n}"), kit.source("scm", f"S{n}"), True) for n in range(3)]
    for n, check in enumerate(seed_known(pairs=pairs, actor=kit.steward())):
        answer(check=check.pk, same=n > 0, actor=colleague())
    told = agreement("item")
    assert (told.errors.part, told.errors.whole, told.errors.enough) == (1, 3, False)
    assert (told.errors_by["colleague"].part, "steward" in told.errors_by) == (1, False)


def test_without_checks_nothing_is_claimed() -> None:
    told = agreement("item").to_json()
    assert told["agreement"]["kappa"] is None
    assert told["errors"]["estimate"] is None
