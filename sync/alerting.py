"""Alerts told: by e-mail and to a webhook, each when it begins and when it is over, until both have been."""

from __future__ import annotations

import base64
import datetime as dt
import time
from smtplib import SMTPException
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from sync import calling, overlap, webhooks
from sync.backoff import delay
from sync.models import Alert
from sync.sealed import SealBroken

log = structlog.get_logger(__name__)

TYPE = "org.concord.target.{kind}"
LEASE = dt.timedelta(seconds=60)
ATTEMPTS = 20  # then an address is given up; the console shows why
SEVERAL = 100  # at a time
REMEDY = {
    Alert.Kind.LAG: "See whether lanes wait, are held or retry, and whether a throttle or a blackout holds them.",
    Alert.Kind.SUCCESS: "Look at the dead letters by kind of error; mend what they share, then retry the kind.",
    Alert.Kind.UNREACHABLE: "See whether the target is up and its credentials hold; its changes wait, none is lost.",
}


def tell_due() -> int:
    """Tell what is due to be told; returns how many alerts had anything told. No transaction is open meanwhile."""
    now, told = timezone.now(), 0
    due = Alert.objects.filter(due_at__lte=now).order_by("due_at", "pk")
    for alert in due.select_related("target")[:SEVERAL]:
        if Alert.objects.filter(pk=alert.pk, due_at=alert.due_at).update(due_at=now + LEASE):  # ours for a minute
            told += _tell(alert)
    return told


def _tell(alert: Alert) -> bool:
    wanted, state, problems = alert.target.objectives, alert.state, []
    before = (alert.mailed, alert.called)
    if wanted.get("emails") and alert.mailed != state:
        if error := _mail(alert, wanted["emails"]):
            problems.append(error)
        else:
            alert.mailed = state
    if wanted.get("webhook") and alert.called != state:
        if error := _call(alert, wanted["webhook"]):
            problems.append(error)
        else:
            alert.called = state
    _settle(alert, problems)
    return before != (alert.mailed, alert.called)


def _settle(alert: Alert, problems: list[str]) -> None:
    alert.attempts = alert.attempts + 1 if problems else 0
    again = problems and alert.attempts < ATTEMPTS
    due = timezone.now() + dt.timedelta(seconds=delay(alert.attempts, pace=1.0, retry_after=None)) if again else None
    values = {"mailed": alert.mailed, "called": alert.called, "attempts": alert.attempts}
    rows = Alert.objects.filter(pk=alert.pk, ended_at=alert.ended_at)  # one that ended meanwhile has that to tell
    if not rows.update(**values, due_at=due, error="; ".join(problems)[:300]):
        Alert.objects.filter(pk=alert.pk).update(mailed=alert.mailed, called=alert.called)


def sentence(alert: Alert) -> str:
    """What is the matter, in numbers."""
    if alert.kind == Alert.Kind.SUCCESS:
        text = f"{alert.measured:.1%} of the messages of the last hour were taken; {alert.objective:.1%} should be."
    elif alert.kind == Alert.Kind.LAG:
        text = f"Changes take {alert.measured:.0f} s to arrive; {alert.objective:.0f} s is the objective."
    else:
        text = f"It has not answered for {alert.measured:.0f} s."
    return text


def _mail(alert: Alert, addresses: list[str]) -> str:
    """Why it could not be sent; "" when it was."""
    if not settings.EMAIL_HOST:
        return "No e-mail was sent: set EMAIL_HOST."
    over = " is over" if alert.ended_at else ""
    subject = f"[Concord] {alert.target.name}: {alert.get_kind_display().lower()}{over}"
    lines = [f"Since {alert.since:%Y-%m-%d %H:%M} UTC.", sentence(alert)]
    lines += ["It is over."] if alert.ended_at else [REMEDY[Alert.Kind(alert.kind)], f"docs/runbooks.md#{alert.kind}"]
    try:
        EmailMessage(" ".join(subject.split()), "\n".join(lines), to=addresses).send()
    except (OSError, SMTPException) as error:
        log.warning("alert not mailed", alert=alert.pk, error=type(error).__name__)
        return f"The e-mail could not be sent ({type(error).__name__})."
    return ""


def _call(alert: Alert, url: str) -> str:
    body, stamp = orjson.dumps(_event(alert)), int(time.time())
    name = f"alert-{alert.pk}-{alert.state}"
    headers = {"content-type": "application/cloudevents+json", "webhook-id": name, "webhook-timestamp": str(stamp)}
    try:
        if keys := [_key(secret) for secret in overlap.standing(alert.target.secrets, overlap.ALERTS)]:
            headers["webhook-signature"] = webhooks.signatures(keys, name, stamp, body)
        with calling.Caller() as caller:
            status, _ = caller.post(url, body=body, headers=headers)
    except (*calling.ERRORS, SealBroken, ValueError) as error:
        log.warning("alert not called", alert=alert.pk, error=type(error).__name__)
        return f"The webhook could not be called ({type(error).__name__})."
    return "" if 200 <= status < 300 else f"The webhook answered HTTP {status}."


def _key(secret: str) -> bytes:
    """Standard Webhooks write a key as whsec_ and base64; anything else is the key itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    return base64.b64decode(secret.removeprefix("whsec_"))


def _event(alert: Alert) -> dict[str, Any]:
    """The alert as a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": f"alert-{alert.pk}-{alert.state}",
        "source": "/sync/targets",
        "type": TYPE.format(kind=alert.kind),
        "subject": alert.target.code,
        "time": (alert.ended_at or alert.since).isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "state": alert.state,
            "measured": alert.measured,
            "objective": alert.objective,
            "since": alert.since.isoformat(),
            "text": sentence(alert),
            "runbook": f"docs/runbooks.md#{alert.kind}",
        },
    }
