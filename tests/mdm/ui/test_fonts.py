"""The typefaces: small, the same each time, with every letter that the screens use, and nothing lost without them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from fontTools.ttLib import TTFont

from mdm.ui import fonts

INTER, MONO, SEMIBOLD = fonts.FONTS
CSS = Path(settings.BASE_DIR, "static/css/app.css").read_text()


@pytest.fixture
def kept(tmp_path, settings):
    """An installation where nobody has asked for static files yet."""
    settings.VAR_DIR = tmp_path
    fonts.folder.cache_clear()
    yield tmp_path
    fonts.folder.cache_clear()


def letters() -> set[int]:
    return {point for first, last in fonts.LETTERS for point in range(first, last + 1)}


def test_a_typeface_is_the_same_whenever_it_is_made():
    assert fonts.packed(MONO) == fonts.packed(MONO)


def test_all_together_weigh_half_of_a_first_visit():
    assert sum(len(fonts.packed(font)) for font in fonts.FONTS) < 75 * 1024


def test_inter_keeps_its_weights_and_shows_what_was_sent():
    font = TTFont(BytesIO(fonts.packed(INTER)))
    assert [(axis.axisTag, axis.minValue, axis.maxValue) for axis in font["fvar"].axes] == [("wght", 400, 700)]
    features = {record.FeatureTag for record in font["GSUB"].table.FeatureList.FeatureRecord}
    assert {"tnum", "cv11", "ss03"} <= features
    assert "calt" not in features
    assert set("ÄčőŞž½→≥●") <= set(map(chr, font.getBestCmap()))


def test_each_sign_of_the_screens_is_in_the_small_files():
    sources = [*Path("templates").rglob("*.html"), *Path("static").rglob("*.js"), *Path("mdm/ui").rglob("*.py")]
    used = {ord(sign) for path in sources for sign in path.read_text()} | set(map(ord, CSS))
    whole = TTFont(INTER.folder / INTER.whole).getBestCmap()
    assert sorted(map(chr, (used & set(whole)) - letters() - {0x0A})) == []


def test_the_stylesheet_names_the_same_letters():
    ranges = ", ".join(f"U+{a:X}" if a == b else f"U+{a:X}-{b:X}" for a, b in fonts.LETTERS)
    for font in fonts.FONTS:
        (face,) = [line for line in CSS.splitlines() if font.name in line]
        assert f"unicode-range: {ranges};" in face


def test_what_a_page_asks_for_first_is_made_once_and_served(kept, db):
    page = Client().get("/login/").content.decode()
    asked = re.findall(r'<link rel="preload" href="/static/(fonts/[\w-]+\.woff2)"', page)
    assert asked == [f"fonts/{font.name}" for font in fonts.FONTS]
    (made,) = fonts.Fonts().find(asked[1], find_all=True)
    before = Path(made).stat()
    assert fonts.Fonts().find(asked[1]) == made
    assert Path(made).stat() == before
    assert Path(made).read_bytes()[:4] == b"wOF2"


def test_static_files_list_them_for_collectstatic_and_the_web_server(kept, monkeypatch):
    monkeypatch.setattr(fonts, "FONTS", (MONO,))
    listed = list(fonts.Fonts().list(["*.orig"]))
    assert [f"{storage.prefix}/{name}" for name, storage in listed] == [f"fonts/{MONO.whole}", f"fonts/{MONO.name}"]
    assert all(storage.exists(name) for name, storage in listed)
    assert [name for name, _ in fonts.Fonts().list(["*.woff2"])] == [MONO.whole]


def test_where_they_cannot_be_kept_the_whole_files_serve(kept, caplog):
    (kept / "fonts").write_text("in the way")
    assert fonts.Fonts().find("fonts/plex-mono.woff2") == []
    assert [name for name, _ in fonts.Fonts().list(None)] == [font.whole for font in fonts.FONTS]
    assert "Screens load the whole of IBMPlexMono-Regular.ttf" in caplog.text
    assert all('format("truetype")' in line for line in CSS.splitlines() if ".woff2" in line)


def test_threads_that_are_asked_at_once_make_the_same_file(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            path = tmp_path / f"{number}.woff2"
            list(pool.map(lambda content, path=path: fonts._write(path, content), [bytes(100_000)] * 8))
            assert path.stat().st_size == 100_000
    assert len(list(tmp_path.iterdir())) == 50
