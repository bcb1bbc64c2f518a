"""Asking a system for what has changed: page by page, each stored as a message, from a watermark on.

The watermark moves once every page is stored, to the newest time of change that was seen. The next pull asks from a
little before it, as clocks differ and transactions commit late; what is told twice changes nothing. A pull that breaks
off begins anew, and pages that are as they were in the last pull are known by their content.
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

BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class Pulled:
    pages: int = 0
    records: int = 0
    fresh: int = 0  # pages that weren't known yet


def pull(source: InboundSource) -> Pulled:
    """Pull once. Raises ``PeerError`` or ``ConfigError`` when the system can't be asked; the watermark stays then."""
    config = config_of(source, PullConfig)
    mark = source.progress.get("watermark")
    since = dt.datetime.fromisoformat(mark) if mark else BEGINNING
    http = Http(_connection(config), Secrets(source.secrets))
    done, newest = Pulled(), since
    try:
        for reply, records in _pages(config, http, max(since - dt.timedelta(seconds=config.overlap), BEGINNING)):
            done.pages += 1
            done.records += len(records)
            if records:
                received = intake.receive(source=source, body=reply.body, actor=User.objects.system())
                done.fresh += not received.repeated
            newest = max([newest, *_times(config, records)])
    finally:
        http.close()
    # a time in the future would make changes until then unseen for ever
    source.progress = {"watermark": min(newest, timezone.now()).isoformat()}
    source.save(update_fields=["progress"])
    return done


def _connection(config: PullConfig) -> RestConfig:
    return RestConfig(
        base_url=config.base_url.rstrip("/"),
        token_url=config.token_url,
        client_id=config.client_id,
        client_secret=config.client_secret,
        scope=config.scope,
        verify=config.verify,
        timeout=config.timeout,
        max_reply=config.largest,
    )


def _pages(config: PullConfig, http: Http, since: dt.datetime) -> Iterator[tuple[Reply, list[Any]]]:
    instant = since.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked: dict[str, str] | None = {name: text.replace("{since}", instant) for name, text in config.params.items()}
    if asked is not None and config.since:
        asked[config.since] = instant
    path: str | None = config.path
    for _ in range(config.most_pages):
        reply = http.request("GET", path or "", params=asked)
        if reply.status != 200:
            kinds = {401: ErrorClass.AUTH, 403: ErrorClass.AUTH, 429: ErrorClass.BUSY, 503: ErrorClass.BUSY}
            kind = kinds.get(reply.status, ErrorClass.SERVER if reply.status >= 500 else ErrorClass.REFUSED)
            raise PeerError(f"{config.path} was answered with HTTP {reply.status}.", kind)
        content = reply.json()
        records = at(content, config.records) if config.records else content
        if not isinstance(records, list):
            raise PeerError(f"The answer has no list of records at {config.records!r}.", ErrorClass.PROTOCOL)
        yield reply, records
        path, asked = _following(config, content), None
        if path is None:
            return
    raise PeerError(f"There are more than {config.most_pages} pages; is the last one's {config.next!r} empty?",
                    ErrorClass.PROTOCOL)  # fmt: skip


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
