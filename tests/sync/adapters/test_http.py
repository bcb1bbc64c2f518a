"""What HTTP peers ask for, whoever speaks to them."""

from __future__ import annotations

import pytest

from sync.adapters.http import seconds_to_wait


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),  # it is over
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),  # no zone is told
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(said: str, seconds: float | None) -> None:
    assert seconds_to_wait(said) == seconds


def test_a_date_that_is_to_come_is_that_far_away() -> None:
    asked = seconds_to_wait("Fri, 31 Dec 9999 23:59:59 GMT")
    assert asked is not None
    assert asked > 1e9
