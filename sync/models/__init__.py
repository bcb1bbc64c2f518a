"""One module per idea; everything is importable from here."""

from sync.models.alert import Alert
from sync.models.attempt import Attempt
from sync.models.breaker import Breaker
from sync.models.feed import Feed, FeedRun, QuarantinedRow
from sync.models.inbound import InboundMessage, InboundRecord, InboundSource, PickedUp
from sync.models.lane import Lane
from sync.models.letter import Letter
from sync.models.local_exception import LocalException
from sync.models.reconciliation import Drift, Reconciliation
from sync.models.target import Target
from sync.models.target_version import TargetVersion
from sync.models.webhook import Webhook
from sync.models.weighing import Weighing

__all__ = [
    "Alert",
    "Attempt",
    "Breaker",
    "Drift",
    "Feed",
    "FeedRun",
    "InboundMessage",
    "InboundRecord",
    "InboundSource",
    "Lane",
    "Letter",
    "LocalException",
    "PickedUp",
    "QuarantinedRow",
    "Reconciliation",
    "Target",
    "TargetVersion",
    "Webhook",
    "Weighing",
]
