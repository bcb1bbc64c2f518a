"""The typefaces, whole as their packages ship them and as WOFF2 cut down to Latin letters and the signs of the screens:
69 KB instead of 1.1 MB.

No file of a third party is in the repository, so the small ones are made when somebody first asks for static files
(`collectstatic`, the web server's start): two seconds, once, kept under ``var/fonts``. Where they can't be made, and
for letters of other scripts, ``app.css`` names the whole ones.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.storage import FileSystemStorage

log = logging.getLogger(__name__)

# First and last code point; `unicode-range` in app.css says the same. Latin with its accents as in European names, μ,
# quotes and dashes, €, ™, fractions and arrows, mathematics, the shapes of states, ticks.
LETTERS = (
    (0x20, 0x17F),
    (0x3BC, 0x3BC),
    (0x2010, 0x203A),
    (0x20AC, 0x20AC),
    (0x2122, 0x2122),
    (0x2150, 0x215E),
    (0x2190, 0x21B5),
    (0x2205, 0x2265),
    (0x25A0, 0x25CF),
    (0x2713, 0x2717),
)
# Kerning and marks, figures of one width and the forms that app.css chooses. Not `calt`: it shows 10x20 as 10×20 and ->
# as an arrow, and stewards compare what was sent.
FEATURES = ("kern", "mark", "mkmk", "ccmp", "locl", "tnum", "cv11", "ss03")


@dataclass(frozen=True)
class Font:
    name: str
    package: str
    whole: str  # the package's file
    axes: dict[str, float | tuple[float, float]] = field(default_factory=dict)  # what is left of a variable font

    @property
    def folder(self) -> Path:
        return Path(str(files(self.package)), "files")


FONTS = (
    Font("inter.woff2", "fontpkg_inter", "Inter[opsz,wght].ttf", {"opsz": 14, "wght": (400, 700)}),
    Font("plex-mono.woff2", "fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
    Font("plex-mono-semibold.woff2", "fontpkg_ibm_plex_mono", "IBMPlexMono-SemiBold.ttf"),
)


def packed(font: Font) -> bytes:
    """The font's WOFF2. The same input makes the same bytes."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    whole = TTFont(font.folder / font.whole, recalcTimestamp=False)
    subsetter = Subsetter(Options(layout_features=list(FEATURES), drop_tables=["meta"]))
    subsetter.populate(unicodes=[point for first, last in LETTERS for point in range(first, last + 1)])
    subsetter.subset(whole)
    if font.axes:
        instantiateVariableFont(whole, font.axes, inplace=True)
    whole.flavor = "woff2"
    whole.save(file := BytesIO())
    return file.getvalue()


@cache
def folder() -> Path:
    """Named for all that the files depend on, so that an upgrade makes them anew."""
    versions = [version(name) for name in ("fonttools", "brotli", "fontpkg-inter", "fontpkg-ibm-plex-mono")]
    recipe = repr((LETTERS, FEATURES, FONTS, versions)).encode()
    return Path(settings.VAR_DIR, "fonts", hashlib.sha256(recipe).hexdigest()[:12])


def path_of(font: Font) -> Path | None:
    """The font's file, made if need be; None if it can't be."""
    path = folder() / font.name
    try:
        if not path.exists():
            _write(path, packed(font))
    except OSError as error:
        log.warning("Screens load the whole of %s, as %s can't be written: %s", font.whole, path, error.strerror)
        return None
    return path


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: processes and threads that are asked at once make the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_bytes(content)
    draft.replace(path)


class Fonts(BaseFinder):
    """Static files ``fonts/…``."""

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = [str(Path(folder, name)) for folder, name in _all() if path == f"fonts/{name}"]
        return found if find_all else found[0] if found else []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        for folder, name in _all():
            if not matches_patterns(name, list(ignore_patterns or ())):
                storage = FileSystemStorage(location=folder)
                storage.prefix = "fonts"  # type: ignore[attr-defined]  # read by collectstatic and WhiteNoise
                yield name, storage


def _all() -> Iterator[tuple[Path, str]]:
    """Folder and name of each file that there is."""
    for font in FONTS:
        yield font.folder, font.whole
        if path := path_of(font):
            yield path.parent, path.name
