"""Downtime packs: which site gets them, and making them. ``mdm.downtime`` knows what is in one."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from mdm import jobs, permissions
from mdm.changes import Change
from mdm.downtime import page, snapshot
from mdm.downtime.manifest import DATABASE, MANIFEST, PAGE, README, SIGNATURE, Manifest, Part
from mdm.exceptions import InvalidValue, Refused
from mdm.models import ChangeEvent, CodeSystem, DowntimePack, DowntimePlan, GoldenRecord, User
from mdm.moment import one_moment
from mdm.services import downtime_keys

LONGEST = 24 * 31  # hours that a pack may be valid
KEPT = 3  # packs of a plan whose files are kept
LOST = dt.timedelta(minutes=40)  # longer than a worker may take for one
State = DowntimePack.State

README_TEXT = """\
Concord downtime pack {serial} for {place}

Open lookup.html in a browser. It needs no network and nothing to be installed.
As of {made_at:%Y-%m-%d %H:%M} UTC. After {expires_at:%Y-%m-%d %H:%M} UTC the page answers nothing any more.

crosswalk.sqlite holds the same for programs: ask its view "translation".
To see that nobody has changed the pack: manage.py verify_pack FILE --key KEY
It is signed with the key {key}.
"""


@transaction.atomic
def plan(
    *, site: GoldenRecord | None, every_hours: int, valid_hours: int, code_systems: Sequence[str] = (), actor: User
) -> DowntimePlan:
    """Have a pack made for a site (None: the whole network) every so many hours; changes the plan that there is.

    ``code_systems``: slugs of those that go into it; none: all there are at the time.
    """
    permissions.require(actor, permissions.ADMINISTER)
    _check(site, every_hours, valid_hours, code_systems)
    made, _ = DowntimePlan.objects.select_for_update(of=("self",)).update_or_create(
        site=site,
        defaults={
            "every_hours": every_hours,
            "valid_hours": valid_hours,
            "code_systems": sorted(set(code_systems)),
            "active": True,
        },
    )
    said = {"site": site and site.public_id, "every": every_hours, "valid": valid_hours, "systems": made.code_systems}
    Change.begin(actor, "downtime.plan").audit(about=made, after=said)
    return made


def _check(site: GoldenRecord | None, every_hours: int, valid_hours: int, code_systems: Sequence[str]) -> None:
    if site is not None and site.domain != "location":
        raise InvalidValue(f"{site.public_id} is no location.")
    if not 1 <= every_hours <= valid_hours <= LONGEST:
        raise InvalidValue(f"A pack must be valid at least until the next is due, and at most {LONGEST} hours.")
    known = set(CodeSystem.objects.values_list("slug", flat=True))
    if unknown := sorted(set(code_systems) - known):
        raise InvalidValue(f"There is no code system {', '.join(unknown)[:200]}.")


@transaction.atomic
def stop(*, plan: DowntimePlan, actor: User) -> None:
    """Make no more packs of a plan. Those that there are stay until they expire."""
    permissions.require(actor, permissions.ADMINISTER)
    DowntimePlan.objects.filter(pk=plan.pk).update(active=False)
    Change.begin(actor, "downtime.stop").audit(about=plan)


@transaction.atomic
def ask(*, plan: DowntimePlan, actor: User, anew: bool = False) -> DowntimePack:
    """Have a pack made now. One that is being made already is that one, and so, unless it must be made ``anew``, is one
    that is fresh.
    """
    permissions.require(actor, permissions.VIEW)
    plan = DowntimePlan.objects.select_for_update(of=("self",)).get(pk=plan.pk)
    if not plan.active:
        raise Refused("No packs are made of this plan any more.")
    if standing := plan.packs.filter(state__in=(State.WAITING, State.RUNNING)).first():
        return standing
    if not anew and (fresh := _fresh(plan)) is not None:
        return fresh
    plan.serial += 1
    plan.save(update_fields=["serial"])
    made = DowntimePack.objects.create(plan=plan, serial=plan.serial, requester=actor)
    Change.begin(actor, "downtime.pack").audit(about=made, after={"plan": plan.pk, "serial": made.serial})
    transaction.on_commit(partial(jobs.wake, "make_pack", made.pk))
    return made


def fresh_until(pack: DowntimePack) -> dt.datetime | None:
    """Until when whoever asks for a pack is given this one."""
    return pack.made_at + dt.timedelta(minutes=settings.DOWNTIME_PACK_MINUTES) if pack.made_at else None


def _fresh(plan: DowntimePlan) -> DowntimePack | None:
    """The plan's last pack, if it came about a moment ago and is signed with the key that signs now."""
    last = plan.packs.first()
    usable = in_date().filter(pk=last.pk, key__retired_at=None).first() if last else None
    until = fresh_until(usable) if usable else None
    return usable if usable and until and timezone.now() < until and place(usable).exists() else None


def ask_for_due(*, now: dt.datetime) -> int:
    """Ask for the packs whose time has come; returns how many."""
    plans = DowntimePlan.objects.filter(active=True).annotate(last=Max("packs__requested_at"))
    due = [one for one in plans if one.last is None or one.last + dt.timedelta(hours=one.every_hours) <= now]
    for one in due:
        ask(plan=one, actor=User.objects.system(), anew=True)
    return len(due)


