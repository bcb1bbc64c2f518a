"""Trees stay trees: refused by the service with a word, by the database without one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from mdm.models import ATTRIBUTES, GLAccount, GoldenRecord
from mdm.services import merge, publish
from tests.mdm import kit

pytestmark = pytest.mark.django_db

NAMES = {"A": "Perioperative services", "B": "Radiology imaging", "C": "Nursing education", "D": "Pharmacy"}


def centers(**parents: str) -> dict[str, dict[str, Any]]:
    return {
        code: {"code": f"41{code}", "name": NAMES[code]} | ({"parent": parents[code]} if code in parents else {})
        for code in NAMES
    }


def feed(**parents: str) -> None:
    kit.feed("erp", centers(**parents), "cost_center")


def golden(code: str) -> GoldenRecord:
    return kit.golden("erp", code, "cost_center")


def parent(code: str) -> GoldenRecord | None:
    return kit.fresh(golden(code)).cost_center.parent


def refused(code: str) -> bool:
    return golden(code).quality_issues.filter(rule="cycle", closed_at__isnull=True).exists()


def test_a_tree_is_kept() -> None:
    feed(B="A", C="B", D="B")
    assert [parent(code) for code in "ABCD"] == [None, golden("A"), golden("B"), golden("B")]


def test_a_move_that_would_close_a_cycle_keeps_the_parent_so_far() -> None:
    feed(B="A", C="B")
    feed(A="C", B="A", C="B")
    assert (parent("A"), refused("A")) == (None, True)
    feed(A="D", B="A", C="B")
    assert (parent("A"), refused("A")) == (golden("D"), False)


def test_no_record_is_its_own_parent() -> None:
    feed(A="A")
    assert (parent("A"), refused("A")) == (None, True)
    assert not kit.rebuild()


def test_a_cycle_within_one_feed_loses_one_link_and_the_same_one_in_any_order() -> None:
    feed(A="C", B="A", C="B")
    kept = {code for code in "ABC" if parent(code)}
    assert len(kept) == 2
    assert not kit.rebuild()


@pytest.mark.parametrize("domain", ["supplier", "location", "cost_center"])
def test_the_database_refuses_a_cycle(domain: str) -> None:
    kit.feed("erp", {code: {"name": name, "code": code} for code, name in NAMES.items()}, domain)
    ids = [kit.golden("erp", code, domain).pk for code in "ABC"]
    rows = ATTRIBUTES[domain]._default_manager
    rows.filter(pk=ids[1]).update(parent_id=ids[0])
    rows.filter(pk=ids[2]).update(parent_id=ids[1])
    for child, above in ((ids[0], ids[2]), (ids[0], ids[0])):
        with pytest.raises(IntegrityError, match="own ancestor"), transaction.atomic():
            rows.filter(pk=child).update(parent_id=above)


def test_the_chart_of_accounts_refuses_a_cycle_too() -> None:
    ledger = kit.code_system("erp").system
    top = GLAccount.objects.create(system=ledger, code="6000", name="Expense")
    leaf = GLAccount.objects.create(system=ledger, code="6100", name="Supplies", parent=top)
    with pytest.raises(IntegrityError, match="own ancestor"), transaction.atomic():
        GLAccount.objects.filter(pk=top.pk).update(parent=leaf)


@pytest.mark.django_db(transaction=True)
def test_two_feeds_at_once_close_no_cycle_together() -> None:
    from mdm.services import resolve

    feed()
    kit.land("erp", centers(A="B"), "cost_center")
    ids = [kit.source("erp", "A", "cost_center").pk]
    kit.land("erp", centers(A="B", B="A"), "cost_center")
    ids.append(kit.source("erp", "B", "cost_center").pk)
    actor = kit.steward()
    results = kit.in_threads(
        *[lambda pk=pk: resolve.resolve_pending(domain="cost_center", actor=actor, ids=[pk]) for pk in ids]
    )
    assert not [r for r in results if isinstance(r, Exception)]
    assert sum(parent(code) is not None for code in "AB") == 1


def test_a_merge_leaves_no_record_below_itself() -> None:
    """B is below A; A is merged into C, which is below B: what is told to targets must still be a tree."""
    feed(B="A", C="B")
    a, b, c = golden("A"), golden("B"), golden("C")
    GoldenRecord.objects.filter(pk=c.pk).update(created_at=timezone.now() - dt.timedelta(days=1))
    merge.merge(survivor=c, loser=a, actor=kit.steward(), reason="One department")
    assert kit.fresh(a).merged_into == c
    kit.rebuild()
    above = {
        g.public_id: (publish.payload(g)["attributes"]["parent"] or {}).get("id") for g in (kit.fresh(b), kit.fresh(c))
    }
    seen, node = set(), b.public_id
    while node is not None:
        assert node not in seen
        seen.add(node)
        node = above.get(node)
