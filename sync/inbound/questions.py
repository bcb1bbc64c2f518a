"""One question for each source that has messages to be looked at: in a steward's queue as long as there are any."""

from __future__ import annotations

from mdm.changes import Change
from mdm.models import User, WorkItem
from mdm.services import work
from sync.models.inbound import InboundMessage, InboundSource

KIND = WorkItem.Kind.FEED_PROBLEM


def subject(source: InboundSource) -> str:
    return f"inbound:{source.code}"


def ask(source: InboundSource) -> None:
    """Open, renew or withdraw the question, as its messages stand now. In the transaction that changed them."""
    waiting = InboundMessage.objects.filter(source=source, state__in=InboundMessage.OPEN).defer("payload")
    newest = waiting.order_by("-pk").first()
    if newest is None:
        change = Change.begin(User.objects.system(), "inbound.mended")
        work.cancel(change, kind=KIND, subjects=[subject(source)])
        return
    count = waiting.count()
    work.raise_problem(
        kind=KIND,
        subject=subject(source),
        title=f"{source.name}: {count:,} message{'' if count == 1 else 's'} put aside",
        reason=f"The last one: {newest.reason or 'some of its records could not be taken.'}",
        actor=User.objects.system(),
    )
