"""``python -m sync.sandbox --dir DIR``"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from .app import Ports, serve


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, required=True, help="where state, keys and sandbox.json are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--until-parent-exits", action="store_true", help="stop when the starting process is gone")
    for name in ("admin", "ehr", "erp", "supply", "fhir"):
        parser.add_argument(
            f"--{name}-port", type=_port, default=0, help="0 (default): a free port, the same next time"
        )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; write a number to 65535, or 0")
    return int(text)


def run(options: argparse.Namespace) -> None:
    ports = Ports(options.admin_port, options.ehr_port, options.erp_port, options.supply_port, options.fhir_port)
    asyncio.run(serve(options.dir, options.host, ports, watch_parent=options.until_parent_exits))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Sandbox counterparts: EHR, ERP and supply chain with real sockets.")
    arguments(parser)
    run(parser.parse_args(argv))


if __name__ == "__main__":
    main()
