"""Asking a system for what has changed: page by page, each stored as a message, from a watermark on.

The watermark moves once every page is stored, to the newest time of change that was seen. The next pull asks from a
little before it, as clocks differ and transactions commit late; what is told twice changes nothing. After each page it
is written down where the next one is, so that a pull that breaks off, or that has more pages than one pull may ask
for, goes on from there. Pages that are as they were in the last pull are known by their content.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.utils import timezone

from mdm import scalars
from mdm.models import User
from sync.adapters.base import ErrorClass, PeerError
from sync.adapters.http import Reply
from sync.adapters.options import Secrets
from sync.adapters.rest_json.config import RestConfig
from sync.adapters.rest_json.http import Http
from sync.inbound import intake
from sync.inbound.mapped_json import MISSING, at
from sync.inbound.ways import PullConfig, config_of
from sync.models.inbound import InboundSource

REMEMBERED = 1000  # pages that are known when they are told again
EXPIRED = (ErrorClass.REFUSED, ErrorClass.PROTOCOL, ErrorClass.SERVER)  # what servers say to an old page's address
BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class Pulled:
    pages: int = 0
    records: int = 0
    fresh: int = 0  # pages that weren't known yet


def pull(source: InboundSource) -> Pulled:
    """Pull once. Raises ``PeerError`` or ``ConfigError`` when the system can't be asked; the watermark stays then."""
    config = config_of(source, PullConfig)
    http = Http(_connection(config), Secrets(source.secrets))
    try:
        return _Pull(source, config, http).go()
    finally:
        http.close()


def check(source: InboundSource) -> str:
    """Ask for what changes at this moment; a sentence for a person. Raises ``PeerError`` or ``ConfigError``."""
    config = config_of(source, PullConfig)
    http = Http(_connection(config), Secrets(source.secrets))
    try:
        next(_pages(config, http, timezone.now(), None))
    finally:
        http.close()
    return f"{config.base_url} lets us in and answers with a list of records."


class _Pull:
    """``progress`` is the watermark, and of a pull that isn't at its end the next page and the newest time so far.

    ``pages`` are the messages of the last pull, ``stored`` those of this one.
    """

    def __init__(self, source: InboundSource, config: PullConfig, http: Http) -> None:
        self.source, self.config, self.http = source, config, http
        self.begun: dict[str, Any] = dict(source.progress)
        self.done = Pulled()

    def go(self) -> Pulled:
        mark, page = self.begun.get("watermark"), self.begun.get("next")
        since = dt.datetime.fromisoformat(mark) if mark else BEGINNING
        newest = dt.datetime.fromisoformat(self.begun.get("newest") or since.isoformat())
        stored: list[int] = list(self.begun.get("stored", []))
        begin = max(since - dt.timedelta(seconds=self.config.overlap), BEGINNING)
        try:
            for reply, records, following in _pages(self.config, self.http, begin, page):
                self.done.pages += 1
                self.done.records += len(records)
                if records:
                    stored = [*stored, self._store(reply, stored)][-REMEMBERED:]
                newest = max([newest, *_times(self.config, records)])
                if following:
                    self._keep({"next": following, "newest": newest.isoformat(), "stored": stored})
        except PeerError as error:
            if page and not self.done.pages and error.error_class in EXPIRED:
                self._keep({})  # where it broke off is no page any more: the next pull begins anew
            raise
        # a time in the future would make changes until then unseen for ever
        self.source.progress = {"watermark": min(newest, timezone.now()).isoformat(), "pages": stored}
        self.source.save(update_fields=["progress"])
        return self.done

    def _store(self, reply: Reply, stored: list[int]) -> int:
        received = intake.receive(
            source=self.source,
            body=reply.body,
            actor=User.objects.system(),
            recent=[*self.begun.get("pages", []), *stored],
        )
        self.done.fresh += not received.repeated
        return received.message.pk

    def _keep(self, where: dict[str, Any]) -> None:
        """Beside what the last pull that came to its end has left."""
        left = {name: self.begun[name] for name in ("watermark", "pages") if name in self.begun}
        self.source.progress = left | where
        self.source.save(update_fields=["progress"])


def _connection(config: PullConfig) -> RestConfig:
    return RestConfig(
        base_url=config.base_url.rstrip("/"),
        token_url=config.token_url,
        client_id=config.client_id,
        client_secret=config.client_secret,
        scope=config.scope,
        client_auth=config.client_auth,
        verify=config.verify,
        timeout=config.timeout,
        max_reply=config.largest,
    )


def _pages(
    config: PullConfig, http: Http, since: dt.datetime, page: str | None
) -> Iterator[tuple[Reply, list[Any], str | None]]:
    """Each page with its records and where the next one is; from a page on, or from an instant."""
    instant = since.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked: dict[str, str] | None = {name: text.replace("{since}", instant) for name, text in config.params.items()}
    if asked is not None and config.since:
        asked[config.since] = instant
    path = config.path
    if page:
        path, asked = page, None
    for _ in range(config.most_pages):
        reply = http.request("GET", path, params=asked)
        if reply.status != 200:
            kinds = {401: ErrorClass.AUTH, 403: ErrorClass.AUTH, 429: ErrorClass.BUSY, 503: ErrorClass.BUSY}
            kind = kinds.get(reply.status, ErrorClass.SERVER if reply.status >= 500 else ErrorClass.REFUSED)
            raise PeerError(f"{config.path} was answered with HTTP {reply.status}.", kind)
        content = reply.json()
        records = at(content, config.records) if config.records else content
        if not isinstance(records, list):
            raise PeerError(f"The answer has no list of records at {config.records!r}.", ErrorClass.PROTOCOL)
        following = _following(config, content)
        if following == path:
            raise PeerError(f"A page's {config.next!r} is the page itself.", ErrorClass.PROTOCOL)
        yield reply, records, following
        if following is None:
            return
        path, asked = following, None
    text = f"There are more than {config.most_pages} pages; the next pull goes on."
    raise PeerError(f"{text} Is the last one's {config.next!r} empty?", ErrorClass.PROTOCOL)


def _following(config: PullConfig, content: Any) -> str | None:
    """The path of the next page. It must be on the same server: the token is sent there."""
    found = at(content, config.next) if config.next else MISSING
    if not isinstance(found, str) or not found:
        return None
    base = config.base_url.rstrip("/")
    full = urljoin(f"{base}{config.path}", found)
    if urlsplit(full)[:2] != urlsplit(base)[:2]:
        raise PeerError("The next page is on another server. Nothing is sent there.", ErrorClass.PROTOCOL)
    return full.removeprefix(base) if full.startswith(base) else f"/{full.split('/', 3)[3]}"


def _times(config: PullConfig, records: list[Any]) -> Iterator[dt.datetime]:
    for record in records:
        stated = at(record, config.changed_at)
        if isinstance(stated, str):
            try:
                when = scalars.moment(stated)
            except scalars.Unreadable:
                continue
            if when is not None:
                yield when
