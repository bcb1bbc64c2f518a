"""Rules change only as a proposal that a second person approves, against the rules that it was compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from matching import Policy as MatchPolicy
from mdm.engine import engine_for
from mdm.exceptions import Forbidden, NeedsReason, OwnChange, Refused, Stale
from mdm.models import AuditEntry, ChangeRequest, GoldenRecord, Policy, SourceRecord, User, WorkItem
from mdm.services import requests, resolve, rules
from mdm.services.policy_diff import policy_diff
from tests.mdm import kit

pytestmark = pytest.mark.django_db

State = ChangeRequest.State


def propose(
    domain: str = "item", version: int = 0, actor: User | None = None, sure: float | None = None, **changed: Any
) -> ChangeRequest:
    """``sure``: the score that links by itself under the proposed rules; by default as now."""
    policy = replace(MatchPolicy.default(domain), **changed)
    proposed = policy if sure is None else kit.sure_from(policy, sure)
    return rules.propose(
        kind="match",
        domain=domain,
        body=proposed.to_json(),
        diff={"sure_score": {"before": 5.0, "after": 6.0}},
        touched=policy_diff(engine_for(domain), proposed).touched,
        expected_version=version,
        actor=actor or kit.steward(),
        reason="Learned",
    )


def both() -> User:
    """Somebody who may decide and approve."""
    return kit.person("both", "steward", "approver")


def test_a_proposal_is_stored_and_not_in_force() -> None:
    request = propose(sure=6.0)
    policy = Policy.objects.get()
    assert (policy.active, policy.version, policy.author) == (False, 1, kit.steward())
    assert (request.policy, request.expected_version, request.state) == (policy, 0, State.OPEN)
    assert engine_for("item").policy == MatchPolicy.default("item")
    item = WorkItem.objects.get(change_request=request)
    assert (item.kind, item.domain, item.golden) == ("change_request", "item", None)


def test_an_approved_proposal_is_in_force_and_the_old_rules_are_not() -> None:
    for n, version in enumerate((0, 1)):
        request = propose(version=version, sure=6.0 + n)
        requests.approve(request=request, actor=kit.approver())
    assert list(Policy.objects.order_by("version").values_list("version", "active")) == [(1, False), (2, True)]
    engine = engine_for("item")
    assert (round(engine.policy.sure_score, 6), engine.policy_version) == (7.0, 2)
    assert kit.fresh(request).approver == kit.approver()
    assert not WorkItem.objects.filter(change_request=request, state="open").exists()
    entry = AuditEntry.objects.filter(action="policy.activated").first()
    assert entry is not None
    assert (entry.before, entry.after, entry.actor) == ({"version": 1}, {"version": 2}, kit.approver())


def test_the_proposer_can_not_approve_even_with_the_permission() -> None:
    request = propose(actor=both())
    with pytest.raises(OwnChange):
        requests.approve(request=request, actor=both())
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeRequest.objects.filter(pk=request.pk).update(state=State.APPROVED, approver=both())
    assert not Policy.objects.filter(active=True).exists()


def test_who_may_not_approve_is_refused() -> None:
    with pytest.raises(Forbidden):
        requests.approve(request=propose(actor=both()), actor=kit.steward())


def test_a_proposal_against_rules_that_are_no_longer_in_force_is_refused() -> None:
    request = propose()
    Policy.objects.create(
        kind="match", domain="item", version=9, body=MatchPolicy.default("item").to_json(), active=True,
        author=kit.steward(),
    )  # fmt: skip
    with pytest.raises(Stale, match="now 9"):
        requests.approve(request=request, actor=kit.approver())
    assert Policy.objects.get(active=True).version == 9
    requests.reject(request=request, actor=kit.approver(), reason="Stale")
    with pytest.raises(Stale):
        propose(version=0)
    assert propose(version=9).policy.version == 10


def test_a_rejected_or_withdrawn_proposal_leaves_the_rules_alone() -> None:
    requests.reject(request=propose(), actor=kit.approver(), reason="Too bold")
    requests.withdraw(request=propose(), actor=kit.steward())
    assert not Policy.objects.filter(active=True).exists()
    assert Policy.objects.count() == 2
    assert not WorkItem.objects.filter(state="open").exists()


def test_one_proposal_for_the_same_rules_waits_at_a_time() -> None:
    propose()
    with pytest.raises(Refused, match="waiting already"):
        propose()
    assert propose("supplier").policy.domain == "supplier"


def test_a_proposal_needs_a_reason_and_the_permission() -> None:
    def ask(actor: User, reason: str) -> None:
        rules.propose(
            kind="match", domain="item", body={}, diff={}, touched=[], expected_version=0, actor=actor, reason=reason
        )

    with pytest.raises(NeedsReason):
        ask(kit.steward(), " ")
    with pytest.raises(Forbidden):
        ask(kit.approver(), "Learned")


def test_two_people_who_propose_at_once_make_one_proposal(transactional_db: None) -> None:
    steward, other = kit.steward(), kit.person("other", "steward")
    outcomes = kit.in_threads(lambda: propose(actor=steward), lambda: propose(actor=other))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ChangeRequest", "Refused"]


def test_doubtful_records_are_looked_at_anew_under_the_new_rules() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": {"description": "Foley catheter silicone", "manufacturer": "Halden Medical"}})
    item = kit.review("scm", "S1")
    requests.approve(request=propose(sure=0.0), actor=kit.approver())
    assert kit.source("scm", "S1").state == SourceRecord.State.PENDING
    assert kit.golden("erp", "E1").sources.count() == 1  # nothing was linked by the approval itself
    resolve.resolve_all(domain="item", actor=User.objects.system())
    source = kit.source("scm", "S1")
    assert (source.golden, source.link_reason, source.policy_version) == (kit.golden("erp", "E1"), "auto", 1)
    assert kit.fresh(item).state == WorkItem.State.CANCELLED


def approve_and_resolve(**changed: Any) -> None:
    requests.approve(request=propose(**changed), actor=kit.approver())
    resolve.resolve_all(domain="item", actor=User.objects.system())


def test_golden_records_that_would_merge_are_asked_about_and_not_merged() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": {"description": "Foley catheter 16 Fr"}})
    before = list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status"))
    approve_and_resolve(sure=-3.0, review_bits=-4.0)
    item = WorkItem.objects.get(kind=WorkItem.Kind.POSSIBLE_DUPLICATE)
    assert {item.golden, item.other} == {kit.golden("erp", "E1"), kit.golden("scm", "S1")}
    assert list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status")) == before


def test_a_link_that_the_new_rules_doubt_is_asked_about_and_kept() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    kit.feed("scm", {"S1": {k: v for k, v in kit.SAME_CATHETER.items() if k != "catalogue_number"}, "S2": kit.STAPLER})
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")
    approve_and_resolve(sure=12.0, review_bits=9.0)
    doubted = WorkItem.objects.filter(kind=WorkItem.Kind.WEAK_LINK)
    assert {item.golden for item in doubted} == {kit.golden("erp", "E1")}
    assert kit.golden("scm", "S1") == kit.golden("erp", "E1")
    assert not SourceRecord.objects.filter(state=SourceRecord.State.PENDING).exists()


def test_a_change_of_rules_names_them_and_no_other_request_does() -> None:
    request = propose()
    with pytest.raises(IntegrityError, match="change_request_of_rules_names_them"), transaction.atomic():
        ChangeRequest.objects.filter(pk=request.pk).update(policy=None)
