"""``manage.py restandardise``: read the words in force into what is stored, now rather than in the background."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from mdm.services import restandardise


class Command(BaseCommand):
    help = "Standardises stored records with the words in force. Can be stopped at any time; it goes on where it was."

    def handle(self, **_: Any) -> None:
        for domain, count in restandardise.run().items():
            self.stdout.write(f"{domain:<12}{count:>10,} records read anew")
