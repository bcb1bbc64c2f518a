"""``manage.py listen``: the HL7 listener, for every active source of this way."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from sync.inbound.mllp import Listener


class Command(BaseCommand):
    help = "Listens for HL7 v2 master files (MLLP) on the ports of the inbound sources; stops on SIGTERM and Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_run())


async def _run() -> None:
    listener = Listener()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, listener.stopping.set)
    await listener.run()
