"""`make screenshots`: every screen as a picture under docs/screens, in 256 colours.

Not collected with the tests; pytest runs it when it is named, because it wants the same hospital and browser.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image
from playwright.sync_api import Browser

from tests.e2e.conftest import Complaints, watched
from tests.e2e.hospital import Hospital
from tests.e2e.screens import SCREENS, Screen
from tests.e2e.test_screens import show

DESKTOP, TABLET = (1440, 900), (768, 1024)


@pytest.mark.django_db
def test_draw_every_screen(browser: Browser, hospital: Hospital) -> None:
    directory = Path(settings.BASE_DIR, "docs", "screens")
    directory.mkdir(exist_ok=True)
    for old in directory.glob("*.png"):
        old.unlink()
    first, *_ = drawings()
    for name, screen, theme, size in (first, *drawings()):  # typefaces are made when a first page asks for them
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
        )
        context.clock.install()  # `show` moves it on
        page = watched(context, Complaints())
        show(screen, page, hospital)
        save(page.screenshot(), directory / f"{name}.png")
        context.close()


def drawings() -> list[tuple[str, Screen, str, tuple[int, int]]]:
    """(file name, screen, theme, size) of every picture."""
    drawn = [screen for screen in SCREENS if screen.drawn]
    return [
        *((screen.name, screen, "light", DESKTOP) for screen in drawn),
        *((f"{screen.name}-dark", screen, "dark", DESKTOP) for screen in drawn if screen.dark),
        *((f"{screen.name}-768", screen, "light", TABLET) for screen in drawn if screen.narrow),
    ]


def save(png: bytes, path: Path) -> None:
    """A third of the size: the screens have few colours. The commonest stay what they are, so that surfaces differ."""
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB"))
    colors, place, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    kept = colors[np.argsort(-counts)[:256]].astype(np.int32)
    nearest = np.stack([((kept - color) ** 2).sum(axis=1).argmin() for color in colors]).astype(np.uint8)
    drawn = Image.fromarray(nearest[place].reshape(pixels.shape[:2]), "P")
    drawn.putpalette(kept.astype(np.uint8).ravel().tolist())
    drawn.save(path, optimize=True)
