"""``manage.py verify_pack FILE --key KEY``: whether a downtime pack is whole, genuine and in date."""

from __future__ import annotations

import datetime as dt
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management.base import BaseCommand, CommandError

from mdm.downtime import signing
from mdm.downtime.verify import NETWORK, Expected, verify


class Command(BaseCommand):
    help = "Check a downtime pack, as an archive or unpacked, against a public key that you trust. Ends with 1 if not."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pack", type=Path, help="The archive, or the folder that it was unpacked into.")
        parser.add_argument(
            "--key",
            action="append",
            default=[],
            help="A public key that you trust, as 43 characters or as a file (PEM, or a key set from the API). "
            "Several: name it again. manage.py downtime_pack --keys prints it.",
        )

        parser.add_argument(
            "--site", help=f"The location that it must be for, e.g. MDM-LO-000001; {NETWORK}: the whole network."
        )
        parser.add_argument(
            "--serial", type=int, default=0, metavar="LEAST", help="No pack older than this one of the site's."
        )

    def handle(self, *, pack: Path, key: list[str], site: str | None, serial: int, **_: Any) -> None:
        keys = signing.by_name(known for said in key for known in _keys(said))
        verdict = verify(pack, keys, now=dt.datetime.now(dt.UTC), expected=Expected(site, serial))
        if (found := verdict.manifest) is not None:
            self.stdout.write(
                f"Says it is pack {found.serial} for {found.place}, of {found.made_at:%Y-%m-%d %H:%M} UTC,"
            )
            self.stdout.write(f"in date until {found.expires_at:%Y-%m-%d %H:%M} UTC, with {found.codes:,} codes.")
        for problem in verdict.problems:
            self.stderr.write(problem)
        if not verdict.good:
            self.stderr.write("Don't use it.")
            sys.exit(1)
        self.stdout.write(f"Genuine, whole and in date. Signed with {found.key if found else ''}.")


def _keys(said: str) -> list[Ed25519PublicKey]:
    try:
        path = Path(said)
        return signing.read(path.read_text() if path.is_file() else said)
    except (signing.NoKey, UnicodeDecodeError, OSError) as error:
        raise CommandError(f"{said[:200]!r} is no Ed25519 public key, and no file with one.") from error
