"""Who may do what. Code checks these permissions, never role names; roles are only bundles of them.

``require`` is the one place where the UI, the API, feeds and commands are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdm.exceptions import Forbidden

if TYPE_CHECKING:
    from mdm.models import User

VIEW = "mdm.view_masters"
LOOKUP = "mdm.lookup_codes"
SUBMIT = "mdm.submit_records"
SUBSCRIBE = "mdm.subscribe_events"
IMPORT = "mdm.import_feeds"
DECIDE = "mdm.decide_reviews"
OVERRIDE = "mdm.override_values"
CHANGE_IDENTITY = "mdm.change_identity"
APPROVE = "mdm.approve_changes"
MANAGE_SYNC = "mdm.manage_sync"
VIEW_AUDIT = "mdm.view_audit"
ADMINISTER = "mdm.administer"

DESCRIPTIONS: dict[str, str] = {
    VIEW: "See golden records, sources and work items",
    LOOKUP: "Look up crosswalk codes",
    SUBMIT: "Submit source records through the API",
    SUBSCRIBE: "Subscribe webhooks to changes",
    IMPORT: "Import feeds and mend quarantined rows",
    DECIDE: "Decide reviews: match, not a match, new",
    OVERRIDE: "Override values of golden records",
    CHANGE_IDENTITY: "Merge, split and retire golden records",
    APPROVE: "Approve changes that somebody else proposed",
    MANAGE_SYNC: "Pause targets, retry and skip deliveries",
    VIEW_AUDIT: "Read the audit log",
    ADMINISTER: "Administer users, systems, targets and API keys",
}

ROLES: dict[str, tuple[str, ...]] = {
    "viewer": (VIEW, LOOKUP),
    "steward": (VIEW, LOOKUP, IMPORT, DECIDE, OVERRIDE, CHANGE_IDENTITY, MANAGE_SYNC),
    "approver": (VIEW, LOOKUP, APPROVE, VIEW_AUDIT),
    "integration": (LOOKUP, SUBMIT, SUBSCRIBE),
    "administrator": (VIEW, LOOKUP, SUBSCRIBE, IMPORT, MANAGE_SYNC, VIEW_AUDIT, ADMINISTER),
}


def require(actor: User, permission: str) -> None:
    """Raise ``Forbidden`` unless the actor holds the permission. The system user holds all but approval."""
    if not actor.has_permission(permission):
        raise Forbidden(permission)
