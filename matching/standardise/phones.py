"""Telephone numbers and the parts of web and mail addresses that identify an organisation."""

from __future__ import annotations

import re

from .text import stated

_NOT_DIGIT = re.compile(r"\D+")
_EXTENSION = re.compile(r"(?:\b(?:ext|extension|x)\.?|#)\s*\d+\s*$")
_NEXT = re.compile(r"(?<=\d)\s*(?:[;,|]|\bor\b)\s*(?=\+?[(\d])")  # where a second number begins
_SCHEME = re.compile(r"^[a-z]+://")
PUBLIC_MAIL = frozenset({
    "gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "aol.com", "icloud.com", "comcast.net", "msn.com",
    "live.com",
})  # fmt: skip


def phone(value: object) -> str:
    """The last ten digits without extension, or "" for less than seven digits or one repeated digit; of two numbers,
    those of the first.
    """
    digits = _NOT_DIGIT.sub("", _EXTENSION.sub("", _NEXT.split(stated(value))[0]))
    if len(digits) < 7 or len(set(digits[-7:])) == 1:
        return ""
    return digits[-10:]


def host(value: object) -> str:
    """The host name of a web address, without ``www.``."""
    name = _SCHEME.sub("", stated(value)).split("/")[0].split(":")[0].removeprefix("www.")
    return name if "." in name else ""


def mail_host(value: object) -> str:
    """The host name of a mail address, unless it is a public provider's."""
    name = stated(value).rpartition("@")[2].strip()
    return name if "." in name and name not in PUBLIC_MAIL else ""
