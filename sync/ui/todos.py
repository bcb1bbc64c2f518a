"""What sync has for people to do: deliveries that targets refused, imports that nobody has mapped yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from mdm.models import User
from mdm.permissions import IMPORT, MANAGE_SYNC
from mdm.ui.readers.todo import Todo
from mdm.ui.readers.work import ENOUGH
from sync.models import FeedRun

TARGETS = 5
# By target and kind of error, off the index of failed lanes; no more of a target than say something.
REFUSED_SQL = """
SELECT t.code, t.name, d.error_class, count(*) AS number FROM sync_target t
CROSS JOIN LATERAL (SELECT error_class FROM sync_lane WHERE target_id = t.id AND state = 'dead' LIMIT %(most)s) d
GROUP BY t.code, t.name, d.error_class ORDER BY number DESC
"""
RECENT = 1000  # imports among which drafts are looked for; who has forgotten one for so long uploads it again
NAMED = 2
# by kind of error, as `sync.adapters.base.ErrorClass`
WHY = {
    "connection": "No connection, or it broke",
    "timeout": "It took too long to answer",
    "busy": "It had no time",
    "conflict": "Somebody else changed the same records",
    "auth": "It does not let Concord in",
    "protocol": "Its answers can’t be understood",
    "server": "It failed itself",
    "validation": "A limit or rule of the target",
    "refused": "For reasons of its own",
}


def todos(user: User, team: bool) -> Iterator[Todo]:
    """For whoever may act on it; drafts are their owner's, unless the team's are asked for."""
    if user.has_permission(MANAGE_SYNC):
        yield from _refused()
    if user.has_permission(IMPORT):
        yield from _drafts(None if team else user)


def _refused() -> Iterator[Todo]:
    """One for each target that refused something, those that refused most first."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSED_SQL, {"most": ENOUGH + 1})
        rows: list[tuple[str, str, str, int]] = cursor.fetchall()
    kinds: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for code, name, error_class, number in rows:
        kinds.setdefault((code, name), []).append((error_class, number))
    numbers = {target: sum(number for _, number in found) for target, found in kinds.items()}
    for code, name in sorted(numbers, key=lambda target: -numbers[target])[:TARGETS]:
        number, address = numbers[code, name], f"{reverse('sync:console')}?target={code}#dead"
        told = f"{number} message{'' if number == 1 else 's'}" if number <= ENOUGH else f"{ENOUGH}+ messages"
        yield Todo("cable", "bad", f"{name} refused {told}", _why(kinds[code, name]), address, "Inspect")


def _why(kinds: Sequence[tuple[str, int]]) -> str:
    """What most of them failed for."""
    text = WHY.get(kinds[0][0], "They wait until somebody looks")
    return text if len(kinds) == 1 else f"Most of them: {text[0].lower()}{text[1:]}"


def _drafts(owner: User | None) -> Iterator[Todo]:
    recent = FeedRun.objects.order_by("-pk").values("pk")[:RECENT]
    mine = Q() if owner is None else Q(actor=owner)
    rows = FeedRun.objects.filter(mine, pk__in=recent, state=FeedRun.State.DRAFT).select_related("system")
    found = list(rows.order_by("-pk"))
    if len(found) == 1:
        run = found[0]
        text = (
            f"{run.file_name}, {filesizeformat(run.size)}, {run.get_domain_display().lower()}s from {run.system.name}"
        )
        address = reverse("sync:import", args=[run.pk])
        yield Todo("file-spreadsheet", "", "An import waits to be mapped", text, address, "Map")
    elif found:
        names = ", ".join(run.file_name for run in found[:NAMED])
        text = names if len(found) == NAMED else f"{names} and {len(found) - NAMED} more"
        title = f"{len(found)} imports wait to be mapped"
        yield Todo("file-spreadsheet", "", title, text, reverse("sync:imports"), "Open")
