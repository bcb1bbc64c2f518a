"""How values, times and states read on screen."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

from django.apps import apps
from django.utils import timezone

from mdm.canonical import DOMAINS, Field, Kind
from mdm.models import AuditEntry, WorkItem

EMPTY = "Not stated"
FLAGS = {True: "Yes", False: "No"}


def display(field: Field | None, value: Any) -> str:
    """A canonical value as text. References are shown by name, children by their parts; absent is "Not stated"."""
    if value is None or value == "" or value == []:
        return EMPTY
    if isinstance(value, bool):
        return FLAGS[value]
    if isinstance(value, list):
        return " · ".join(_child(field, one) for one in value)
    if isinstance(value, dict):
        return str(value.get("name") or value.get("id") or _child(field, value))
    if field and field.choices:
        return dict(field.choices).get(str(value), str(value))
    if field and field.kind is Kind.DATE:
        return show_date(value)
    return str(value)


def _child(field: Field | None, value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    fields = {f.name: f for f in field.children} if field else {}
    parts = (display(fields.get(name), part) for name, part in value.items() if part not in (None, "", []))
    return " ".join(parts)


def show_date(value: Any) -> str:
    if isinstance(value, str):
        try:
            value = dt.date.fromisoformat(value)
        except ValueError:
            return value
    return f"{value:%d %b %Y}"


def show_time(value: dt.datetime) -> str:
    """``08:41`` today, ``20 Nov 14:02`` this year, else with the year. In the current time zone."""
    local, today = timezone.localtime(value), timezone.localdate()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local:%d %b %H:%M}" if local.year == today.year else f"{local:%d %b %Y}"


def span(seconds: float) -> str:
    """A duration in its largest unit: 12 s, 31 m, 5 h, 3 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def since(value: dt.datetime) -> str:
    return span((timezone.now() - value).total_seconds())


def bits(value: float) -> str:
    """Evidence with a sign and one decimal: +9.6, −1.4 (a true minus)."""
    return f"{value:+.1f}".replace("-", "−")


def percent(value: float | None) -> str:
    """A probability. Never rounds to a certainty that isn't there: 99.97 %, not 100 %."""
    if value is None:
        return "∅"
    share = value * 100
    if 99.95 <= share < 100:
        return ">99.9%"
    if 0 < share < 0.05:
        return "<0.1%"
    return f"{share:.1f}%".replace(".0%", "%")


KINDS = {
    "primary": "Record code",
    "gtin": "GTIN",
    "udi_di": "UDI-DI",
    "gln": "GLN",
    "npi": "NPI",
    "ein": "EIN",
    "lei": "LEI",
    "duns": "DUNS",
    "feedrun": "import",
}

RULES = {
    "invalid_identifier": "Invalid id",
    "unknown_reference": "Unknown reference",
    "missing_value": "Missing value",
    "cycle": "Cycle",
    "packaging": "Packaging",
}

EVENTS = {
    "created": "created",
    "updated": "updated",
    "published": "published",
    "retired": "retired",
    "merged": "merged",
    "unmerged": "unmerged",
}

