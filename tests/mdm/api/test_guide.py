"""docs/api.md does what it says: its commands and snippets are run as they stand."""

from __future__ import annotations

import re
import shlex
from functools import partial
from io import StringIO
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from mdm.models import ChangeEvent

GUIDE = (settings.BASE_DIR / "docs" / "api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def run_commands() -> str:
    """The output of the last command: the key."""
    out = StringIO()
    for line in "".join(blocks("sh")).splitlines():
        python, manage, *arguments = shlex.split(line)
        assert (python, manage) == ("python", "manage.py")
        out = StringIO()
        call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def through_django(request: httpx.Request) -> httpx.Response:
    """The whole stack but the socket, in the test's own transaction."""
    answer = Client(headers=dict(request.headers)).generic(
        request.method,
        request.url.raw_path.decode(),
        request.content,
        content_type=request.headers.get("Content-Type", ""),
    )
    return httpx.Response(answer.status_code, headers=list(answer.items()), content=answer.content)


def place_events() -> None:
    """What the sequencer does once the writing transaction has ended; within a test it never ends."""
    placed = ChangeEvent.objects.filter(position__isnull=False).count()
    for position, event in enumerate(ChangeEvent.objects.filter(position=None).order_by("pk"), start=placed + 1):
        event.position = position
        event.save(update_fields=["position"])


@pytest.mark.django_db
def test_the_guide_works_from_beginning_to_end(monkeypatch):
    monkeypatch.setenv("CONCORD_KEY", run_commands())
    monkeypatch.setenv("CONCORD_URL", "http://localhost")
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(through_django)))
    world: dict[str, Any] = {}
    for snippet in blocks("python"):
        if "/changes" in snippet:
            place_events()
        exec(compile(snippet, "docs/api.md", "exec"), world)  # noqa: S102 - our own documentation
    assert len(blocks("python")) == 15
