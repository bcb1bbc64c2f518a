"""What the API's description says of the whole: for whoever reads it first, and for whoever makes a client from it."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
Golden records of a hospital network, and any system's code for them. The guide is `docs/api.md`.

- Send an API key as bearer token. `permission` of a 403 names the scope that is missing.
- Every error is a problem (RFC 9457): `detail` says what to do, `request_id` finds the request in the logs.
- Answers to GET carry an `ETag`; with `If-None-Match` the answer is 304 when nothing has changed.
- Writes take an `Idempotency-Key`: sent again within a day they are carried out once.
- `RateLimit` says how many requests are left; 429 and 503 say in `Retry-After` how long to wait.
- Within v1 things are only added. Ignore members that you don't know, and be ready for choices of `kind`, `state`,
  `outcome` and `reason` that you don't know yet.
"""
TAGS = {
    "Crosswalk": "Any code of any system: the golden record that it means, and its code and unit in another system.",
    "Sources": "What a system says of its records.",
    "Items": "Golden records of items.",
    "Suppliers": "Golden records of suppliers.",
    "Locations": "Golden records of locations.",
    "Cost centers": "Golden records of cost centers.",
    "Substitutes": "What may be used instead of an item: where, how long, and who approved it.",
    "Search": "Search before you create.",
    "Changes": "Every change of a published record once, in the order of the commits.",
    "Webhooks": "Be told of changes, and of codes that lack a counterpart.",
    "Exports": "All published records of a domain as a file.",
    "Downtime": "Signed packs for hours without Concord.",
    "Work items": "What waits for a steward, and deciding it.",
    "Change requests": "What waits for a second person, and deciding it.",
    "Inbound": "Messages of other systems, in their own format.",
}


def whole(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: the description of the whole, and its parts in the order in which one meets them."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return result
