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
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError, ProgrammingError
    except ModuleNotFoundError:
        sys.exit(f"{sys.executable} has not Concord's packages. `make .venv/runtime` makes a .venv that has them.")

    from mdm import embedded

    try:
        if len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_SERVERS:
            embedded.ensure()
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # what was begun is put away
    except (embedded.EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(f"{error}")
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv or not (remedy := remedy_of(error)):
            raise
        sys.exit(f"{str(error).splitlines()[0]}\n{remedy}")


def remedy_of(error: Exception) -> str:
    """What to do where the database is away, or of another version; nothing where the mistake is ours."""
    from django.db import OperationalError
    from psycopg.errors import UndefinedColumn, UndefinedTable

    if isinstance(error, OperationalError):
        return "Start PostgreSQL, or correct DATABASE_URL; `manage.py doctor` says what is wrong."
    if isinstance(error.__cause__, UndefinedColumn | UndefinedTable):
        return "The database has not the tables of this version; `manage.py migrate` makes them."
    return ""


if __name__ == "__main__":
    main()
