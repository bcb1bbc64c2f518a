"""What the screens of received messages read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sync.inbound.formats import FORMATS
from sync.models import InboundMessage, InboundRecord

SHOWN = 50
RECORDS = 200
BODY = 20_000  # bytes of a payload shown
STATES = {
    "open": "To mend",
    "received": "Waiting",
    "done": "Taken",
    "discarded": "Given up",
}


@dataclass(frozen=True, slots=True)
class Page:
    messages: Sequence[InboundMessage]
    following: int | None


def page_of(state: str, source: str = "", before: int = 0) -> Page:
    """Messages in one of ``STATES``, newest first."""
    wanted = InboundMessage.OPEN if state == "open" else (state,)
    rows = InboundMessage.objects.filter(state__in=wanted).select_related("source__system").defer("payload")
    if source:
        rows = rows.filter(source__code=source)
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: SHOWN + 1])
    return Page(found[:SHOWN], found[SHOWN - 1].pk if len(found) > SHOWN else None)


class MessageView:
    """One message: what was received, and what became of each record."""

    def __init__(self, message: InboundMessage) -> None:
        self.message = message

    @property
    def format(self) -> str:
        return FORMATS[self.message.source.format][0]

    @cached_property
    def lines(self) -> list[str]:
        """The beginning of the payload: HL7 and X12 by segment, JSON indented where it is short."""
        payload = bytes(self.message.payload or b"")
        text = payload[:BODY].decode("utf-8", "replace")
        if len(payload) <= BODY:
            try:
                text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
            except ValueError:
                pass
        if text.startswith("ISA") and len(text) > 105:
            text = text.replace(text[105], f"{text[105]}\n").replace("\n\n", "\n")
        return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")

    @property
    def is_cut(self) -> bool:
        return self.message.size > BODY

    @cached_property
    def records(self) -> list[InboundRecord]:
        """Those that were put aside first."""
        rows = self.message.records.select_related("source_record__golden", "code_system")
        refused = list(rows.filter(outcome=InboundRecord.Outcome.REFUSED).order_by("position")[:RECORDS])
        others = rows.exclude(outcome=InboundRecord.Outcome.REFUSED).order_by("position")
        return refused + list(others[: RECORDS - len(refused)])

    @property
    def total(self) -> int:
        return self.message.landed + self.message.refused + self.message.superseded

    @property
    def profile(self) -> str:
        return json.dumps(self.message.source.profile, indent=1, ensure_ascii=False)


def find(pk: int) -> InboundMessage | None:
    rows = InboundMessage.objects.select_related("source__system", "actor", "conflicts_with")
    return rows.filter(pk=pk).first()
