"""The home page lists what sync has for people to do, and what targets took today."""

from __future__ import annotations

import datetime as dt
import io
import re
from html import unescape

from django.utils import timezone

from mdm.models import SourceSystem
from sync.adapters.base import Outcome, State
from sync.inbound import services
from sync.models import Attempt, FeedRun, Lane
from sync.ui import delivered
from tests.mdm import kit as masters
from tests.mdm.ui.conftest import browser
from tests.sync import kit

HX = {"HX-Request": "true"}


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def draft(name: str, owner: str = "steward") -> FeedRun:
    masters.code_system("erp", "item")
    system = SourceSystem.objects.get(code="erp")
    actor = masters.person(owner, "steward")
    return services.upload(file=io.BytesIO(b"A,B\n1,2\n"), name=name, actor=actor, system=system, domain="item")


def refuse(number: int, error_class: str = "validation") -> None:
    """Lanes that failed, the first so many."""
    lanes = Lane.objects.filter(state="open").order_by("pk").values("pk")[:number]
    Lane.objects.filter(pk__in=lanes).update(state="dead", due_at=None, error_class=error_class)


def test_a_target_that_refuses_is_told_to_who_may_retry(steward, target, peer):
    kit.create_many("location", 5)
    refuse(3)
    page = steward.get("/", headers=HX)
    assert "ERP refused 3 messages A limit or rule of the target Inspect" in text_of(page)
    assert f'href="/sync/?target={target.code}#dead"' in page.content.decode()
    assert "refused 3 messages" in text_of(steward.get("/?scope=team", headers=HX))
    assert "refused" not in text_of(browser("viewer").get("/?scope=team", headers=HX))
    refuse(1, "auth")
    assert "ERP refused 4 messages Most of them: a limit or rule of the target" in text_of(steward.get("/", headers=HX))


def test_a_draft_is_its_owners_until_the_teams_are_asked_for(steward, db):
    run = draft("ours.csv")
    draft("theirs.csv", owner="other")
    mine = steward.get("/", headers=HX)
    assert "An import waits to be mapped ours.csv, 8 bytes, items from ERP Map" in text_of(mine)
    assert f'href="/imports/{run.pk}/"' in mine.content.decode()
    assert "2 imports wait to be mapped theirs.csv, ours.csv Open" in text_of(steward.get("/?scope=team", headers=HX))
    assert "mapped" not in text_of(browser("viewer").get("/?scope=team", headers=HX))
    FeedRun.objects.update(state="done")
    assert "mapped" not in text_of(steward.get("/?scope=team", headers=HX))


def test_codes_that_records_wait_for_are_told_to_who_may_say_what_they_mean(steward, db):
    masters.feed("erp", {"E1": masters.CATHETER | {"preferred_supplier": "V9"}})
    page = steward.get("/", headers=HX)
    assert "A code that records name is unknown" in text_of(page)
    assert 'href="/crosswalk/unmapped/"' in page.content.decode()
    assert "unknown" not in text_of(browser("viewer").get("/", headers=HX))


def test_what_presses_most_comes_first(steward, target, peer):
    draft("ours.csv")
    masters.feed("erp", {"E1": masters.CATHETER | {"preferred_supplier": "V9"}})
    kit.create_many("location", 1)
    refuse(1)
    text = text_of(steward.get("/", headers=HX))
    places = [text.index(words) for words in ("ERP refused", "A code that records name", "An import waits")]
    assert places == sorted(places)


def test_deliveries_of_today_and_those_that_never_failed_are_counted(viewer, target, peer):
    assert "Nothing delivered yet today" in text_of(viewer.get("/"))
    first, *_ = kit.create_many("location", 4)
    peer.answers[first.public_id] = Outcome(State.RETRY, error="busy", error_class="busy")
    kit.deliver(target)
    peer.answers.clear()
    kit.make_due(target)
    kit.deliver(target)
    text = text_of(viewer.get("/"))
    assert "4 changes delivered today" in text
    assert "75% at the first attempt" in text
    second, *_ = kit.create_many("supplier", 1)
    peer.answers[second.public_id] = Outcome(State.REJECTED, error="no", error_class="refused")
    kit.deliver(target)
    text = text_of(viewer.get("/"))
    assert "4 changes delivered today" in text
    assert "60% at the first attempt" in text
    Attempt.objects.update(finished_at=timezone.now() - dt.timedelta(days=2))
    assert "Nothing delivered yet today" in text_of(viewer.get("/"))


def test_of_more_than_are_read_the_number_is_an_estimate(target, peer, monkeypatch):
    kit.create_many("location", 9)
    kit.deliver(target)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    for second, attempt in enumerate(Attempt.objects.order_by("pk")):
        Attempt.objects.filter(pk=attempt.pk).update(finished_at=midnight + dt.timedelta(seconds=second))
    assert str(delivered.today().changes) == "9"
    monkeypatch.setattr(delivered, "MOST", 3)
    found = delivered.today()
    assert not found.changes.exact
    assert (found.changes.number, found.first) == (9, 1.0)


def test_a_worker_whose_clock_is_ahead_breaks_no_figure(viewer, target, peer):
    kit.create_many("location", 1)
    kit.deliver(target)
    Attempt.objects.update(finished_at=timezone.now() + dt.timedelta(minutes=10))
    assert viewer.get("/").status_code == 200
