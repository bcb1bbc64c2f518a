"""Whether a pack is whole, genuine and in date. Needs the public key and nothing else: no database, no network."""

from __future__ import annotations

import datetime as dt
import hashlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from cryptography.exceptions import InvalidSignature

from mdm.downtime import signing
from mdm.downtime.manifest import (
    CONTENT,
    LARGEST_MANIFEST,
    MANIFEST,
    SIGNATURE,
    SIGNATURE_SIZE,
    Manifest,
    Part,
    Unreadable,
)  # fmt: skip

NETWORK = "all"
BLOCK = 1 << 20  # bytes read at a time
CLOCKS_DIFFER = dt.timedelta(minutes=15)  # a pack may come from a machine whose clock is ahead by so much


@dataclass(slots=True)
class Verdict:
    manifest: Manifest | None = None  # None: unreadable. To be believed only if there are no problems
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems


class _Place(Protocol):
    def names(self) -> list[str]: ...

    def open(self, name: str) -> IO[bytes]: ...


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    def names(self) -> list[str]:
        return [str(one.relative_to(self.path)) for one in self.path.rglob("*") if not one.is_dir()]

    def open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")


@dataclass(frozen=True, slots=True)
class _Archive:
    file: zipfile.ZipFile

    def names(self) -> list[str]:
        return self.file.namelist()

    def open(self, name: str) -> IO[bytes]:
        return self.file.open(name)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader knows of the pack that it wants: a genuine one may be another site's, or one from last week."""

    site: str | None = None  # public id of the location, ``NETWORK`` for the whole of it; None: any
    serial: int = 0  # the least that there is


def verify(path: Path, keys: signing.Keys, *, now: dt.datetime, expected: Expected = Expected()) -> Verdict:
    """Look at a pack, as an archive or unpacked into a folder. ``keys`` are those that the reader trusts, by name.

    Reads in blocks and never more of a file than the manifest says it has, so a forged archive can't fill the memory.
    """
    try:
        with _opened(path) as place:
            return _verify(place, keys, now, expected)
    except FileNotFoundError:
        return Verdict(problems=[f"There is no {path}."])
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        return Verdict(problems=[f"It can't be read: {error}. Copy it again."])


@contextmanager
def _opened(path: Path) -> Iterator[_Place]:
    if path.is_dir():
        yield _Folder(path)
        return
    with zipfile.ZipFile(path) as file:
        yield _Archive(file)


def _verify(place: _Place, keys: signing.Keys, now: dt.datetime, expected: Expected) -> Verdict:
    names = Counter(place.names())
    if missing := [name for name in (MANIFEST, SIGNATURE) if name not in names]:
        return Verdict(problems=[f"{' and '.join(missing)} missing: this is no downtime pack, or not all of one."])
    said, signature = _read(place, MANIFEST, LARGEST_MANIFEST), _read(place, SIGNATURE, SIGNATURE_SIZE)
    try:
        manifest = Manifest.of(said)
    except Unreadable as error:
        return Verdict(problems=[f"{MANIFEST}: {error}"])
    problems = [
        *_signed(manifest, said, signature, keys),
        *_complete(manifest, names),
        *(problem for name in CONTENT if name in names for problem in _intact(place, name, manifest.files.get(name))),
        *_in_date(manifest, now),
        *_as_expected(manifest, expected),
    ]
    return Verdict(manifest, problems)


def _read(place: _Place, name: str, most: int) -> bytes:
    """One byte more than there may be shows that there is too much."""
    with place.open(name) as file:
        return file.read(most + 1)


def _signed(manifest: Manifest, said: bytes, signature: bytes, keys: signing.Keys) -> Iterator[str]:
    key = keys.get(manifest.key)
    if key is None:
        yield f"Unknown key: it says it is signed with {manifest.key[:80]}, which is none of those that you trust."
        return
    try:
        key.verify(signature, said)
    except InvalidSignature:
        yield f"Tampered with: {MANIFEST} is not what was signed. Believe nothing of it."


def _complete(manifest: Manifest, names: Counter[str]) -> Iterator[str]:
    wanted = {MANIFEST, SIGNATURE, *CONTENT}
    for name in sorted(set(CONTENT) - set(names)):
        yield f"{name} is missing."
    for name in sorted(set(names) - wanted):
        yield f"{name[:80]!r} doesn't belong to the pack."
    for name in sorted(name for name in wanted if names[name] > 1):
        yield f"{name} is there {names[name]} times."
    if set(manifest.files) != set(CONTENT):
        yield f"{MANIFEST} names other files than {', '.join(CONTENT)}."


def _intact(place: _Place, name: str, part: Part | None) -> Iterator[str]:
    if part is None:
        return
    digest, left = hashlib.sha256(), part.size
    with place.open(name) as file:
        while left >= 0 and (block := file.read(min(BLOCK, left + 1))):
            digest.update(block)
            left -= len(block)
    if left or digest.hexdigest() != part.sha256:
        yield f"Tampered with, or damaged: {name} is not the file that was signed."


def _in_date(manifest: Manifest, now: dt.datetime) -> Iterator[str]:
    if now >= manifest.expires_at:
        yield f"Expired on {manifest.expires_at:%Y-%m-%d %H:%M} UTC. Get a newer one."
    if manifest.made_at > now + CLOCKS_DIFFER:
        yield f"Made on {manifest.made_at:%Y-%m-%d %H:%M} UTC, which is yet to come: this machine's clock is wrong."


def _as_expected(manifest: Manifest, expected: Expected) -> Iterator[str]:
    site = manifest.site["id"] if manifest.site else NETWORK
    if expected.site is not None and site != expected.site:
        wanted = "the whole network" if expected.site == NETWORK else expected.site
        yield f"It is for {manifest.place}, not for {wanted[:80]}."
    if manifest.serial < expected.serial:
        yield f"It is pack {manifest.serial}, older than pack {expected.serial}. Get a newer one."
