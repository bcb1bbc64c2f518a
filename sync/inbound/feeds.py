"""Which saved feed a file that was left somewhere belongs to."""

from __future__ import annotations

from sync.models.feed import Feed

UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


def feed_for(name: str) -> Feed | None:
    """The feed with the longest code that the name begins with, as a word of its own."""
    feeds = sorted(Feed.objects.all(), key=lambda feed: -len(feed.code))
    return next((f for f in feeds if name.startswith(f.code) and not name[len(f.code) :][:1].isalnum()), None)
