"""What is settled stays: whatever arrives, in whatever order, again or not. Random feeds through the real services."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdm.models import ChangeEvent, GoldenRecord, SourceRecord, User, WorkItem
from mdm.services import resolve
from tests.mdm import kit

pytestmark = pytest.mark.django_db
some = settings(max_examples=12, suppress_health_check=list(HealthCheck))

SHORT = {"description": "Foley catheter", "manufacturer": "Halden Medical"}
WITHOUT_CODE = {k: v for k, v in kit.SAME_CATHETER.items() if k != "catalogue_number"}
SAID: list[dict[str, Any]] = [
    kit.CATHETER, kit.SAME_CATHETER, kit.OTHER_SIZE, kit.STAPLER, SHORT, WITHOUT_CODE,
    kit.OTHER_SIZE | {"description": "Foley catheter 18 Fr 5 mL silicone"},
    kit.STAPLER | {"description": "STAPLER LIN CUTTER 60MM", "catalogue_number": "LC60A"},
]  # fmt: skip
SYSTEMS = ("erp", "scm", "ehr")
# Codes of systems, each with what it says.
feeds = st.dictionaries(st.tuples(st.sampled_from(SYSTEMS), st.sampled_from("ABC")), st.sampled_from(SAID), max_size=6)
Feed = dict[tuple[str, str], dict[str, Any]]


def land(feed: Feed, order: Iterable[tuple[str, str]] | None = None) -> None:
    for system, code in order or feed:
        kit.land(system, {code: feed[system, code]})


def settle() -> None:
    resolve.resolve_all(domain="item", actor=User.objects.system())


def links() -> dict[int, str]:
    return dict(SourceRecord.objects.exclude(golden=None).values_list("pk", "golden__public_id"))


def state() -> tuple[Any, ...]:
    return (
        links(),
        list(GoldenRecord.objects.order_by("pk").values_list("public_id", "status", "version")),
        ChangeEvent.objects.count(),
        list(SourceRecord.objects.order_by("pk").values_list("state", flat=True)),
    )


def groups() -> set[frozenset[tuple[str, str]]]:
    found: dict[int | None, set[tuple[str, str]]] = {}
    for golden, system, code in SourceRecord.objects.values_list("golden", "code_system__system__code", "code"):
        found.setdefault(golden, set()).add((system, code))
    return {frozenset(members) for golden, members in found.items() if golden is not None}


@some
@given(feeds, feeds)
def test_what_arrives_later_moves_no_link_and_takes_no_id(first: Feed, then: Feed) -> None:
    with transaction.atomic():
        land(first)
        settle()
        before = links()
        land({key: values for key, values in then.items() if key not in first})
        settle()
        after = links()
        assert {pk: after[pk] for pk in before} == before
        assert GoldenRecord.objects.filter(public_id__in=before.values()).exclude(status="merged").count() == len(
            set(before.values())
        )
        transaction.set_rollback(True)


@some
@given(feeds)
def test_deciding_again_changes_nothing(feed: Feed) -> None:
    with transaction.atomic():
        land(feed)
        settle()
        settled = state()
        questions = WorkItem.objects.count()
        land(feed)
        settle()
        assert state() == settled
        SourceRecord.objects.update(state=SourceRecord.State.PENDING)
        settle()
        assert state()[:3] == settled[:3]
        assert WorkItem.objects.filter(state__in=WorkItem.LIVE).count() <= questions
        transaction.set_rollback(True)


@some
@given(feeds, st.data())
def test_within_a_batch_the_order_of_arrival_does_not_matter(feed: Feed, data: st.DataObject) -> None:
    found = []
    for order in (list(feed), data.draw(st.permutations(list(feed)))):
        with transaction.atomic():
            land(feed, order)
            settle()
            found.append(groups())
            transaction.set_rollback(True)
    assert found[0] == found[1]


@some
@given(feeds)
def test_what_a_batch_joins_is_joined_or_asked_about_one_by_one_and_the_other_way_round(feed: Feed) -> None:
    outcomes = []
    for batch in (True, False):
        with transaction.atomic():
            for key in feed:
                land({key: feed[key]})
                if not batch:
                    settle()
            settle()
            outcomes.append((_pairs(groups()), _asked()))
            transaction.set_rollback(True)
    for (joined, _), (also, asked) in (outcomes, outcomes[::-1]):
        missing = {pair for pair in joined - also if not pair & asked}
        assert not missing


def _pairs(found: set[frozenset[tuple[str, str]]]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(pair) for group in found for pair in combinations(group, 2)}


def _asked() -> set[tuple[str, str]]:
    """Records that an open question is about, by themselves or through their golden record."""
    open_ = WorkItem.objects.filter(state__in=WorkItem.LIVE)
    goldens = {pk for row in open_.values_list("golden", "other") for pk in row}
    rows = SourceRecord.objects.values_list("pk", "golden", "code_system__system__code", "code")
    sources = set(open_.values_list("source", flat=True))
    return {(system, code) for pk, golden, system, code in rows if pk in sources or (golden and golden in goldens)}
