"""``manage.py train --domain item --user maria --reason "Reviews of March"``: propose rules learned from decisions."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mdm.exceptions import ConcordError
from mdm.management.people import user_named
from mdm.models import DomainName
from mdm.services import learning


class Command(BaseCommand):
    help = "Learns from stewards' decisions what evidence weighs and scores mean, shows the effect, and proposes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--domain", required=True, choices=DomainName.values)
        parser.add_argument("--user", help="who proposes; somebody else approves")
        parser.add_argument("--reason", default="")
        parser.add_argument(
            "--unsupervised", action="store_true", help="learn without decisions, from how records resemble each other"
        )
        parser.add_argument("--dry-run", action="store_true", help="only show; propose nothing")

    def handle(
        self, *, domain: str, user: str | None, reason: str, dry_run: bool, unsupervised: bool, **_: Any
    ) -> None:
        try:
            if dry_run:
                practise = learning.practise_unlabelled if unsupervised else learning.practise
                self._show(practise(domain).to_json())
                return
            request = learning.train(domain=domain, actor=user_named(user), reason=reason, unlabelled=unsupervised)
        except ConcordError as error:
            raise CommandError(error.message) from None
        self._show(request.diff)
        self.stderr.write(
            f"Proposed as change request {request.pk}. It waits for a second person: "
            f"manage.py approve_rules {request.pk} --user … --reason …"
        )

    def _show(self, diff: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(diff, indent=2))
