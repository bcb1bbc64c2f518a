"""``manage.py load_dictionary words.csv --user maria --reason "Abbreviations of our buyers"``: propose own words."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from matching.standardise import entries
from mdm.engine import words_of
from mdm.exceptions import ConcordError
from mdm.management.people import user_named
from mdm.services import own_words


class Command(BaseCommand):
    help = "Proposes a hospital's own words: abbreviations, units, legal forms, placeholders. Somebody else approves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV or TOML: dictionary, written, meaning")
        parser.add_argument("--user", help="who proposes; somebody else approves")
        parser.add_argument("--reason", default="")
        parser.add_argument("--source", default="", help="where the words come from; default: the file's name")
        parser.add_argument("--replace", action="store_true", help="drop own words that the file doesn't have")
        parser.add_argument("--dry-run", action="store_true", help="only check and show; propose nothing")

    def handle(
        self, *, file: Path, user: str | None, reason: str, source: str, replace: bool, dry_run: bool, **_: Any
    ) -> None:
        try:
            words = entries.read(file)
            if dry_run:
                self._show(words, replace)
                return
            request = own_words.propose(
                words=words, source=source or file.name, actor=user_named(user), reason=reason, replace=replace
            )
        except entries.BadEntries as error:
            raise CommandError(str(error)) from None
        except ConcordError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"Proposed as change request {request.pk}, {len(request.diff)} changes. It waits for a second person: "
            f"manage.py approve_rules {request.pk} --user …"
        )

    def _show(self, words: dict[str, dict[str, str]], replace: bool) -> None:
        whole = own_words.merged(words, replace=replace)
        entries.check(whole)
        for name, change in own_words.differences(words_of(own_words.in_force()), whole).items():
            self.stdout.write(f"{name}\t{change['before'] or '-'} -> {change['after'] or '-'}")