ACTIONS = {
    "resolve": "recognised records",
    "ingest.land": "took in a feed",
    "review.opened": "asked for a review",
    "review.accept": "matched",
    "review.reject": "ruled out a match for",
    "review.new": "made a record of its own of",
    "review.undo": "took back a decision on",
    "merge": "merged",
    "unmerge": "unmerged",
    "split": "split",
    "retire": "retired",
    "override": "set a value of",
    "override.withdrawn": "withdrew a value of",
    "change_request.proposed": "asked a second person about",
    "change_request.approved": "approved a change of",
    "change_request.rejected": "rejected a change of",
    "change_request.withdrawn": "withdrew a change of",
    "policy.activated": "put rules into force",
    "policy.followed": "rebuilt by other rules",
    "policy.failed": "tried in vain to propose rules",
    "audit.export": "exported the audit log",
    "downtime.plan": "planned downtime packs",
    "downtime.stop": "ended downtime packs",
    "downtime.pack": "asked for a downtime pack",
    "downtime_key.make": "made a key for downtime packs",
    "downtime_key.rotate": "changed the key of downtime packs",
    "governance.owner": "changed the ownership of a domain",
    "governance.attribute": "described an attribute",
    "checks.planned": "planned checks of decisions",
    "check.answered": "answered a check",
    "labels.started": "started a batch of labels",
    "work.opened": "opened a work item",
    "work.closed": "closed a work item",
    "review.snooze": "put off a review",
    "review.assign": "handed over a review",
    "review.comment": "commented on a review",
    "relate": "related",
    "ingest.retire": "took out of a feed",
    "feed.started": "started an import",
    "feed.paused": "paused an import",
    "feed.resumed": "let an import go on",
    "feed.saved": "saved a column mapping",
    "feed.cancelled": "cancelled an import",
    "feed.rows_discarded": "gave up rows of an import",
    "delivery.retry": "sent again",
    "delivery.skip": "skipped a delivery of",
    "delivery.dead": "failed to deliver",
    "delivery.edit_and_retry": "mended and sent again",
    "delivery.replay": "told a target again",
    "delivery.full_sync": "told a target everything again",
    "export.asked": "asked for an export",
    "bulk": "changed several records at once",
    "target.probe": "tried a target at once",
    "target.compare": "had a target compared",
    "relation.ended": "ended a relation of",
    "drift.push": "sent ours again to a target of",
    "drift.take": "asked to take over a target's value of",
    "drift.pin": "let a target keep its own value of",
    "exception.ended": "ended a local exception of",
    "target.set": "set up a target",
    "target.changed": "changed a target",
    "target.pause": "paused a target",
    "target.resume": "resumed a target",
    "webhook.subscribed": "subscribed a webhook",
    "webhook.unsubscribed": "ended a webhook",
    "webhook.resumed": "let a webhook go on",
    "webhook.rotated": "gave a webhook a new secret",
    "user.create": "created a user",
    "user.sign_in": "signed in",
    "user.roles": "changed the roles of a user",
    "user.second_factor_reset": "reset a second factor",
    "judgement": "judged a pair of records",
    "judgement.reopened": "reopened a decision",
    "crosswalk.receipt": "received",
    "code.mapped": "mapped a code to",
    "crosswalk.period": "stated a period of a code of",
    "code_system.units": "said what a system calls units",
    "code_system.units_read": "read new words for units into records",
}


@cache
def _models() -> dict[str, str]:
    return {model._meta.model_name or "": str(model._meta.verbose_name) for model in apps.get_models()}


def kind_name(text: str) -> str:
    """A kind of code, or of what an audit entry is about."""
    return KINDS.get(text) or _models().get(text, text.replace("_", " "))


def rule_name(rule: str) -> str:
    return RULES.get(rule, rule.replace("_", " ").capitalize())


def action_words(entry: AuditEntry) -> str:
    """An audit entry as the middle of a sentence: who … which record."""
    after = entry.after if isinstance(entry.after, dict) else {}
    if entry.action == "resolve" and after.get("kind") in EVENTS:
        return EVENTS[after["kind"]]
    text = ACTIONS.get(entry.action, entry.action.replace(".", ": ").replace("_", " "))
    return (
        text
        if entry.golden
        else text.removesuffix(" of").removesuffix(" for").removesuffix(" about").removesuffix(" to")
    )


def consequence(entry: AuditEntry) -> str:
    """What an audit entry led to: the attributes that changed, else the new state."""
    after = entry.after
    if not isinstance(after, dict):
        return "" if after is None else str(after)
    if entry.golden and isinstance(after.get("changed"), list):
        fields = DOMAINS[entry.golden.domain].by_name
        return ", ".join(fields[name].label for name in after["changed"] if name in fields) or "links or codes"
    return ", ".join(f"{name.replace('_', ' ')} {_short(part)}" for name, part in after.items())


def _short(part: Any) -> str:
    if isinstance(part, list) and len(part) > 3:
        return f"({len(part)})"
    return ", ".join(map(_name, part)) if isinstance(part, list) else _name(part)


def _name(part: Any) -> str:
    """What programs call a domain, an attribute of one or a kind of work, as people call it."""
    domain, _, field = str(part).partition(".")
    if domain in DOMAINS and field in ("", *DOMAINS[domain].by_name):
        label = DOMAINS[domain].label
        return f"{label}: {DOMAINS[domain].by_name[field].label}" if field else label
    return str(dict(WorkItem.Kind.choices).get(str(part), part))


def resolution_words(resolution: str) -> str:
    return resolution.replace("_", " ").capitalize()
