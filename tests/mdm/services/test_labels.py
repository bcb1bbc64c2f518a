"""Labels that training takes, and batches of pairs that teach most."""

from __future__ import annotations

import pytest

from mdm.exceptions import Forbidden
from mdm.models import Check, Judgement
from mdm.services import review
from mdm.services.double_review import answer, next_check, plan_checks, seed_known
from mdm.services.labels import Progress, labels, progress, start_batch
from tests.mdm import kit
from tests.mdm.learning import colleague, decide, population

pytestmark = pytest.mark.django_db


def pair(judgement: Judgement | Check) -> tuple[int, int]:
    return judgement.first_id, judgement.second_id


# -------------------------------------------------------------------------------------------------------------- labels


def test_judgements_are_labels_until_they_are_reopened() -> None:
    population(2)
    same, different = decide("E0", "S0", True), decide("E0", "S1", False)
    assert labels("item") == {pair(same): True, pair(different): False}
    assert labels("supplier") == {}
    review.reopen(judgement=different, actor=kit.steward(), reason="Misread")
    assert labels("item") == {pair(same): True}


def test_a_pair_on_which_people_disagree_is_no_label() -> None:
    population(2)
    decide("E0", "S1", False)
    answer(check=plan_checks(domain="item", kind="blind", count=1, actor=kit.steward())[0].pk, same=True,
           actor=colleague())  # fmt: skip
    assert labels("item") == {}


def test_of_a_known_pair_the_known_answer_counts() -> None:
    population(2)
    seeded = seed_known(pairs=[(kit.source("erp", "E0"), kit.source("scm", "S0"), True)], actor=kit.steward())[0]
    answer(check=seeded.pk, same=False, actor=colleague())
    assert labels("item") == {pair(seeded): True}


def test_what_was_said_of_a_record_that_has_changed_since_is_no_label() -> None:
    population(2)
    decide("E0", "S0", True)
    still = decide("E1", "S1", True)
    kit.feed("scm", {"S0": kit.STAPLER})
    assert labels("item") == {pair(still): True}


# ------------------------------------------------------------------------------------------------------------- batches


def test_a_batch_holds_open_reviews_and_is_done_when_all_have_a_label() -> None:
    item = kit.doubtful()
    batch = start_batch(domain="item", count=5, actor=kit.steward())
    check = batch.checks.get()
    assert {check.first_id, check.second_id} == {item.source_id, item.candidates[0]["via"]}
    assert progress(batch) == Progress(0, 1)
    answer(check=check.pk, same=False, actor=kit.steward())
    assert progress(batch) == Progress(1, 1)
    assert labels("item") == {pair(check): False}
    assert kit.review("scm", "D1").pk == item.pk  # an answer decides no review


def test_a_review_that_was_decided_counts_as_labelled_and_is_not_asked_about() -> None:
    item = kit.doubtful()
    batch = start_batch(domain="item", count=5, actor=kit.steward())
    assert next_check(actor=colleague()) is not None
    review.accept(item=item, actor=kit.steward())
    assert progress(batch) == Progress(1, 1)
    assert next_check(actor=colleague()) is None


def test_a_batch_is_no_larger_than_asked_and_holds_scored_pairs_besides_reviews() -> None:
    population(8)
    batch = start_batch(domain="item", count=3, actor=kit.steward())
    assert progress(batch).total == 3
    assert batch.checks.filter(kind="label", expected=None).count() == 3


def test_the_next_batch_asks_about_other_pairs_and_none_that_is_labelled() -> None:
    population(4)
    judged = pair(decide("E0", "S0", True))
    first, second = (start_batch(domain="item", count=3, actor=kit.steward()) for _ in range(2))
    asked = [pair(check) for batch in (first, second) for check in batch.checks.all()]
    assert len(set(asked)) == len(asked)
    assert judged not in asked


def test_without_pairs_a_batch_is_empty_and_who_may_not_decide_starts_none() -> None:
    assert progress(start_batch(domain="item", count=3, actor=kit.steward())) == Progress(0, 0)
    with pytest.raises(Forbidden):
        start_batch(domain="item", count=3, actor=kit.approver())
