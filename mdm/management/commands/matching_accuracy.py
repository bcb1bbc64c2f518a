"""``manage.py matching_accuracy --domain item``: precision, recall and review rate, and how far stewards agree."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from matching.measures import Share
from mdm.models import DomainName
from mdm.services.accuracy import Accuracy, accuracy
from mdm.services.double_review import Stewards, agreement


class Command(BaseCommand):
    help = "Shows how good matching is, from what stewards decided, with intervals at 95 %."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--domain", action="append", choices=DomainName.values, help="Default: all.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="for machines")

    def handle(self, *, domain: list[str] | None, as_json: bool, **_: Any) -> None:
        found = [(accuracy(name), agreement(name)) for name in domain or DomainName.values]
        if as_json:
            self.stdout.write(
                json.dumps([{**measured.to_json(), "stewards": stewards.to_json()} for measured, stewards in found])
            )
            return
        for measured, stewards in found:
            self._report(measured, stewards)

    def _report(self, measured: Accuracy, stewards: Stewards) -> None:
        self.stdout.write(f"{measured.domain}:")
        for name, share in (
            ("precision", measured.precision),
            ("recall", measured.recall),
            ("recall with reviews", measured.recall_with_reviews),
            ("review rate", measured.review_rate),
            ("stewards' errors", stewards.errors),
        ):
            self.stdout.write(f"  {name:<20} {_words(share)}")
        told = stewards.overall.to_json()
        if told["questions"]:
            self.stdout.write(
                f"  stewards agree in {told['agreed']} of {told['questions']} blind reviews, kappa {told['kappa']} "
                f"{told['kappa_interval']}"
            )
        for note in measured.notes:
            self.stdout.write(f"  {note}.")


def _words(share: Share) -> str:
    if share.estimate is None:
        return "unknown: no decisions yet"
    low, high = share.interval
    doubt = "" if share.enough else ", not enough decisions"
    return f"{share.estimate:.3f} ({low:.3f} to {high:.3f}; {share.part} of {share.whole}{doubt})"
