"""Frames, however the bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.adapters.base import PeerError
from sync.adapters.hl7v2_mllp.mllp import Framer, frame

payloads = st.lists(st.binary(min_size=1).filter(lambda b: b"\x0b" not in b and b"\x1c" not in b), max_size=5)


@given(payloads, st.lists(st.integers(0, 200), max_size=12))
def test_payloads_come_out_whole_however_the_stream_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(p) for p in payloads)
    places = sorted({0, *(c for c in cuts if c < len(stream)), len(stream)})
    framer = Framer(limit=100_000)

    found = [p for a, b in pairwise(places) for p in framer.feed(stream[a:b])]

    assert found == payloads


def test_one_byte_at_a_time_is_enough() -> None:
    framer = Framer(limit=100)

    found = [p for byte in frame(b"MSH|1\r") + frame(b"MSH|2\r") for p in framer.feed(bytes([byte]))]

    assert found == [b"MSH|1\r", b"MSH|2\r"]


def test_bytes_outside_a_frame_are_dropped() -> None:
    assert Framer(limit=100).feed(b"\r\nnoise" + frame(b"MSH") + b"noise") == [b"MSH"]


def test_an_end_without_a_start_is_no_frame() -> None:
    assert Framer(limit=100).feed(b"MSH|\x1c\r" + frame(b"MSH")) == [b"MSH"]


def test_a_file_separator_inside_a_payload_does_not_end_it() -> None:
    assert Framer(limit=100).feed(frame(b"a\x1cb")) == [b"a\x1cb"]


def test_an_endless_frame_is_given_up_at_the_limit() -> None:
    framer = Framer(limit=1000)

    assert framer.feed(b"\x0b" + b"x" * 900) == []
    with pytest.raises(PeerError, match="larger than 1000 bytes"):
        framer.feed(b"x" * 200)
