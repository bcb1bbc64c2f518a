"""What is wrong with a file, in words for whoever named it."""

from __future__ import annotations


def why(error: Exception) -> str:
    """The reason alone: whoever reports it names the file."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8; save it with that encoding"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
