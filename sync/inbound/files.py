"""Raw files: kept under their own hash as they came, and opened again whatever they are wrapped in."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings

CHUNK = 1 << 18
GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"  # xlsx, xlsm, ods
OLE = b"\xd0\xcf\x11\xe0"  # xls, and encrypted workbooks


@dataclass(frozen=True, slots=True)
class Kept:
    """A raw file in the store: path below MEDIA_ROOT, SHA-256 in hex, bytes."""

    path: str
    sha256: str
    size: int


def keep(file: IO[bytes]) -> Kept:
    """Copy a file to the store, named by its content: the same file twice is kept once, and never half."""
    root = Path(settings.MEDIA_ROOT) / "feeds"
    root.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=root, prefix=".part-", delete=False) as part:
        try:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += part.write(chunk)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            os.unlink(part.name)
            raise
    name = f"feeds/{digest.hexdigest()[:2]}/{digest.hexdigest()}"
    target = Path(settings.MEDIA_ROOT) / name
    target.parent.mkdir(exist_ok=True)
    os.replace(part.name, target)
    return Kept(name, digest.hexdigest(), size)


def stored(path: str) -> Path:
    return Path(settings.MEDIA_ROOT) / path


def is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP


class Content(io.BufferedReader):
    """The bytes of a file, unzipped if it is gzipped. ``damage`` says after reading whether they end too early."""

    def __init__(self, path: Path) -> None:
        self._tolerant = _Tolerant(path)
        super().__init__(self._tolerant, CHUNK)

    @property
    def damage(self) -> str:
        return self._tolerant.damage


class _Tolerant(io.RawIOBase):
    """Gives what can be unzipped and remembers why it stopped, instead of losing the good part."""

    def __init__(self, path: Path) -> None:
        self.damage = ""
        opener = gzip.open if is_gzip(path) else open
        self._file = cast(io.BufferedReader, opener(path, "rb"))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if self.damage:
            return 0
        try:
            chunk = self._file.read1(len(view))  # one read at a time: an error loses nothing before it
        except EOFError:
            self.damage = "the gzip file is cut off"
            return 0
        except (gzip.BadGzipFile, zlib.error):
            self.damage = "the gzip file is damaged"
            return 0
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._file.close()
        super().close()
