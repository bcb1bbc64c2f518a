"""What happened that a user asked for or was asked about: exports, imports, decisions on proposals, comments."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from mdm.models import ChangeRequest, Comment, Export, Ingest, User, WorkItem
from mdm.ui.readers import work

KEPT = dt.timedelta(days=14)
EACH = 20


@dataclass(frozen=True, slots=True)
class Notice:
    at: dt.datetime
    icon: str
    text: str
    note: str
    url: str
    new: bool


def notices(user: User) -> list[Notice]:
    """Of the last two weeks, newest first; four small queries."""
    since, seen = timezone.now() - KEPT, seen_at(user)
    found = [*_exports(user, since), *_decisions(user, since), *_comments(user, since), *_imports(user, since)]
    fresh = [Notice(at, icon, text, note, url, new=at > seen) for at, icon, text, note, url in found]
    return sorted(fresh, key=lambda notice: notice.at, reverse=True)[: 2 * EACH]


def seen_at(user: User) -> dt.datetime:
    """When the user last looked at them."""
    text = user.preferences.get("noticed_at", "")
    return dt.datetime.fromisoformat(text) if text else dt.datetime.min.replace(tzinfo=dt.UTC)


Said = tuple[dt.datetime, str, str, str, str]


def _exports(user: User, since: dt.datetime) -> list[Said]:
    rows = Export.objects.filter(user=user, finished_at__gte=since, state__in=(Export.State.DONE, Export.State.FAILED))
    words = {Export.State.DONE: "is ready", Export.State.FAILED: "failed"}
    return [
        (
            row.finished_at,
            "download",
            f"Export {row.pk} {words[Export.State(row.state)]}",
            row.error,
            reverse("exports"),
        )
        for row in rows[:EACH]
        if row.finished_at
    ]


def _decisions(user: User, since: dt.datetime) -> list[Said]:
    """What became of the user's proposals."""
    rows = ChangeRequest.objects.filter(proposer=user, decided_at__gte=since).exclude(approver=user)
    return [
        (
            row.decided_at,
            "stamp",
            f"{row.get_kind_display()}: {row.get_state_display().lower()}",
            row.decision_reason or (row.subject.name if row.subject else ""),
            reverse("change", args=[row.pk]),
        )
        for row in rows.select_related("subject").order_by("-decided_at")[:EACH]
        if row.decided_at
    ]


def _comments(user: User, since: dt.datetime) -> list[Said]:
    """What others said on the user's items, or to the user by name."""
    about = Q(item__assignee=user) | Q(mentions=user)
    rows = Comment.objects.filter(about, created_at__gte=since).exclude(author=user).distinct()
    return [
        (
            row.created_at,
            "message-square",
            f"{row.author.display_name} commented on {row.item.title}",
            row.text[:120],
            _address(row.item),
        )
        for row in rows.select_related("item", "author").order_by("-pk")[:EACH]
    ]


def _address(item: WorkItem) -> str:
    return reverse("review-item" if item.kind in work.REVIEWS else "work-item", args=[item.pk])


def _imports(user: User, since: dt.datetime) -> list[Said]:
    rows = Ingest.objects.filter(actor=user, channel="file", finished_at__gte=since).select_related("code_system")
    return [
        (
            row.finished_at,
            "upload",
            f"Import from {row.code_system.slug}: {row.get_state_display().lower()}",
            row.error or f"{row.new} new, {row.changed} changed, {row.unchanged} unchanged",
            reverse("sync:imports"),
        )
        for row in rows[:EACH]
        if row.finished_at
    ]
