"""Import a tabular file from the command line, here and now."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mdm.exceptions import ConcordError
from mdm.management.commands.create_system import system_of
from mdm.management.people import user_named
from mdm.models import CodeSystem, SourceSystem, User
from sync.inbound import lease, services
from sync.inbound.mapping import SURE, Suggestion
from sync.inbound.preview import DryRun
from sync.management.given import json_object
from sync.models.feed import GL_ACCOUNT, DateOrder, Feed, FeedDomain, FeedRun, MissingRows

SHOWN = 20
WAIT = 2.0  # seconds between looks at an earlier run that a worker has


class Command(BaseCommand):
    help = (
        "Import a CSV, TSV or Excel file (gzipped or not) of one system and domain, recognise its records and print "
        "what became of them. Columns are mapped by a saved feed, by --map, by a JSON file, or else by their headings."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--system", default="", help="Code of the system that sent the file.")
        parser.add_argument("--domain", default="", choices=["", *FeedDomain.values])
        parser.add_argument("--feed", default="", help="A saved feed.")
        parser.add_argument("--mapping", type=Path, help='JSON: {"Column": "path" or ["path", …]}.')
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=PATH", help="May be repeated.")
        parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="The same in every row.")
        parser.add_argument("--sheet", default="", help="Of a workbook.")
        parser.add_argument("--date-order", default=None, choices=[v for v in DateOrder.values if v])
        parser.add_argument("--missing", default=None, choices=MissingRows.values)
        parser.add_argument("--max-retire-share", type=_share, default=None, metavar="0…1")
        parser.add_argument("--clean", action="store_true", help="The system's codes are free of duplicates.")
        parser.add_argument("--save-feed", default="", metavar="CODE", help="Save mapping and options as a feed.")
        parser.add_argument("--create-system", default="", choices=["", *SourceSystem.Kind.values], metavar="KIND")
        parser.add_argument("--dry-run", action="store_true", help="Write nothing, tell what would be.")
        parser.add_argument("--user", default="", help="Who imports; without it Concord itself.")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            actor = user_named(options["user"], otherwise=User.objects.system())
            if options["dry_run"]:
                self._try(actor, options)
                return
            run = self._draft(actor, options)
            services.queue(run=run, actor=actor, enqueue=False)
            run = self._work(run)
        except ConcordError as error:
            raise CommandError(error.message) from error
        self._tell(run, time.monotonic() - started)
        if run.state != FeedRun.State.DONE or not (run.new + run.changed + run.unchanged):
            raise CommandError(run.message or "No row could be imported.")
        if run.message:
            self.stdout.write(self.style.WARNING(run.message))

    @transaction.atomic
    def _try(self, actor: User, options: dict[str, Any]) -> None:
        self._tell_dry(services.dry_run(run=self._draft(actor, options), actor=actor))
        transaction.set_rollback(True)

    @transaction.atomic
    def _draft(self, actor: User, options: dict[str, Any]) -> FeedRun:
        feed = self._feed(options["feed"])
        system, domain = self._system(feed, options)
        how: dict[str, Any] = {
            "sheet": options["sheet"],
            "date_order": options["date_order"],
            "missing": options["missing"],
            "max_retire_share": options["max_retire_share"],
            "deduplicated": options["clean"] or None,
            "constants": _pairs(options["set"]) or None,
            "mapping": _mapping(options) or None,
        }
        stated = {name: value for name, value in how.items() if value not in (None, "")}
        with _opened(options["path"]) as file:
            run = services.upload(
                file=file, name=options["path"].name, actor=actor, feed=feed, system=system, domain=domain, **stated
            )
        if not run.mapping:
            run.mapping = self._suggested(services.inspect(run=run, actor=actor).suggestions)
            run.save(update_fields=["mapping"])
        if code := options["save_feed"]:
            services.save_feed(code=code, name=code, actor=actor, **services.options_of(run))
        return run

    def _feed(self, code: str) -> Feed | None:
        if not code:
            return None
        if feed := Feed.objects.filter(code=code).first():
            return feed
        raise CommandError(
            f"There is no feed {code!r}. Saved: {', '.join(Feed.objects.values_list('code', flat=True))}."
        )

    def _system(self, feed: Feed | None, options: dict[str, Any]) -> tuple[SourceSystem, str]:
        slug, domain = options["system"], options["domain"]
        if feed:
            return feed.system, feed.domain
        if not slug or not domain:
            raise CommandError("Say which system sent what: --system and --domain, or --feed.")
        if kind := options["create_system"]:
            _create(slug, domain, kind)
        return services.system_of(slug, domain), domain

    def _suggested(self, suggestions: list[Suggestion]) -> dict[str, str]:
        """Only what is sure, and said aloud: nobody looks over a command's shoulder."""
        mapping = {s.column: s.path for s in suggestions if s.confidence >= SURE}
        self.stdout.write("Mapped by heading: " + ", ".join(f"{c} → {p}" for c, p in mapping.items()))
        return mapping

    def _work(self, run: FeedRun) -> FeedRun:
        """Run it, after earlier runs of the same system."""
        while run.is_active or run.state == FeedRun.State.DRAFT:
            before = lease.predecessor(run)
            if before is None or services.run(before.pk).is_active:
                run = services.run(run.pk)
            if run.is_active:
                self.stdout.write(run.message or "Another worker has this run.")
                time.sleep(WAIT)
        return run

    def _tell_dry(self, dry: DryRun) -> None:
        self.stdout.write(
            f"{dry.rows:,} rows: {dry.new:,} new, {dry.changed:,} changed, {dry.unchanged:,} unchanged, "
            f"{dry.repeated:,} repeated, {dry.quarantined:,} to be quarantined; {dry.retired:,} would be retired."
        )
        for bad in dry.problems[:SHOWN]:
            self.stdout.write(f"  row {bad.number}: {bad.reason}")
        if dry.message:
            self.stdout.write(self.style.WARNING(dry.message))

    def _tell(self, run: FeedRun, seconds: float) -> None:
        self.stdout.write(
            f"Run {run.pk}: {run.rows:,} rows: {run.new:,} new, {run.changed:,} changed, {run.unchanged:,} unchanged, "
            f"{run.repeated:,} repeated, {run.quarantined:,} quarantined, {run.retired:,} retired."
        )
        self.stdout.write(
            f"{run.linked:,} linked, {run.reviewed:,} to review, {run.created:,} new golden records; {seconds:.1f} s."
        )
        for row in run.quarantine.all()[:SHOWN]:
            self.stdout.write(f"  row {row.row_number}: {row.reason}")
        if run.quarantined > SHOWN:
            self.stdout.write(f"  … and {run.quarantined - SHOWN:,} more")


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 1:
            return share
    raise ArgumentTypeError(f"{text} is no share; write a number from 0 to 1, such as 0.02")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None
    with file:
        yield file


def _pairs(texts: list[str]) -> dict[str, str]:
    """ "A=b" becomes {"A": "b"}; the last "=" divides, as headings may have one and paths don't."""
    found = {}
    for text in texts:
        name, divider, value = text.rpartition("=")
        if not divider:
            raise CommandError(f"{text!r} has no '='.")
        found[name] = value
    return found


def _mapping(options: dict[str, Any]) -> dict[str, Any]:
    mapping = json_object(options["mapping"]) if options["mapping"] else {}
    for column, paths in mapping.items():
        if not all(isinstance(path, str) for path in (paths if isinstance(paths, list) else [paths])):
            raise CommandError(f'{options["mapping"]}: {column!r} is mapped to no path; write "path" or ["path", …].')
    for text in options["map"]:
        for column, path in _pairs([text]).items():
            have = mapping.get(column, [])
            mapping[column] = [*([have] if isinstance(have, str) else have), path] if have else path
    return mapping


def _create(slug: str, domain: str, kind: str) -> None:
    """The system and its own codes of the domain, where they don't exist."""
    system = system_of(slug, slug, kind)
    if domain != GL_ACCOUNT:
        CodeSystem.objects.own(system, domain)
