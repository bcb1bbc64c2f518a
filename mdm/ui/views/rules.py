"""Rules: in force, by version, and proposed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from kombu.exceptions import OperationalError

from mdm import tasks
from mdm.canonical import DOMAINS
from mdm.exceptions import InvalidValue, NeedsReason, Refused
from mdm.models import Policy, SourceRecord
from mdm.permissions import DECIDE, VIEW
from mdm.services import gate, learning, trust
from mdm.services.revise import CHANGEABLE, revise
from mdm.ui.pages import POST, Request, not_found, page, render
from mdm.ui.readers import rules as reader

AT_ONCE = 5_000  # source records that are looked at while the steward waits


@page(VIEW)
def listing(request: Request) -> HttpResponse:
    return render(request, "rules/list.html", {"section": "rules", "rules": reader.overview()})


@page(VIEW)
def detail(request: Request, kind: str, domain: str, version: int = 0) -> HttpResponse:
    """The rules in force, or those of one version."""
    if kind not in reader.KINDS:
        raise not_found(f"kind of rules {kind}")
    rules = reader.Rules(kind, domain, version)
    if version and rules.policy is None:
        raise not_found(f"version {version} of these rules")
    return render(request, "rules/detail.html", {"section": "rules", "rules": rules, "asked": version})


@page(VIEW)
def words(request: Request) -> HttpResponse:
    """The hospital's own words, as recognising reads them."""
    return render(request, "rules/words.html", {"section": "rules", "words": reader.own_words()})


@page(DECIDE, POST)
def propose(request: Request, domain: str) -> HttpResponse:
    """Match rules with other values, as a proposal with what it would do."""
    values, reason, seen = _changed(request, domain), request.POST.get("reason", ""), _seen(request)
    if _is_large(domain):
        return _later(request, Policy.Kind.MATCH, domain, tasks.revise_rules, values, seen, request.user.pk, reason)
    change = revise(domain=domain, values=values, expected_version=seen, actor=request.user, reason=reason)
    messages.success(request, "Proposed. A second person decides.")
    return redirect("change", change.pk)


@page(DECIDE, POST)
def believe(request: Request, domain: str) -> HttpResponse:
    """Survivorship rules with other trust, as a proposal with what it would change."""
    asked, reason, seen = _trust(request, domain), request.POST.get("reason", ""), _seen(request)
    if _is_large(domain):
        return _later(request, Policy.Kind.SURVIVORSHIP, domain, tasks.believe, asked, seen, request.user.pk, reason)
    change = trust.believe(domain=domain, trust=asked, expected_version=seen, actor=request.user, reason=reason)
    messages.success(request, "Proposed. A second person decides.")
    return redirect("change", change.pk)


@page(DECIDE, POST)
def require(request: Request, domain: str) -> HttpResponse:
    """Another publish gate: what it would do, or a proposal with that."""
    asked, reason = request.POST.getlist("required"), request.POST.get("reason", "")
    if request.POST.get("act") == "try":
        rules = reader.Rules(Policy.Kind.PUBLISH, domain, asked=asked)
        context = {"section": "rules", "rules": rules, "tried": gate.gate_diff(domain, asked), "reason": reason}
        return render(request, "rules/detail.html", context)
    change = gate.require(
        domain=domain, required=asked, expected_version=_seen(request), actor=request.user, reason=reason
    )
    messages.success(request, "Proposed. A second person decides.")
    return redirect("change", change.pk)


@page(DECIDE, POST)
def train(request: Request, domain: str) -> HttpResponse:
    """Learn rules from what people decided, as a proposal."""
    reason = request.POST.get("reason", "")
    if _is_large(domain):
        return _later(request, Policy.Kind.MATCH, domain, tasks.train_rules, request.user.pk, reason)
    change = learning.train(domain=domain, actor=request.user, reason=reason)
    messages.success(request, f"Learned from the labels of {DOMAINS[domain].plural.lower()}. A second person decides.")
    return redirect("change", change.pk)


def _seen(request: Request) -> int:
    """The version of the rules that the form was filled with."""
    version = request.POST.get("version", "")
    return int(version) if version.isdecimal() else 0


def _trust(request: Request, domain: str) -> dict[str, dict[str, int | None]]:
    """``trust.gtin.erp``: what the form says of each attribute and system; empty is as far as in general."""
    asked: dict[str, dict[str, int | None]] = {}
    systems = reader.Rules(Policy.Kind.SURVIVORSHIP, domain).systems
    for spec in DOMAINS[domain].fields:
        for system in systems:
            text = request.POST.get(f"trust.{spec.name}.{system.code}")
            if text is not None and text.strip() and not text.strip().isdecimal():
                raise InvalidValue("Trust is a number from 0 to 100.")
            if text is not None:
                asked.setdefault(spec.name, {})[system.code] = int(text) if text.strip() else None
    return asked


def _is_large(domain: str) -> bool:
    """Whether deciding every record under two sets of rules takes longer than a person waits."""
    return SourceRecord.objects.filter(domain=domain)[: AT_ONCE + 1].count() > AT_ONCE


def _later(request: Request, kind: str, domain: str, task: Any, *told: Any) -> HttpResponse:
    """A worker proposes these rules; what it is told after the domain is ``told``."""
    if not request.POST.get("reason", "").strip():
        raise NeedsReason
    try:
        task.delay(domain, *told)
    except OperationalError as error:
        raise Refused("No worker can be reached. Try again in a moment.") from error
    messages.success(request, "A worker looks at the whole population. The proposal then appears under Approvals.")
    return redirect("rules-detail", kind, domain)


def _changed(request: Request, domain: str) -> dict[str, float]:
    """What the form says otherwise than the rules in force."""
    now: dict[str, Any] = reader.flat(reader.Rules(Policy.Kind.MATCH, domain).match.to_json())
    asked = {path: request.POST[path] for path in now if path.partition(".")[0] in CHANGEABLE and path in request.POST}
    try:
        values = {path: float(text) for path, text in asked.items()}
    except ValueError as error:
        raise InvalidValue("Give each rule as a number.") from error
    return {path: value for path, value in values.items() if value != float(now[path])}
