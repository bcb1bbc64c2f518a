"""``manage.py sandbox --dir DIR``: the EHR, ERP and supply-chain counterparts."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.sandbox.__main__ import arguments, run


class Command(BaseCommand):
    help = "Starts the sandbox counterparts (EHR, ERP, supply chain) with real sockets; Ctrl-C stops them."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(argparse.Namespace(**options))
        except OSError as error:
            raise CommandError(f"The sandbox can't run in {options['dir']}: {error.strerror or error}.") from None
