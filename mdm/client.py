"""Where a request comes from."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def address(request: HttpRequest) -> str:
    """The client's IP address as the outermost of our own proxies saw it.

    Each proxy appends whom it was called by to X-Forwarded-For; what stands further left is the client's own claim.
    """
    seen: list[str] = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    proxies: int = settings.PROXY_COUNT
    if 0 < proxies <= len(seen) and seen[-proxies]:
        return seen[-proxies]
    return str(request.META.get("REMOTE_ADDR", ""))
