"""docs/problems.md names every kind of problem that there is, with its status, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.conf import settings
from django.urls import get_resolver
from rest_framework import exceptions

from mdm.api import problems
from mdm.exceptions import ConcordError

PAGE = (settings.BASE_DIR / "docs" / "problems.md").read_text()
ELSEWHERE = {"busy": 503, "too-large": 413, "bad-request": 400, "unavailable": 503, "internal-error": 500}


def kinds(error: type[ConcordError]) -> Iterator[type[ConcordError]]:
    for one in error.__subclasses__():
        yield one
        yield from kinds(one)


def test_the_page_names_every_kind_of_problem_and_no_other():
    get_resolver().url_patterns  # noqa: B018 - reads all addresses, and so all that they can answer
    ours = {one.code: one.status for one in kinds(ConcordError) if one.__module__.startswith(("mdm.", "sync."))}
    theirs = (
        exceptions.ValidationError("x"),
        exceptions.ParseError(),
        exceptions.NotAcceptable(),
        exceptions.Throttled(),
    )
    given = {problems.describe(error).code: problems.describe(error).status for error in theirs}
    rows = re.findall(r"^\| (`[^|]*) \| (\d{3}) \|", PAGE, re.MULTILINE)
    documented = {name: int(status) for names, status in rows for name in re.findall(r"`([\w-]+)`", names)}
    assert documented == ours | given | ELSEWHERE
