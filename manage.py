#!/usr/bin/env python
"""Concord's command line. Starts the embedded PostgreSQL and Redis first where no URL of another one is set."""

import os
import signal
import sys

# These say something without a database, or find out for themselves what is wrong with it.
WITHOUT_SERVERS = {"help", "--help", "-h", "version", "--version", "collectstatic", "doctor", "verify_pack"}


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that what was begun is put away
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdm.settings")
    from django.core.management import execute_from_command_line

    from mdm import embedded

    if len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_SERVERS:
        try:
            embedded.ensure()
        except embedded.EmbeddedError as error:
            sys.exit(f"{error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
