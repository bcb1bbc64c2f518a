"""Write the benchmark: one folder per domain, each a task with its truth.

    python -m matching.benchmark OUT_DIR [--domain item] [--size N] [--seed 7] [--kind link|dedupe] [--duplicates 0.2]

The same arguments write the same bytes, on any machine.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from .task import DOMAINS, write_task


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 0.6:
            return share
    raise argparse.ArgumentTypeError("a share from 0 to 0.6")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 50:
        raise argparse.ArgumentTypeError("a whole number, at least 50: fewer have no siblings")
    return int(text)


def main(arguments: list[str] | None = None) -> None:
    """Write the benchmark as the arguments say; see the module."""
    parser = argparse.ArgumentParser(
        prog="python -m matching.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--domain", default="all", choices=(*DOMAINS, "all"))
    parser.add_argument("--size", type=_count, help="rows of the left, or only, table; each domain has its own default")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kind", default="link", choices=("link", "dedupe"))
    parser.add_argument("--duplicates", type=_share, default=0.2, help="share of the rows that are copies (dedupe)")
    options = parser.parse_args(arguments)
    try:
        _write(options)
    except OSError as error:
        sys.exit(f"{options.out} can't be written: {error.strerror}.")


def _write(options: argparse.Namespace) -> None:
    for name in DOMAINS if options.domain == "all" else [options.domain]:
        folder = write_task(
            DOMAINS[name],
            options.out,
            size=options.size,
            seed=options.seed,
            kind=options.kind,
            duplicates=options.duplicates,
        )
        sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main()
