"""A machine that tries to break golden records: every order of feeds and decisions that chance comes up with.

After each step what must always hold is looked at: links, codes, history and requests agree, a record rebuilt is the
record stored, and what was answered at a moment is told the same for ever.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mdm import lookup, past
from mdm.exceptions import ConcordError, NotFound
from mdm.models import (
    ChangeRequest,
    Crosswalk,
    GoldenRecord,
    Judgement,
    Override,
    SourceRecord,
    User,
    WorkItem,
)
from mdm.rows import load_values
from mdm.services import change, ingest, merge, resolve, revert, review, split, substitution
from mdm.services.periods import state_period
from mdm.services.undo import undo
from tests.mdm import kit

VALUES = [
    kit.CATHETER,
    kit.SAME_CATHETER,
    kit.SAME_CATHETER | {"description": "Foley catheter, 18 Fr, 5 mL, silicone-coated", "latex": "free"},
    kit.CATHETER | {"latex": "contains", "brand": "SoftFlow", "gtin": "00614141999996"},
    kit.STAPLER
    | {"implant": True, "packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "gtin": "10614141999993"}]},
    kit.STAPLER | {"gtin": "00614141999996", "supplier_parts": [{"supplier": "V1", "number": "9"}, {"supplier": "V0"}]},
    {"manufacturer": "Corvane Surgical", "catalogue_number": "LC60A"},
]
SYSTEMS, CODES = ("erp", "scm"), ("A", "B")
OVERRIDES = [("brand", "Own"), ("latex", "free"), ("implant", False), ("packaging[BX].quantity", 12), ("brand", None)]
EXAMPLES = int(os.environ.get("CONCORD_INVARIANT_EXAMPLES", "25"))
PERIODS = [(-30, -10), (-5, 5), (2, 9), (-20, 3)]  # days from today on, and until before which
DAYS = (-15, 0, 4, 30)
TODAY = timezone.localdate()  # for all that is asked, also where midnight passes meanwhile
REMEMBERED = 4  # every so many steps what is answered is remembered
number = st.integers(0, 5)


def pick(rows: Any, n: int) -> Any:
    """One of the rows that there are now."""
    found = list(rows.order_by("pk"))
    return found[n % len(found)] if found else None


def do_feed(a: int, b: int) -> None:
    kit.feed(SYSTEMS[a % 2], {CODES[a // 2 % 2]: VALUES[b % len(VALUES)]})


def do_missing(a: int, b: int) -> None:
    seen = {CODES[b % 2]} if b < 4 else set()
    ingest.finish(ingest=kit.land(SYSTEMS[a % 2], {}), missing="retire", seen=seen)


def do_decide(a: int, b: int) -> None:
    if item := pick(WorkItem.objects.filter(state="open", change_request__isnull=True), a):
        decide = (review.accept, review.reject, review.create_new)[b % 3]
        decide(item=item, actor=kit.steward(), expected_version=item.version)


def do_undo(a: int, b: int) -> None:
    if item := pick(WorkItem.objects.filter(state="done", change_request__isnull=True), a):
        undo(item=item, actor=kit.steward())


def do_ask(a: int, b: int) -> None:
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        kit.duplicate(one, two)


def do_merge(a: int, b: int) -> None:
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")


def do_unmerge(a: int, b: int) -> None:
    if loser := pick(GoldenRecord.objects.filter(status="merged"), a):
        split.unmerge(loser=loser, actor=kit.steward(), reason="Not one thing", apart=b % 2 == 0)


def do_split(a: int, b: int) -> None:
    if (golden := pick(goldens(), a)) and (source := pick(golden.sources, b)):
        split.split(golden=golden, sources=[source], actor=kit.steward(), reason="Other thing")


def do_override(a: int, b: int) -> None:
    if golden := pick(goldens(), a):
        path, value = OVERRIDES[b % len(OVERRIDES)]
        change.override(golden=golden, path=path, value=value, actor=kit.steward(), reason="Label")


def do_withdraw(a: int, b: int) -> None:
    if row := pick(Override.objects.filter(withdrawn_at__isnull=True), a):
        change.withdraw_override(override=row, actor=kit.steward(), reason="Mistake")


def do_request(a: int, b: int) -> None:
    if request := pick(ChangeRequest.objects.filter(state="open"), a):
        (change.approve, change.reject_change)[b % 2](request=request, actor=kit.approver(), reason="Looked")


def do_retire(a: int, b: int) -> None:
    if golden := pick(goldens(), a):
        change.retire(golden=golden, actor=kit.steward(), reason="Gone")


def do_revert(a: int, b: int) -> None:
    """Back to an earlier version in everything that can be brought back; guarded values wait for a second person."""
    if golden := pick(goldens(), a):
        version = 1 + b % golden.version
        back = set(revert.differing(golden, version))
        said = {"actor": kit.steward(), "reason": "As it was", "expected_version": golden.version}
        revert.revert(golden=golden, version=version, paths=back, **said)
        waits = set(ChangeRequest.objects.filter(subject=golden, state="open").values_list("path", flat=True))
        assert not (back & set(revert.differing(kit.fresh(golden), version))) - waits


def do_substitute(a: int, b: int) -> None:
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        substitution.propose(item=one, substitute=two, actor=kit.steward(), reason="Back order")


def do_period(a: int, b: int) -> None:
    """A code meant another record for some days."""
    if golden := pick(goldens(), a):
        since, until = (TODAY + dt.timedelta(days=day) for day in PERIODS[b % len(PERIODS)])
        said = {"code_system": kit.code_system(SYSTEMS[a % 2]), "code": CODES[b % 2], "golden": golden}
        state_period(**said, valid_from=since, valid_to=until, actor=kit.steward(), reason="Reused")


def do_merge_and_back(a: int, b: int) -> None:
    """A merge that is taken back leaves every code as it was, on every day."""
    if (one := pick(goldens(), a)) and (two := pick(goldens().exclude(pk=one.pk), b)):
        before = meant()
        merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
        if kit.fresh(two).status == "merged":  # else a second person is asked first
            split.unmerge(loser=kit.fresh(two), actor=kit.steward(), reason="Not one thing", apart=False)
            assert meant() == before


STEPS: list[Callable[[int, int], None]] = [
    do_feed, do_feed, do_feed, do_missing, do_decide, do_decide, do_undo, do_ask, do_merge, do_merge, do_unmerge,
    do_split, do_override, do_withdraw, do_request, do_retire, do_revert, do_substitute, do_period, do_period,
    do_merge_and_back,
]  # fmt: skip


def meant() -> list[str]:
    """What each code means on days of periods and others."""
    return [
        one.id if isinstance(one, lookup.Resolution) else type(one).__name__
        for day in DAYS
        for system in SYSTEMS
        for one in lookup.resolve_many(f"{system}-item", CODES, as_of=TODAY + dt.timedelta(days=day))
    ]


def goldens() -> Any:
    return GoldenRecord.objects.filter(domain="item").exclude(status="merged")


def check() -> None:
    check_links()
    check_codes()
    check_history()
    check_requests()
    before = list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status", "name"))
    assert kit.rebuild() == [], "a rebuilt record differs from what was stored"
    assert list(GoldenRecord.objects.order_by("pk").values_list("pk", "version", "status", "name")) == before


def check_links() -> None:
    assert not SourceRecord.objects.filter(golden__status="merged").exists()
    assert not GoldenRecord.objects.filter(merged_into__status="merged").exists()
    for source in SourceRecord.objects.filter(state="review"):
        assert source.work_items.filter(kind="possible_match", state__in=WorkItem.LIVE).exists()
    assert not goldens().filter(status="live", sources__isnull=True).exists()
    for one in Judgement.objects.filter(verdict="different", reopened_at__isnull=True):
        assert one.first.golden_id is None or one.first.golden_id != one.second.golden_id


def check_codes() -> None:
    live = Crosswalk.objects.filter(known_to__isnull=True)
    assert not live.filter(golden__status="merged").exists()
    for source in SourceRecord.objects.exclude(golden=None):
        assert [row.golden_id for row in live.filter(source=source, valid_to=None)] == [source.golden_id]
    assert not live.filter(source__golden__isnull=True, source__isnull=False).exists()
    for golden in goldens():
        assert all(number == 1 for number in preferred(golden.codes.filter(known_to=None, valid_to=None)))
        for day in DAYS:
            on = Crosswalk.in_force(TODAY + dt.timedelta(days=day))
            assert all(number <= 1 for number in preferred(golden.codes.filter(on)))


def preferred(rows: Any) -> list[int]:
    """How many codes are preferred, of each system and unit."""
    groups: dict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        groups[row.code_system_id, row.uom] += row.preferred
    return list(groups.values())


def check_history() -> None:
    for golden in GoldenRecord.objects.all():
        versions = list(range(1, golden.version + 1))
        assert sorted(golden.events.values_list("version", flat=True)) == versions
        assert sorted(golden.history.values_list("version", flat=True)) == versions
        assert golden.history.latest("version").status == golden.status
        assert set(golden.audit.filter(version__isnull=False).values_list("version", flat=True)) == set(versions)
        if hasattr(golden, "item"):
            latest = golden.item.history.latest()
            assert (latest.description, latest.brand) == (golden.item.description, golden.item.brand)


def check_requests() -> None:
    """Every hold of a live record has its open request, and every open request its work item."""
    holds = Override.objects.filter(kind="hold", withdrawn_at__isnull=True).values_list("golden", "path")
    waiting = ChangeRequest.objects.filter(state="open", kind="guarded_value").values_list("subject", "path")
    assert sorted(holds) == sorted(waiting)
    for request in ChangeRequest.objects.filter(state="open"):
        assert request.work_items.filter(state="open").count() == 1
    assert not WorkItem.objects.filter(
        state="open", change_request__state__in=("approved", "rejected", "withdrawn")
    ).exists()


class Memory:
    """What Concord answered at each moment, which it must be able to say for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[dt.datetime, str]] = []

    def note(self) -> None:
        """Remember what is answered now, and that the past is told as the present is."""
        moment = timezone.now()
        self.answers.append((moment, told(moment)))
        present = load_values("item", goldens().values_list("pk", flat=True))
        assert {pk: stated(present[pk]) for pk in present} == {
            golden.pk: stated(past.as_of(golden, moment)) for golden in goldens().filter(pk__in=present)
        }

    def check(self) -> None:
        for moment, answer in self.answers:
            assert told(moment) == answer, f"what was answered at {moment} is told differently now"


