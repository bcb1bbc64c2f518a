"""Going on after work that was stopped wherever it was, as Celery stops a task whose time is over."""

from __future__ import annotations

from django.db import connection


def fresh_connection() -> None:
    """Drop the connection: stopped in the midst of a query, it still waits for the answer and takes no other one.

    Within a transaction it stays, as the transaction is the caller's.
    """
    if not connection.in_atomic_block:
        connection.close()
