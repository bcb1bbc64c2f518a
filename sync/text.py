"""Text as a database can store it: what systems send may hold NUL characters and halves of characters."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")
INSTEAD = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", INSTEAD).encode("utf-8", "replace").decode()


def storable_values(value: T) -> T:
    """The same for every text in a JSON value, names included."""
    kept: T = _storable(value)
    return kept


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(name)): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value
