"""Objectives of targets: what is measured, when an alert begins and ends, and who is told."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django.fixtures import Settings

from mdm.models import User
from sync import alerting, calling, configuring, objectives, overlap, services, webhooks
from sync.adapters.base import Outcome, State
from sync.models import Alert, Attempt, Breaker, Target
from tests.sync import kit
from tests.sync.peers import Peer

WANTED = {"lag": 60, "success": 0.9, "emails": ["desk@hospital.test"], "webhook": "https://pager.test/x"}
Kind = Alert.Kind


@pytest.fixture
def watched(target: Target, peer: Peer) -> Target:
    target.objectives = WANTED
    target.save()
    return target


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """What the webhook heard: the event and the headers."""
    heard: list[tuple[dict[str, Any], dict[str, str]]] = []

    def post(self: calling.Caller, url: str, *, body: bytes, headers: dict[str, str]) -> tuple[int, None]:
        heard.append((json.loads(body), headers))
        return 204, None

    monkeypatch.setattr(calling.Caller, "post", post)
    return heard


def in_an_hour() -> dt.datetime:
    return timezone.now() + dt.timedelta(minutes=59)


def measured(target: Target, now: dt.datetime | None = None) -> dict[str, float | None]:
    return {level.kind: level.measured for level in objectives.levels(target, now)}


def test_a_target_without_objectives_is_not_measured(target: Target) -> None:
    assert objectives.levels(target) == []
    assert objectives.watch() == 0


def test_the_lag_is_that_of_the_oldest_change_that_waits(watched: Target, peer: Peer) -> None:
    assert measured(watched)[Kind.LAG] is None
    golden = kit.create()
    peer.down = True
    kit.deliver(watched)
    assert 3000 < (measured(watched, in_an_hour())[Kind.LAG] or 0) < 3700
    peer.down = False
    kit.make_due(watched)
    kit.deliver(watched)
    assert (measured(watched, in_an_hour())[Kind.LAG] or 0) < 60
    services.replay(target=watched, actor=kit.make_user("mdm.manage_sync"), reason="x")  # no change waits
    assert (measured(watched, in_an_hour())[Kind.LAG] or 0) < 60
    assert kit.lane(watched, golden).generation == 2


def test_the_lag_of_what_waited_for_the_end_of_a_blackout_is_counted_from_there(watched: Target, peer: Peer) -> None:
    golden = kit.create()
    now, hour = timezone.localtime(), dt.timedelta(hours=1)
    watched.schedule = {"blackout": [{"from": f"{now - hour:%H:%M:%S.%f}", "to": f"{now + hour:%H:%M:%S.%f}"}]}
    after = now + hour + dt.timedelta(seconds=20)
    assert measured(watched, after)[Kind.LAG] == pytest.approx(20, abs=1)
    assert kit.deliver(Target.objects.get()).claimed == 1
    Attempt.objects.update(finished_at=after)
    assert kit.lane(watched, golden).in_step
    assert measured(watched, after + dt.timedelta(minutes=5))[Kind.LAG] == pytest.approx(20, abs=1)


def test_a_new_target_is_not_late_for_what_was_there_before_it(peers: Any, transactional_db: None) -> None:
    kit.create()
    new = kit.make_target("ehr", objectives=WANTED)
    assert (measured(new, in_an_hour())[Kind.LAG] or 0) > 3000
    new.created_at = in_an_hour() - dt.timedelta(seconds=10)
    assert 0 < (measured(new, in_an_hour())[Kind.LAG] or 0) < 60


def test_success_is_the_share_of_an_hours_messages_once_there_are_some(watched: Target, peer: Peer) -> None:
    rows = kit.create_many("supplier", 5)
    peer.answers[rows[0].public_id] = Outcome(State.REJECTED, error="no", error_class="refused")
    kit.deliver(watched)
    assert measured(watched)[Kind.SUCCESS] == 0.8
    Attempt.objects.order_by("pk").first().delete()  # type: ignore[union-attr]
    assert measured(watched)[Kind.SUCCESS] is None


def test_an_alert_begins_once_is_told_once_each_way_and_ends_by_itself(
    watched: Target, peer: Peer, calls: list[Any], settings: Settings
) -> None:
    settings.EMAIL_HOST = "mail.test"
    watched.secrets = {"alert_webhook": "s3cret"}
    watched.save()
    kit.create()
    peer.down = True
    kit.deliver(watched)
    for _ in range(2):
        assert objectives.watch(in_an_hour()) == 1
        Alert.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        alerting.tell_due()
    assert len(mail.outbox) == len(calls) == 1
    assert mail.outbox[0].subject == "[Concord] ERP: changes take too long"
    assert "docs/runbooks.md#lag" in mail.outbox[0].body
    event, headers = calls[0]
    assert (event["type"], event["subject"], event["data"]["state"]) == ("org.concord.target.lag", "erp", "opened")
    signed = webhooks.sign(
        b"s3cret",
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        json.dumps(event, separators=(",", ":")).encode(),
    )
    assert headers["webhook-signature"] == signed
    peer.down = False
    kit.make_due(watched)
    kit.deliver(watched)
    assert objectives.watch() == 0
    assert alerting.tell_due() == 1
    assert alerting.tell_due() == 0
    assert mail.outbox[1].subject.endswith("is over")
    assert calls[1][0]["data"]["state"] == "ended"


@pytest.mark.parametrize(
    ("kind", "objective", "measured"),
    [(Kind.LAG, 60.0, [61.0, 59.0, 55.0, 54.0, 59.0]), (Kind.SUCCESS, 0.9, [0.89, 0.901, 0.909, 0.91, 0.901])],
)
def test_an_alert_on_the_edge_of_its_objective_is_told_once(
    watched: Target, monkeypatch: pytest.MonkeyPatch, kind: str, objective: float, measured: list[float]
) -> None:
    seen = []
    for value in measured:
        monkeypatch.setattr(objectives, "levels", lambda *_, v=value: [objectives.Level(kind, objective, v)])
        seen.append(objectives.watch())
    assert seen == [1, 1, 1, 0, 0]
    assert Alert.objects.count() == 1


def test_a_new_secret_of_alerts_signs_at_once_and_the_one_before_beside_it_for_a_day(
    watched: Target, peer: Peer, calls: list[Any]
) -> None:
    admin = User.objects.system()
    for secret in ("first", "second", "third"):
        configuring.configure(code=watched.code, settings={}, actor=admin, secrets={"alert_webhook": secret})
    watched.refresh_from_db()
    assert configuring.secret_names(watched) == ["alert_webhook"]
    assert signed_by(watched, peer, calls) == ["third", "second"]
    yesterday = timezone.now() - dt.timedelta(hours=25)
    late = overlap.turn(watched.secrets, overlap.ALERTS, "late", hours=24, now=yesterday)
    assert overlap.standing(late, overlap.ALERTS) == ["late"]
    leaked = {"alert_webhook": "fourth"}
    configuring.configure(code=watched.code, settings={}, actor=admin, secrets=leaked, hours=0)
    watched.refresh_from_db()
    assert watched.secrets == leaked


def signed_by(watched: Target, peer: Peer, calls: list[Any]) -> list[str]:
    """Which secrets an alert is signed with."""
    kit.create()
    peer.down = True
    kit.deliver(watched)
    objectives.watch(in_an_hour())
    Alert.objects.update(due_at=timezone.now())
    alerting.tell_due()
    event, headers = calls[0]
    body, stamp = json.dumps(event, separators=(",", ":")).encode(), int(headers["webhook-timestamp"])
    names = ("first", "second", "third")
    by = {webhooks.sign(name.encode(), headers["webhook-id"], stamp, body): name for name in names}
    return [by[signature] for signature in headers["webhook-signature"].split()]


def test_what_could_not_be_told_is_told_later_and_says_why(
    watched: Target, peer: Peer, calls: list[Any], settings: Settings
) -> None:
    settings.EMAIL_HOST = ""
    kit.create()
    objectives.watch(in_an_hour())
    Alert.objects.update(due_at=timezone.now())
    alerting.tell_due()
    alert = Alert.objects.get()
    assert (alert.called, alert.mailed, alert.attempts) == ("opened", "", 1)
    assert "EMAIL_HOST" in alert.error
    assert alert.due_at is not None
    settings.EMAIL_HOST = "mail.test"
    Alert.objects.update(due_at=timezone.now())
    alerting.tell_due()
    alert.refresh_from_db()
    assert (alert.mailed, alert.due_at, alert.error, len(calls)) == ("opened", None, "", 1)


def test_a_target_that_does_not_answer_is_an_alert_after_a_while(watched: Target, peer: Peer) -> None:
    kit.create()
    peer.down = True
    kit.deliver(watched)
    assert measured(watched)[Kind.UNREACHABLE] is None
    Breaker.objects.update_or_create(
        target=watched, defaults={"state": "open", "changed_at": timezone.now(), "retry_at": timezone.now()}
    )
    assert (measured(watched)[Kind.UNREACHABLE] or 0) < objectives.PATIENCE
    objectives.watch(timezone.now() + dt.timedelta(minutes=6))
    assert set(Alert.objects.values_list("kind", flat=True)) == {Kind.LAG, Kind.UNREACHABLE}


def test_a_target_that_can_not_be_watched_hides_no_alert_of_another(watched: Target, peer: Peer) -> None:
    broken = kit.make_target("broken", objectives=WANTED, schedule={"blackout": [{"from": "late", "to": "12:00"}]})
    last = kit.make_target("last", objectives=WANTED)
    kit.create()
    assert objectives.watch(in_an_hour()) == 2
    assert set(Alert.objects.values_list("target", flat=True)) == {watched.pk, last.pk}
    assert broken.pk not in Alert.objects.values_list("target", flat=True)


def test_a_pause_a_blackout_and_dropped_objectives_end_alerts(watched: Target, peer: Peer) -> None:
    kit.create()
    for quiet in (
        {"paused": True},
        {"schedule": {"blackout": [{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "00:00"}]}},
        {"objectives": {}},
        {"active": False},
    ):
        assert objectives.watch(in_an_hour()) == 1
        Target.objects.update(**quiet)
        assert objectives.watch(in_an_hour()) == 0
        Target.objects.update(paused=False, schedule={}, objectives=WANTED, active=True)


@pytest.mark.parametrize(
    "wrong",
    [
        [], {"lags": 1}, {"lag": 0}, {"lag": "60"}, {"lag": True}, {"success": 99}, {"success": 0},
        {"emails": "desk@hospital.test"}, {"emails": ["desk"]}, {"emails": [1]}, {"webhook": "ftp://x.test"},
        {"webhook": "https://169.254.169.254/"}, {"webhook": 1},
    ],
)  # fmt: skip
def test_what_are_no_objectives_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        objectives.check(wrong)
