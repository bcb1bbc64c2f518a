"""Concord's own errors in the words of a screen. The API and commands keep each error's own message."""

from __future__ import annotations

from mdm.exceptions import ConcordError, Forbidden
from mdm.permissions import DESCRIPTIONS


def said(error: ConcordError) -> str:
    """What happened and what to do, without the names that only programs use."""
    if isinstance(error, Forbidden) and (what := DESCRIPTIONS.get(error.details["permission"])):
        return f"Your roles don’t let you do this: {what[0].lower()}{what[1:]}. Ask an administrator for one that does."
    return error.message
