"""Work items: how many wait, for whom, and since when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone

from mdm.models import ChangeRequest, User, WorkItem

Kind = WorkItem.Kind
# decided on the review screen, side by side
REVIEWS = (Kind.POSSIBLE_MATCH, Kind.POSSIBLE_DUPLICATE, Kind.NEW_RECORD, Kind.WEAK_LINK)
ENOUGH = 999
# looked at one by one
OTHERS = (Kind.INVALID_DATA, Kind.FEED_PROBLEM, Kind.FAILED_DELIVERY, Kind.LOCAL_EXCEPTION)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open work items of one kind."""

    number: int
    overdue: int
    oldest: dt.datetime | None


NOTHING = Waiting(0, 0, None)


def waiting(user: User | None = None) -> dict[str, Waiting]:
    """Open work per kind; of one assignee if asked. One query on the partial indexes of open items."""
    rows = WorkItem.objects.filter(state=WorkItem.State.OPEN)
    if user is not None:
        rows = rows.filter(assignee=user)
    groups: Iterable[Any] = rows.order_by().values("kind").annotate(**counted())
    return {row["kind"]: Waiting(row["number"], row["overdue"], row["oldest"]) for row in groups}


def counted() -> dict[str, Any]:
    """What ``Waiting`` says of a group of work items, as annotations."""
    late = Q(due_at__lt=timezone.now())
    return {"number": Count("pk"), "overdue": Count("pk", filter=late), "oldest": Min("created_at")}


def together(chosen: Collection[Waiting]) -> Waiting:
    """Several groups as one."""
    oldest = min((w.oldest for w in chosen if w.oldest), default=None)
    return Waiting(sum(w.number for w in chosen), sum(w.overdue for w in chosen), oldest)


# One query for the navigation of every page; none of its parts counts all that is open.
BADGES_SQL = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM mdm_workitem WHERE state = 'open' AND kind = ANY(%(reviews)s)
                              LIMIT %(most)s) r),
       (SELECT count(*) FROM (SELECT 1 FROM mdm_workitem WHERE state = 'open' AND kind = ANY(%(others)s)
                              LIMIT %(most)s) o),
       EXISTS (SELECT 1 FROM mdm_workitem WHERE state = 'open' AND kind = ANY(%(reviews)s) AND due_at < now())
"""


@dataclass(frozen=True, slots=True)
class Badges:
    """Open work: how much, as far as it says something, and whether some review is late."""

    reviews: str
    others: str
    overdue: bool


def badges() -> Badges:
    given: dict[str, Any] = {"reviews": list(map(str, REVIEWS)), "others": list(map(str, OTHERS)), "most": ENOUGH + 1}
    with connection.cursor() as cursor:
        cursor.execute(BADGES_SQL, given)
        reviews, others, overdue = cursor.fetchone()
    return Badges(_badge(reviews), _badge(others), overdue)


def _badge(number: int) -> str:
    return "" if not number else str(number) if number <= ENOUGH else f"{ENOUGH}+"


def approvable(user: User) -> int:
    """Change requests that this user could decide: open, and not their own."""
    return ChangeRequest.objects.filter(state=ChangeRequest.State.OPEN).exclude(proposer=user).count()


def kinds() -> list[tuple[str, str, int]]:
    """The kinds of other work: value, label and how many are open."""
    groups = waiting()
    return [(kind, kind.label, groups.get(kind, NOTHING).number) for kind in OTHERS]


def others(kind: str = "", number: int = 100) -> list[WorkItem]:
    """Open work items that are not reviews, most urgent first."""
    rows = WorkItem.objects.filter(kind__in=[kind] if kind else OTHERS, state=WorkItem.State.OPEN)
    return list(rows.select_related("golden", "assignee", "source__code_system__system")[:number])
