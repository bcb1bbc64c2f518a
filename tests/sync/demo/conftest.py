"""The demo at full size, once a session, and a small one; feeds read as any reader would."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook

from sync.demo.build import build
from sync.demo.generator import Feed, Manifest, generate
from sync.demo.layouts import GL_LAYOUT, LAYOUTS
from sync.demo.network import Network

Rows = list[dict[str, str]]


def read_feed(directory: Path, feed: Feed) -> Rows:
    """The rows as dicts of canonical path → cell."""
    path = directory / feed.file
    layout = LAYOUTS.get((feed.system, feed.domain), GL_LAYOUT)
    raw = _sheet(path) if path.suffix == ".xlsx" else _text(path, layout.encoding)
    heading, *lines = raw
    assert heading == list(feed.mapping)
    return [dict(zip(feed.mapping.values(), line, strict=True)) for line in lines]


def _sheet(path: Path) -> list[list[str]]:
    rows = load_workbook(path, read_only=True).active.iter_rows(values_only=True)
    return [[cell or "" for cell in row] for row in rows]


def _text(path: Path, encoding: str) -> list[list[str]]:
    body = path.read_bytes()
    text = (gzip.decompress(body) if path.suffix == ".gz" else body).decode(encoding)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if ".tsv" in path.suffixes else ","))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return generate(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="session")
def feeds(full: Manifest) -> dict[tuple[str, str], Rows]:
    return {(feed.system, feed.domain): read_feed(full.directory, feed) for feed in full.feeds}


@pytest.fixture(scope="session")
def network(full: Manifest) -> Network:
    return build(full.seed, full.scale)


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Manifest]:
    return lambda name="small", seed=7: generate(tmp_path / name, seed=seed, scale=0.05)