def idle() -> list[Any]:
    return jobs.idle(DowntimePack, lost=LOST)


def make(pk: int) -> bool:
    """Make one, unless another worker does. A failure is kept with it."""
    pack = jobs.take(DowntimePack, pk)
    if pack is None:
        return False
    with jobs.carried_out(pack):
        root = place(pack).parent
        root.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"{pack.pk}.", dir=root))
        try:
            _make(pack, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return True


def place(pack: DowntimePack) -> Path:
    return Path(settings.MEDIA_ROOT) / "downtime-packs" / f"{pack.pk}.zip"


def opened(packs: Iterable[DowntimePack]) -> tuple[DowntimePack, BinaryIO] | None:
    """The first of these packs whose file is there, and the file; one that is tidied away meanwhile is passed over."""
    for pack in packs:
        with suppress(FileNotFoundError):
            return pack, place(pack).open("rb")
    return None


def file_name(pack: DowntimePack) -> str:
    site = pack.plan.site
    return f"concord-downtime-{site.public_id if site else 'all'}-{pack.serial:06}.zip"


def _make(pack: DowntimePack, work: Path) -> None:
    pack.key = downtime_keys.current()
    said = _written(pack, work)
    facts = said.facts() | {"time_zone": settings.TIME_ZONE}  # on whose clock codes begin and end
    plain = {name: str(value) for name, value in facts.items() if not isinstance(value, dict | list)}
    snapshot.describe(work / DATABASE, plain)
    page.write(work / PAGE, work / DATABASE, facts)
    (work / README).write_text(
        README_TEXT.format(
            serial=said.serial, place=said.place, made_at=said.made_at, expires_at=said.expires_at, key=said.key
        )
    )
    content = _with_files(said, work).to_bytes()
    (work / MANIFEST).write_bytes(content)
    (work / SIGNATURE).write_bytes(downtime_keys.sign(pack.key, content))
    draft = work / "pack.zip"
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (README, PAGE, DATABASE, MANIFEST, SIGNATURE):
            archive.write(work / name, name)
    part = Part.of(draft)
    pack.size, pack.sha256 = part.size, part.sha256
    os.replace(draft, place(pack))


def _written(pack: DowntimePack, work: Path) -> Manifest:
    """Write the database, all as of one moment, and tell of it; of the files nothing is told yet."""
    plan = pack.plan
    with one_moment():
        pack.made_at = timezone.now().replace(microsecond=0)
        pack.expires_at = pack.made_at + dt.timedelta(hours=plan.valid_hours)
        pack.position = ChangeEvent.objects.aggregate(last=Max("position"))["last"] or 0
        systems = CodeSystem.objects.select_related("system").order_by("slug")
        if plan.code_systems:
            systems = systems.filter(slug__in=plan.code_systems)
        today, last = timezone.localdate(pack.made_at), timezone.localdate(pack.expires_at)
        wanted = snapshot.Wanted(plan.site, list(systems), today, last)
        counted = snapshot.write(work / DATABASE, wanted)
    pack.records, pack.codes = counted.records, counted.codes
    assert pack.key is not None  # noqa: S101 - the caller has set it
    return Manifest(
        site={"id": plan.site.public_id, "name": plan.site.name} if plan.site else None,
        serial=pack.serial,
        made_at=pack.made_at,
        expires_at=pack.expires_at,
        every_hours=plan.every_hours,
        position=pack.position,
        key=pack.key.name,
        systems=tuple(system.slug for system in wanted.systems),
        records=counted.records,
        codes=counted.codes,
        files={},
    )


def _with_files(said: Manifest, work: Path) -> Manifest:
    return replace(said, files={name: Part.of(work / name) for name in (DATABASE, PAGE, README)})


def in_date() -> QuerySet[DowntimePack]:
    """Packs that may be handed out, newest first."""
    usable = DowntimePack.objects.filter(state=State.DONE, expires_at__gt=timezone.now(), key__distrusted=False)
    return usable.select_related("plan__site", "key").order_by("-id")


def tidy() -> int:
    """Delete the files of packs that are out of date or followed by newer ones, and what dead workers left; returns how
    many files went.
    """
    # those that are being made first, and files before either: one that is done meanwhile is then among them
    files = list((root := Path(settings.MEDIA_ROOT) / "downtime-packs").glob("*.zip"))
    kept = set(DowntimePack.objects.filter(state__in=(State.WAITING, State.RUNNING)).values_list("pk", flat=True))
    for plan in DowntimePlan.objects.all():
        kept |= set(in_date().filter(plan=plan).values_list("pk", flat=True)[:KEPT])
    over = [path for path in files if not path.stem.isdigit() or int(path.stem) not in kept]
    for path in over:
        path.unlink(missing_ok=True)
    for path in root.glob("*.*/"):
        if path.stat().st_mtime < (timezone.now() - LOST).timestamp():
            shutil.rmtree(path, ignore_errors=True)
    return len(over)
