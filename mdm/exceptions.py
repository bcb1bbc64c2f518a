"""Errors of the core. Each docstring is the default message and says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ConcordError(Exception):
    """Something went wrong. Look at the log for the request id and try again."""

    status = 400
    code = "error"
    headers: Mapping[str, str] = {}  # of the answer to a request that ended in it

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or " ".join((self.__doc__ or "").split())
        self.details = details
        super().__init__(self.message)


class Forbidden(ConcordError):
    """You lack the permission for this. Ask an administrator for a role that has it."""

    status = 403
    code = "forbidden"

    def __init__(self, permission: str) -> None:
        super().__init__(
            f"This needs the permission {permission.rpartition('.')[2]}. Ask an administrator for a role that has it, "
            "and, where an API key is used, for one with that scope.",
            permission=permission,
        )


class NotFound(ConcordError):
    """There is no such record. Check the id or code."""

    status = 404
    code = "not-found"


class UnknownCode(NotFound):
    """No live golden record has this code in this code system. Check the system and the code."""

    code = "unknown-code"


class Ambiguous(ConcordError):
    """Several golden records share this code. Use a code of a system whose codes are unique, or a candidate."""

    status = 409
    code = "ambiguous-code"


class Stale(ConcordError):
    """Somebody changed this meanwhile. Look at the new state and decide again."""

    status = 409
    code = "stale"


class Held(ConcordError):
    """Somebody else has taken this item. Take it over first."""

    status = 409
    code = "held"


class MergedRecord(ConcordError):
    """This golden record was merged. Write to its survivor instead."""

    status = 409
    code = "merged"


class Refused(ConcordError):
    """This would break a rule of the record. The message names the rule."""

    status = 422
    code = "refused"


class Cycle(Refused):
    """A record can't be its own ancestor. Choose another parent."""

    code = "cycle"


class NeedsReason(Refused):
    """This action needs a reason. Say why, in a few words."""

    code = "reason-required"


class OwnChange(ConcordError):
    """Nobody approves their own change. Ask another approver."""

    status = 403
    code = "own-change"


class InvalidValue(Refused):
    """A value doesn't fit its field. The message names field, value and remedy."""

    code = "invalid-value"
