"""What the targets hold, read back from the targets themselves, against what was committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mdm.models import ChangeEvent, GoldenRecord, User
from sync import reconcile
from sync.models import Lane, Target
from sync.sandbox.launch import SandboxClient


@dataclass
class Findings:
    loss: list[str] = field(default_factory=list)  # committed, and a target lacks it; or promised, and not committed
    phantom: list[str] = field(default_factory=list)  # at a target, and never committed
    gap: list[str] = field(default_factory=list)  # a version, a lane or a place in the feed that is out of order
    duplicate: list[str] = field(default_factory=list)  # took effect more than once

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(found) for name, found in vars(self).items()}

    def __bool__(self) -> bool:
        return any(vars(self).values())


def check(sandbox: SandboxClient, domain: str, promised: Mapping[str, int]) -> Findings:
    """``promised``: {public id: newest version that a client was told of}. At rest: nothing is under way."""
    found = Findings()
    records = {golden.public_id: golden for golden in GoldenRecord.objects.filter(domain=domain)}
    events: dict[str, list[ChangeEvent]] = defaultdict(list)
    for event in ChangeEvent.objects.filter(record__domain=domain).select_related("record").order_by("version"):
        events[event.record.public_id].append(event)
    for public_id, version in promised.items():
        if records[public_id].version < version:
            found.loss.append(f"{public_id} v{version} was promised, v{records[public_id].version} is there")
    for public_id, told in events.items():
        _order(found, records[public_id], told)
    for target in Target.objects.filter(active=True):
        _target(found, sandbox, target, records.values(), events)
    return found


def _order(found: Findings, golden: GoldenRecord, events: list[ChangeEvent]) -> None:
    versions, positions = [e.version for e in events], [e.position for e in events]
    if versions != list(range(1, golden.version + 1)):
        found.gap.append(f"events of {golden.public_id}: {versions}, version {golden.version}")
    if None in positions or positions != sorted(positions):  # type: ignore[type-var]
        found.gap.append(f"places of {golden.public_id} in the feed: {positions}")
    for lane in Lane.objects.filter(record=golden):
        if lane.head != golden.version or not lane.in_step:
            found.gap.append(f"lane {lane.pk} of {golden.public_id}: head {lane.head}, acked {lane.acked}")


def _target(
    found: Findings,
    sandbox: SandboxClient,
    target: Target,
    records: Iterable[GoldenRecord],
    events: Mapping[str, list[ChangeEvent]],
) -> None:
    domain = next(iter(target.subscriptions))
    held = {row["id"]: row for row in sandbox.state(target.code, domain)}
    for golden in records:
        row = held.get(golden.public_id)
        if row is None or row["version"] < golden.version or not row["active"]:
            found.loss.append(f"{target.code} lacks {golden.public_id} v{golden.version}")
    known = {(public_id, event.version) for public_id, told in events.items() for event in told}
    for effect in sandbox.effects(target.code):
        name = f"{target.code}: {effect['id']} v{effect['version']}.{effect['generation']}"
        if (effect["id"], effect["version"]) not in known:
            found.phantom.append(name)
        if effect["times"] != 1:
            found.duplicate.append(f"{name} {effect['times']} times")
    run = reconcile.compare(target, actor=User.objects.system())
    found.loss += [f"{target.code} holds other values of {d.public_id}: {d.fields}" for d in run.drifts.all()]
    if run.error:
        found.loss.append(f"{target.code} could not be read back: {run.error}")