def told(moment: dt.datetime) -> str:
    """Every code looked up, and every golden record published, as known at a moment."""
    outcomes = [
        *lookup.resolve_many("erp-item", CODES, to="scm-item", as_of=TODAY, known_at=moment),
        *lookup.resolve_many("scm-item", CODES, to="erp-item", as_of=TODAY, known_at=moment),
    ]
    answers = [
        str(one) if isinstance(one, ConcordError) else msgspec.to_builtins(one, enc_hook=str) for one in outcomes
    ]
    return json.dumps([answers, list(published(moment))])


def published(moment: dt.datetime) -> Iterator[Any]:
    for golden in GoldenRecord.objects.order_by("pk"):
        with suppress(NotFound):  # not published then
            yield past.payload(golden, moment)


def stated(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [])}


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(st.tuples(st.integers(0, len(STEPS) - 1), number, number), min_size=3, max_size=12))
def test_no_sequence_of_decisions_breaks_a_golden_record(steps: list[tuple[int, int, int]]) -> None:
    with transaction.atomic():
        kit.feed("erp", {"V1": {"name": "Brightwater Surgical"}}, "supplier")
        kit.feed("erp", {"A": VALUES[0], "B": VALUES[4]})
        kit.code_system("scm")
        memory = Memory()
        for at, (step, a, b) in enumerate(steps):
            try:
                with transaction.atomic():
                    STEPS[step](a, b)
            except ConcordError:
                event(f"{STEPS[step].__name__} refused")
                continue  # with nothing left behind
            event(STEPS[step].__name__)
            check()
            if at % REMEMBERED == 0:
                memory.note()
        resolve.resolve_all(domain="item", actor=User.objects.system())
        check()
        memory.check()
        transaction.set_rollback(True)
