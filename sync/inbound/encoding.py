"""Which encoding a file is in. All of it is asked, not its beginning: the first odd name may be in row 90,000."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

CHUNK = 1 << 18
SAMPLE = 1 << 18
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDEFINED_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_ESCAPED = re.compile("[\udc80-\udcff]")
_FOREIGN = re.compile("[^\x00-\x7f\udc80-\udcff]")


@dataclass(slots=True)
class Tally:
    """What reading the file as UTF-8 comes to."""

    characters: int = 0  # beyond ASCII
    broken: int = 0  # bytes that are no UTF-8
    undefined: int = 0  # bytes that Windows-1252 has no character for


def detect(stream: BinaryIO) -> str:
    """The encoding's Python name. Reads the stream to its end, in bounded memory.

    UTF-8 where the file holds up as such. A few broken bytes among many good characters leave it UTF-8 (their rows are
    quarantined one by one); otherwise it is Windows-1252, which the systems of the trade write, or if that can't be
    either, charset-normalizer's best guess.
    """
    head = stream.read(SAMPLE)
    if marked := next((name for mark, name in _BOMS if head.startswith(mark)), ""):
        return marked
    if wide := _wide(head):
        return wide
    tally = _tally(head, stream)
    if not tally.broken or tally.characters > tally.broken:
        return "utf-8"
    if not tally.undefined:
        return "cp1252"
    best = from_bytes(head).best()
    return best.encoding if best and best.encoding != "ascii" else "cp1252"


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: text whose every other byte is NUL."""
    even, odd = head[0:2000:2], head[1:2000:2]
    if len(odd) > 8 and odd.count(0) > 0.7 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if len(odd) > 8 and even.count(0) > 0.7 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return ""


def _tally(head: bytes, stream: BinaryIO) -> Tally:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    tally, chunk = Tally(), head
    while chunk:
        if not chunk.isascii():
            tally.undefined += len(_UNDEFINED_IN_CP1252.findall(chunk))
        text = decoder.decode(chunk)
        if not text.isascii():
            tally.broken += len(_ESCAPED.findall(text))
            tally.characters += len(_FOREIGN.findall(text))
        chunk = stream.read(CHUNK)
    return tally  # bytes left in the decoder: the file ends within a character, which says nothing of its encoding
