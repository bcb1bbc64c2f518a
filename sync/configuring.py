"""Targets set up and changed, by the screens, the command line or a file: one service, versioned and audited.

Settings are an object as ``settings_of`` gives it; whoever changes some gives only those. Secrets come beside it, are
stored encrypted and never read back: ``settings_of`` knows their names only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.changes import Change
from mdm.exceptions import InvalidValue, Refused, Stale
from mdm.models import ATTRIBUTES, SourceSystem, User
from mdm.permissions import ADMINISTER, require
from mdm.rows import column, to_column
from sync import fieldmap, objectives, overlap, receivers, schedule
from sync.adapters import registry
from sync.adapters.base import AdapterError
from sync.models import Lane, Target, TargetVersion
from sync.sealed import SealBroken

PLAIN = (
    "name", "adapter", "config", "subscriptions", "mapping", "objectives", "schedule", "per_minute", "critical_first",
    "full_sync", "on_drift", "batch_size", "lease_seconds", "ack_seconds",
)  # fmt: skip
FIXED = ("code", "system")  # of a target that exists
NAMED = ("secrets",)  # told, never set by value


@dataclass(frozen=True, slots=True)
class Configured:
    target: Target
    lanes: int  # records that are sent to it, or weighed anew, because of this


def settings_of(target: Target) -> dict[str, Any]:
    """A target's settings as an object that a file can keep. Secrets are named, not told."""
    about = {"code": target.code, "system": target.system.code}
    return about | {name: getattr(target, name) for name in PLAIN} | {"secrets": secret_names(target)}


def secret_names(target: Target) -> list[str]:
    try:
        return overlap.names(target.secrets)
    except SealBroken:
        return []  # they have to be entered again


def draft(
    *,
    code: str,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    hours: int = overlap.OVERLAP,
) -> Target:
    """The target as it would be, checked but neither saved nor reached for. Raises InvalidValue."""
    target = Target.objects.select_related("system").filter(code=code).first() or Target(code=code)
    _fill(target, settings)
    if given := {name: value for name, value in (secrets or {}).items() if value}:
        target.secrets = _with_secrets(_known(target), given, hours)
    try:
        _subscribe(target, settings)
        target.full_clean(exclude=["namespace"])
        schedule.check(target.schedule)
        fieldmap.check(target.mapping)
        objectives.check(target.objectives)
    except ValidationError as error:
        raise InvalidValue(" ".join(error.messages)) from None
    except (AdapterError, SealBroken, TypeError) as error:
        raise InvalidValue(str(error)) from None
    return target


def _with_secrets(box: Mapping[str, str], given: Mapping[str, str], hours: int) -> dict[str, str]:
    """Secrets are taken at once, but that of alerts, which their receiver takes when it can."""
    alerts, now = given.get(overlap.ALERTS), timezone.now()
    if alerts and alerts != box.get(overlap.ALERTS):
        box = overlap.turn(box, overlap.ALERTS, alerts, hours=hours, now=now)
    return {**box, **given}


def _subscribe(target: Target, settings: Mapping[str, Any]) -> None:
    """A new target gets what its adapter carries unless it is said; none gets what its adapter doesn't."""
    adapter = registry.build(target.adapter, target.config, target.secrets)
    adapter.close()
    if target._state.adding and "subscriptions" not in settings:
        target.subscriptions = {domain: {} for domain in DOMAINS if domain in adapter.domains}
    if isinstance(target.subscriptions, dict) and (
        more := sorted(set(target.subscriptions) & set(DOMAINS) - set(adapter.domains))
    ):
        carried = ", ".join(domain for domain in DOMAINS if domain in adapter.domains)
        raise InvalidValue(f"The adapter carries {carried} as it is configured: subscribe it to no {', '.join(more)}.")


def _known(target: Target) -> dict[str, str]:
    try:
        return target.secrets
    except SealBroken:
        return {}


def _fill(target: Target, settings: Mapping[str, Any]) -> None:
    if unknown := sorted(set(settings) - {*PLAIN, *FIXED, *NAMED}):
        raise InvalidValue(f"A target has no setting {', '.join(unknown)}; it has {', '.join((*FIXED, *PLAIN))}.")
    if settings.get("code", target.code) != target.code:
        raise InvalidValue(f"These are the settings of {settings['code']}, not of {target.code}.")
    _belong(target, settings.get("system"))
    for name in PLAIN:
        if name in settings:
            setattr(target, name, settings[name])
    target.name = target.name or target.code


def _belong(target: Target, system: str | None) -> None:
    if not target._state.adding:
        if system not in (None, target.system.code):
            raise InvalidValue(f"{target.code} belongs to {target.system.code} for good. Make another target instead.")
        return
    found = SourceSystem.objects.filter(code=system or "").first()
    if found is None:
        known = ", ".join(SourceSystem.objects.values_list("code", flat=True)) or "none yet"
        said = f"There is no system {system}" if system else "Name the system that it is"
        raise InvalidValue(f"{said} (known: {known}). create_system makes one.")
    target.system = found


