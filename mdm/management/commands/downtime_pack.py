"""``manage.py downtime_pack --site MDM-LO-000012 --to /mnt/usb``: make a downtime pack, or say when to."""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.downtime import signing
from mdm.exceptions import ConcordError
from mdm.models import DowntimePack, DowntimePlan, GoldenRecord, User
from mdm.services import downtime, downtime_keys

EVERY, VALID = 6, 72  # hours, where nobody says otherwise


class Command(BaseCommand):
    help = (
        "Make a downtime pack for a site, or for the whole network, and sign it. With --every it is made again by the "
        "workers; --keys prints the public keys that packs are checked with."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", default="", help="Public id of a location. Left out: the whole network.")
        parser.add_argument("--to", type=Path, help="Folder or file to copy the pack to.")
        parser.add_argument("--every", type=int, help=f"Hours between packs. Of a new plan: {EVERY}.")
        parser.add_argument("--valid", type=int, help=f"Hours until a pack expires. Of a new plan: {VALID}.")
        parser.add_argument("--system", action="append", dest="systems", help="A code system that goes in; none: all.")
        parser.add_argument("--stop", action="store_true", help="Make no more packs of this site.")
        parser.add_argument("--keys", action="store_true", help="Print the public keys, as a key set and as PEM.")
        parser.add_argument("--new-key", default="", metavar="REASON", help="Sign with a new key from now on.")
        parser.add_argument("--distrust", action="store_true", help="With --new-key: the old one is in wrong hands.")

    def handle(self, **options: Any) -> None:
        if options["distrust"] and not options["new_key"]:
            raise CommandError("--distrust goes with --new-key REASON: packs of the old key are trusted no more.")
        try:
            if options["new_key"] or options["keys"]:
                self._keys(options["new_key"], options["distrust"])
            elif options["stop"]:
                downtime.stop(plan=_plan(_site(options["site"])), actor=User.objects.system())
            else:
                self._pack(options)
        except ConcordError as error:
            raise CommandError(error.message) from error

    def _keys(self, reason: str, distrust: bool) -> None:
        if reason:
            downtime_keys.rotate(actor=User.objects.system(), reason=reason, distrust=distrust)
        keys = downtime_keys.published()
        self.stdout.write(json.dumps({"keys": [signing.jwk(key) for key in keys]}, indent=1))
        for key in keys:
            self.stdout.write(f"\n{signing.named(key)}\n{signing.pem(key)}")

    def _pack(self, options: dict[str, Any]) -> None:
        system = User.objects.system()
        plan = _planned(_site(options["site"]), options, system)
        pack = downtime.ask(plan=plan, actor=system, anew=True)
        downtime.make(pack.pk)
        pack = DowntimePack.objects.get(pk=pack.pk)
        if pack.state != DowntimePack.State.DONE:
            raise CommandError(pack.error or "A worker is making it already. Fetch it when it is done.")
        where = downtime.place(pack)
        if (to := options["to"]) is not None:
            where = _copied(where, to / downtime.file_name(pack) if to.is_dir() else to)
        self.stdout.write(f"{where}: {pack.codes:,} codes of {pack.records:,} records, {pack.size:,} bytes.")
        key = downtime_keys.current().public
        self.stdout.write(f"In date until {pack.expires_at:%Y-%m-%d %H:%M} UTC. Check it with the key {key}")


def _copied(pack: Path, to: Path) -> Path:
    try:
        return Path(shutil.copyfile(pack, to))
    except OSError as error:
        raise CommandError(f"The pack is made, in {pack}, but can't be copied to {to}: {error.strerror}.") from None


def _site(public_id: str) -> GoldenRecord | None:
    if not public_id:
        return None
    site = GoldenRecord.objects.filter(domain="location", public_id=public_id).first()
    if site is None:
        raise CommandError(f"{public_id} is no location. Give the public id of one, e.g. MDM-LO-000001.")
    return site.survivor


def _plan(site: GoldenRecord | None) -> DowntimePlan:
    plan = DowntimePlan.objects.filter(site=site, active=True).first()
    if plan is None:
        raise CommandError("No packs are made of that.")
    return plan


def _planned(site: GoldenRecord | None, options: dict[str, Any], actor: User) -> DowntimePlan:
    """The plan as it stands, unless something else is asked for."""
    plan = DowntimePlan.objects.filter(site=site).first()
    said = {"every_hours": options["every"], "valid_hours": options["valid"], "code_systems": options["systems"]}
    wanted = {name: value for name, value in said.items() if value is not None}
    if plan is not None and plan.active and not wanted:
        return plan
    usual = {"every_hours": EVERY, "valid_hours": VALID, "code_systems": []}
    standing = {name: getattr(plan, name) for name in usual} if plan else usual
    return downtime.plan(site=site, actor=actor, **(standing | wanted))
