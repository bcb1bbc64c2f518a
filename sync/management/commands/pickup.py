"""Take up files that systems left in a folder: each by the saved feed that its name begins with."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mdm.models import User
from sync.inbound import services
from sync.inbound.feeds import UNFINISHED, feed_for

QUIET = 10.0  # seconds without a change before a file counts as written
TAKEN = "taken"


class Command(BaseCommand):
    help = (
        "Import what lies in a folder. A file belongs to the feed whose code its name begins with (erp-item_1122.csv "
        "to erp-item). It is imported by a worker and moved to the folder's 'taken'; the raw content is kept anyway."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--every", type=float, default=0.0, metavar="SECONDS", help="Go on looking; else look once."
        )
        parser.add_argument("--quiet", type=float, default=QUIET, help="Seconds a file must have been left alone.")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        while True:
            try:
                for path in ready(folder, options["quiet"]):
                    self._take(path)
            except OSError as error:
                if not options["every"]:
                    raise CommandError(f"{folder} can't be read and emptied: {error.strerror}.") from None
                self.stderr.write(f"{folder} can't be read and emptied: {error.strerror}; looked at again.")
            if not options["every"]:
                return
            time.sleep(options["every"])

    def _take(self, path: Path) -> None:
        feed = feed_for(path.name)
        if feed is None:
            self.stderr.write(f"{path.name}: no feed's code begins this name; it stays where it is.")
            return
        with path.open("rb") as file:
            run = services.start_run(file=file, name=path.name, actor=User.objects.system(), feed=feed)
        # moved after the run is committed: a crash in between imports the file twice, which changes nothing
        taken = path.parent / TAKEN
        taken.mkdir(exist_ok=True)
        path.replace(taken / f"{timezone.now():%Y%m%dT%H%M%S}-{run.pk}-{path.name}")
        self.stdout.write(f"{path.name}: run {run.pk} of feed {feed.code}")


def ready(folder: Path, quiet: float) -> list[Path]:
    """Files that nobody is writing any more, oldest first."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    still = [p for p in files if p.suffix not in UNFINISHED and time.time() - p.stat().st_mtime >= quiet]
    return sorted(still, key=lambda path: (path.stat().st_mtime, path.name))