def reach(target: Target) -> str:
    """Connect with a draft's settings and secrets; what the adapter says. Raises Refused. Never in a transaction."""
    adapter = registry.build(target.adapter, target.config, target.secrets)
    try:
        return adapter.check()
    except AdapterError as error:
        raise Refused(f"{target.name} can't be reached: {error}") from None
    finally:
        adapter.close()


@transaction.atomic
def configure(
    *,
    code: str,
    settings: Mapping[str, Any],
    actor: User,
    reason: str = "",
    secrets: Mapping[str, str] | None = None,
    hours: int = overlap.OVERLAP,
    expected_version: int | None = None,
) -> Configured:
    """Make or change a target. A new one gets every live record; where a filter changed, records are told again or told
    to go. New secrets are used from the next batch on; what is under way is not touched. For so many ``hours`` alerts
    are signed with the secret before a new one as well.
    """
    require(actor, ADMINISTER)
    # no_key: lanes and attempts that others write meanwhile refer to it
    locked = Target.objects.select_for_update(of=("self",), no_key=True).select_related("system")
    before = locked.filter(code=code).first()
    if before is not None and expected_version not in (None, before.version):
        raise Stale(f"{before.name} was changed meanwhile: its settings are at version {before.version}. Look again.")
    target = draft(code=code, settings=settings, secrets=secrets, hours=hours)
    changed = _differing(before, target)
    if before is not None and not changed and not secrets:
        return Configured(before, 0)
    waiting = _due(before) if before is not None else 0
    target.version += 1
    if before is not None:
        _follow(before, target)
    target.save()  # and new domains get their lanes
    change = Change.begin(actor, "target.set" if before is None else "target.changed", reason)
    _keep(change, target)
    told = {"version": target.version, "changed": changed, "secrets": sorted(secrets or ())}
    change.audit(about=target, before=before and {"version": before.version}, after=told)
    receivers.wake_after_commit([target.pk])
    return Configured(target, _due(target) - waiting + receivers.unweighed(target))


def _differing(before: Target | None, after: Target) -> list[str]:
    return [name for name in PLAIN if before is None or getattr(before, name) != getattr(after, name)]


def _due(target: Target) -> int:
    return Lane.objects.filter(target=target, due_at__isnull=False).count()


def _follow(before: Target, after: Target) -> None:
    """Records of the domains whose filter changed are weighed anew; of one that comes back, those that were told to go
    when it was left.
    """
    old, new = before.subscriptions, after.subscriptions
    if weighed := [domain for domain in DOMAINS if old.get(domain) != new.get(domain)]:
        receivers.weigh_anew(after, weighed)


def _keep(change: Change, target: Target) -> None:
    TargetVersion.objects.create(
        target=target,
        number=target.version,
        content=settings_of(target),
        actor=change.actor,
        reason=change.reason,
        at=change.at,
    )


def bring_back(*, version: TargetVersion, actor: User, reason: str) -> Configured:
    """Set a target up as it was. Its secrets stay as they are."""
    return configure(code=version.target.code, settings=version.content, actor=actor, reason=reason)


# ---------------------------------------------------------------------------------------------- what a filter would do
@dataclass(frozen=True, slots=True)
class Effect:
    """What a filter means for the records of one domain."""

    domain: str
    send: int  # live records that the target doesn't hold yet
    deactivate: int  # records that it holds and would be told to stop using
    keep: int


def effects(target: Target) -> list[Effect]:
    """By domain, what the draft's subscriptions would send and deactivate. Two counts a domain."""
    return [_effect(target, domain) for domain in DOMAINS if domain in target.subscriptions or target.pk]


def _effect(target: Target, domain: str) -> Effect:
    held = (
        Lane.objects.filter(target=target.pk, record__domain=domain, active=True) if target.pk else Lane.objects.none()
    )
    wanted = _matching(domain, target.subscriptions.get(domain))
    total, kept = wanted.count(), held.filter(record__in=wanted.values("pk")).count()
    return Effect(domain, total - kept, held.count() - kept, kept)


def _matching(domain: str, wanted: Mapping[str, list[Any]] | None) -> Any:
    """Attribute rows of the live records that a filter lets through; as ``Target.wants`` says of payloads."""
    model: type[Model] = ATTRIBUTES[domain]
    rows = model._default_manager.filter(golden__status="live", golden__approved_version__gt=0)
    if wanted is None:
        return rows.none()
    for name, values in wanted.items():
        spec = DOMAINS[domain].by_name[name]
        stored = [to_column(spec, value) for value in values]
        among = Q(**{f"{column(spec)}__in": [value for value in stored if value is not None]})
        rows = rows.filter(among | Q(**{f"{column(spec)}__isnull": True}) if None in stored else among)
    return rows
