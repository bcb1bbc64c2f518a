"""A trace tells one version's way, from what is there anyway."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mdm.services import review
from mdm.ui import charts
from sync.adapters.base import Outcome, State
from sync.models import Attempt
from sync.ui import waits
from sync.ui.traces import Trace
from tests.mdm import kit as masters
from tests.sync import kit


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


@pytest.fixture
def decided(target, peer):
    """A doubtful record that a steward matched; the target refused it once, then took it."""
    item = masters.doubtful()
    golden = masters.golden("erp", "E1")
    kit.deliver(target)
    review.accept(item=item, actor=masters.steward(), reason="Same label")
    golden = masters.fresh(golden)
    peer.answers[golden.public_id] = Outcome(State.RETRY, error="busy", error_class="busy")
    kit.deliver(target)
    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    return golden


def test_a_trace_goes_from_the_feed_to_the_target(decided):
    trace = Trace(decided, decided.events.get(version=decided.version))
    told = [(hop.place, hop.title.split(":")[0], hop.tone) for hop in trace.hops]
    assert told[0][0] == "SCM"
    assert ("Steward", "steward", "person") in told
    assert told[-2:] == [("ERP", told[-2][1], "stop"), ("ERP", "Acknowledged", "")]
    assert trace.told == (1, 1)
    assert 0 < trace.waited < trace.seconds
    assert trace.machine == pytest.approx(trace.seconds - trace.waited, abs=1e-3)
    assert trace.retries == 1
    assert trace.steps == len(trace.hops) - 1


def test_what_people_and_targets_took_is_not_the_machines_time(decided):
    """Sent after the steward's answer; the target answered after an hour, and was told anew a day later."""
    event = decided.events.get(version=decided.version)
    lane = decided.lanes.get()
    Attempt.objects.filter(lane=lane, version=event.version).delete()
    hour, told = dt.timedelta(hours=1), event.recorded_at
    for outcome, begins, ends, generation in (
        ("sent", told, told + hour / 60, 1),
        ("acknowledged", told + hour, told + hour, 1),
        ("rejected", told + 25 * hour, told + 25 * hour, 2),
        ("acknowledged", told + 27 * hour, told + 27 * hour, 2),
    ):
        Attempt.objects.create(
            lane=lane, target=lane.target, version=event.version, generation=generation, kind="upsert",
            payload_hash=b"", outcome=outcome, started_at=begins, finished_at=ends,
        )  # fmt: skip
    trace = Trace(decided, event)
    before = trace.seconds - 27 * 3600  # until the version was there
    decision = trace.waited - 2 * 3600  # nobody had the refused one sent again for two hours
    assert 0 < decision < before
    assert trace.machine == pytest.approx(before - decision + 60, abs=1e-3)


def test_waits_that_overlap_count_once():
    def at(minute: int) -> dt.datetime:
        return dt.datetime(2026, 11, 27, 9, minute, tzinfo=dt.UTC)

    found = [(at(0), at(10)), (at(5), at(12)), (at(6), at(7)), (at(40), at(59))]
    assert waits.seconds(found, at(2), at(45)) == (10 + 5) * 60
    assert waits.seconds([], at(2), at(45)) == 0


def test_the_id_of_a_change_is_copied_from_where_it_stands(viewer, decided):
    page = viewer.get(f"/trace/{decided.public_id}/").content.decode()
    change = decided.events.get(version=decided.version).change_id
    assert f'<code class="mono" id="change">{change}</code>' in page
    assert 'data-copy-text="change" data-key="c"' in page
    assert "retry</span>" in page


def test_an_earlier_version_has_its_own_way(viewer, decided):
    first = text_of(viewer.get(f"/trace/{decided.public_id}/?version=1"))
    assert "erp-item E1" in first
    assert "Same label" not in first
    assert "Same label" in text_of(viewer.get(f"/trace/{decided.public_id}/"))


def test_a_trace_is_found_by_any_code(viewer, decided):
    assert viewer.get("/trace/?q=E1")["Location"] == f"/trace/{decided.public_id}/"
    assert "Nothing has the id or code" in text_of(viewer.get("/trace/", {"q": "<script>"}))
    assert decided.name in text_of(viewer.get("/trace/"))


@pytest.mark.parametrize("address", ["MDM-IT-999999/", "x" * 300 + "/"])
def test_what_is_not_there_is_not_found(viewer, decided, address):
    assert viewer.get(f"/trace/{address}").status_code == 404
    assert viewer.get(f"/trace/{decided.public_id}/?version=9999999999999").status_code == 200
    assert viewer.get(f"/trace/{decided.public_id}/?version=77").status_code == 404


def test_a_trace_costs_a_fixed_number_of_queries(viewer, decided):
    viewer.get(f"/trace/{decided.public_id}/")
    with CaptureQueriesContext(connection) as queries:
        viewer.get(f"/trace/{decided.public_id}/")
    assert len(queries) <= 22


def test_steps_are_drawn_left_to_right_in_the_row_of_their_place():
    chart = charts.Lanes([("ERP", ""), ("Steward", "person"), ("ERP", "stop")])
    assert [name for name, _ in chart.rows] == ["ERP", "Steward"]
    assert [(span.number, span.tone) for span in chart.rows[0][1]] == [(1, ""), (3, "stop")]
    assert chart.rows[0][1][1].x > chart.rows[1][1][0].x
