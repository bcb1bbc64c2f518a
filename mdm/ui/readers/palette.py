"""The command palette: what can be opened or done, narrowed by what is typed; then records and codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from mdm import search
from mdm.canonical import DOMAINS, LISTED
from mdm.models import User
from mdm.permissions import DECIDE, IMPORT, LOOKUP, VIEW_AUDIT
from mdm.ui import preferences

RECORDS, ENTRIES = 8, 8


@dataclass(frozen=True, slots=True)
class Entry:
    icon: str
    text: str
    note: str
    url: str


def entries(user: User, text: str) -> list[Entry]:
    """Actions and places whose words begin as typed, saved views, then the records that the text may mean."""
    words = text.casefold().split()
    fitting = [entry for entry in _places(user) if _fits(entry.text, words)]
    found = [_record(hit) for hit in search.search(None, text, limit=RECORDS, status=("live",))] if words else []
    return [*fitting[:ENTRIES], *found]


def _fits(text: str, words: list[str]) -> bool:
    """Every typed word begins a word of the text."""
    there = text.casefold().split()
    return all(any(one.startswith(word) for one in there) for word in words)


def _places(user: User) -> Iterable[Entry]:
    yield Entry("layout-dashboard", "Home", "G H", reverse("home"))
    yield Entry("inbox", "Review doubtful records", "G R", reverse("review"))
    yield Entry("list-checks", "Work items", "", reverse("work"))
    yield Entry("stamp", "Approvals", "", reverse("changes"))
    for domain in LISTED:
        yield Entry(domain.icon, domain.plural, "list", reverse("records", args=[domain.name]))
        for name, said in preferences.views(user, domain.name).items():
            address = f"{reverse('records', args=[domain.name])}?{urlencode(said)}"
            yield Entry("bookmark", name, f"view of {domain.plural.lower()}", address)
    yield from _allowed(user)
    yield Entry("refresh-cw", "Sync console", "G S", reverse("sync:console"))
    yield Entry("list", "Delivery lanes", "", reverse("sync:lanes"))
    yield Entry("route", "Traces: one version’s way", "G T", reverse("sync:traces"))
    yield Entry("shield-check", "Data quality: scorecard and rules", "G Q", reverse("quality"))
    yield Entry("scale", "Rules: matching, survivorship, publishing", "", reverse("rules"))
    yield Entry("target", "Accuracy and labels", "", reverse("accuracy"))
    yield Entry("book-open", "Owners and dictionary", "", reverse("governance"))
    yield Entry("hard-drive-download", "Downtime packs", "", reverse("downtime"))
    yield Entry("download", "My exports", "", reverse("exports"))
    yield Entry("bell", "Notifications", "", reverse("notices"))
    yield Entry("settings", "Settings: theme, density, keys", "", reverse("settings"))
    yield Entry("code-xml", "API reference", "", reverse("api:docs"))


def _allowed(user: User) -> Iterable[Entry]:
    if user.has_permission(DECIDE):
        yield Entry("list-checks", "Many reviews at once", "", reverse("review-bulk"))
        yield Entry("equal", "Blind review", "", reverse("review-blind"))
    if user.has_permission(LOOKUP):
        yield Entry("arrow-left-right", "Crosswalk: resolve codes", "G X", reverse("crosswalk"))
        yield Entry("circle-question-mark", "Unmapped codes", "", reverse("unmapped"))
    if user.has_permission(IMPORT):
        yield Entry("upload", "Import a file", "", reverse("sync:import-new"))
        yield Entry("file-spreadsheet", "Imports", "G I", reverse("sync:imports"))
    if user.has_permission(VIEW_AUDIT):
        yield Entry("history", "Audit log", "", reverse("audit"))


def _record(hit: search.Hit) -> Entry:
    address = reverse("golden", args=[hit.domain, hit.public_id])
    named = _fits(hit.name, hit.why.casefold().replace(",", " ").split())  # then the name says it already
    return Entry(DOMAINS[hit.domain].icon, hit.name or hit.public_id, hit.public_id if named else hit.why, address)
