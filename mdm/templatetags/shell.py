"""What every page shows around its content."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from mdm import health
from mdm.canonical import LISTED
from mdm.permissions import APPROVE
from mdm.ui.readers import work

register = template.Library()


@register.simple_tag
def in_service() -> bool:
    return health.in_service()


@register.simple_tag(takes_context=True)
def nav_counts(context: RequestContext) -> dict[str, Any]:
    """Counts beside the navigation: two queries, or one for who can't approve. None counts all that is open."""
    found, user = work.badges(), context["user"]
    return {
        "domains": LISTED,
        "review": found.reviews,
        "overdue": found.overdue,
        "work": found.others,
        "changes": work.approvable(user) if user.has_permission(APPROVE) else 0,
    }
