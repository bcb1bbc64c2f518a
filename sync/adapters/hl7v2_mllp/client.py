"""The EHR edge: HL7 v2.6 master file notifications (MFN) over MLLP, read back by master file query (MFQ).

One record in one message. MSH-10 is derived from the idempotency key, so a message that is sent again is the same
message; answers (ACK or MFK) are matched by MSA-2. What AA, AE, AR, CA, CE and CR mean is set per endpoint.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync.adapters.base import (
    ConfigError,
    ErrorClass,
    Message,
    Outcome,
    PeerError,
    Receipt,
    Rendered,
    State,
    TargetRecord,
    Values,
    not_sent,
)
from sync.adapters.options import Secrets, load
from sync.adapters.values import checked, comparable

from .config import ACKS, Hl7Config
from .hl7 import ENCODING, Segment, decode_message
from .mapping import LAYOUTS
from .message import control_id, records
from .mllp import Connection
from .writing import body

IDS_IN_ONE_QUERY = 50
OF_AN_ANSWER = ("MSA", "ERR", "MFA")  # the segments that say what became of a message


class Hl7Adapter:
    def __init__(
        self, config: Mapping[str, Any], secrets: Secrets, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._config = load(Hl7Config, config)
        self._acks = {**ACKS, **self._config.acks}
        if unknown := set(self._acks.values()) - set(State):
            raise ConfigError(f"acks: unknown state {', '.join(sorted(unknown))}; known are {', '.join(State)}.")
        self._now = now  # MSH-7 says when the message was made; it is made once, then stored
        self._connection = Connection(self._config)
        self.domains = self._config.domains

    def render(self, message: Message) -> bytes:
        values = checked(message, self._config.limits.get(message.domain, {}))
        event, control = LAYOUTS[message.domain].event, control_id(message.key)
        header = self._header(f"MFN^{event}^MFN_{event}", control)
        return "\r".join((header, *body(message, values, control), "")).encode()

    def _header(self, kind: str, control: str) -> str:
        c = self._config
        parties = f"{c.sending_application}|{c.sending_facility}|{c.receiving_application}|{c.receiving_facility}"
        made = self._now().strftime("%Y%m%d%H%M%S%z")
        return f"MSH|{ENCODING}|{parties}|{made}||{kind}|{control}|{c.processing_id}|2.6|||NE|AL||UNICODE UTF-8"

    def expected(self, message: Message) -> Values:
        return comparable(message.domain, message.payload["attributes"])

    def send(self, batch: Sequence[Rendered]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(batch), self._config.window):
            failed = self._exchange(batch[start : start + self._config.window], outcomes)
            if failed:
                outcomes += [not_sent(failed)] * (len(batch) - len(outcomes))
                break
        return outcomes

    def _exchange(self, window: Sequence[Rendered], outcomes: list[Outcome]) -> PeerError | None:
        """Send a window and take its answers; the failure that ended it early, if one did."""
        answered = 0
        try:
            self._connection.send(*(rendered.body for rendered in window))
            for rendered in window:
                outcomes.append(self._answer(rendered.message))
                answered += 1
        except PeerError as error:
            # Once bytes have gone out, nobody knows what of the window has arrived.
            unanswered = len(window) - answered if error.maybe_applied else 1
            outcomes += [_lost(error) if error.maybe_applied else error.outcome()] * unanswered
            return error
        return None

    def _answer(self, message: Message) -> Outcome:
        """The answer to this message. Raises PeerError when what comes is not one."""
        control = control_id(message.key)
        segments = self._receive(control, OF_AN_ANSWER)
        by_name = {s.name: s for s in segments}
        msa = by_name["MSA"]
        mfa = next((s for s in segments if s.name == "MFA" and s.get(2) == control), None)
        state = State(self._acks.get(msa.get(1), State.UNKNOWN))
        if mfa is not None and mfa.get(4) == "U":
            state = State.REJECTED
        receipt = f"{msa.get(1)} {control}"
        if state in (State.ACKNOWLEDGED, State.SENT):
            return Outcome(state, receipt, target_code=mfa.get(5, repetition=1) if mfa else "")
        error = _reason(msa, by_name.get("ERR"), mfa)
        kinds = {State.REJECTED: ErrorClass.REFUSED, State.RETRY: ErrorClass.BUSY}
        return Outcome(state, receipt, error=error, error_class=kinds.get(state, ErrorClass.PROTOCOL))

    def _receive(self, control: str, only: Collection[str] = ()) -> list[Segment]:
        """The segments of the next message, or those of these names; it must answer this control id."""
        try:
            segments = decode_message(self._connection.receive(), only)
        except ValueError as error:
            self._connection.close()
            raise PeerError(f"The answer is not HL7: {error}", ErrorClass.PROTOCOL, maybe_applied=True) from error
        answered = next((s.get(2) for s in segments if s.name == "MSA"), "")
        if answered != control:
            self._connection.close()
            text = f"The answer is for control id {answered or 'none'}, not for {control}."
            raise PeerError(text, ErrorClass.PROTOCOL, maybe_applied=True)
        return segments

    def collect(self) -> list[Receipt]:
        return []

    def confirm(self) -> None:
        """Every answer comes at once."""

    def read(self, domain: str, ids: Sequence[str] | None = None) -> Iterator[TargetRecord]:
        wanted = ["ALL"] if ids is None else list(ids)
        for start in range(0, len(wanted), IDS_IN_ONE_QUERY):
            pointer: str | None = ""
            while pointer is not None:
                segments = self._query(domain, wanted[start : start + IDS_IN_ONE_QUERY], pointer)
                yield from records(domain, segments)
                pointer = next((s.get(1) for s in segments if s.name == "DSC"), None)

    def _query(self, domain: str, ids: Sequence[str], pointer: str) -> list[Segment]:
        """One page of a master file. Raises PeerError when the peer refuses or the connection fails."""
        control = secrets.token_hex(10)
        made = self._now().strftime("%Y%m%d%H%M%S")
        who = "~".join(ids)
        limit = f"{self._config.page_size}^RD"
        query = "|".join(("QRD", made, "R", "I", control, "", "", limit, who, "MFQ", LAYOUTS[domain].file))
        more = [f"DSC|{pointer}|I"] if pointer else []
        self._connection.send("\r".join((self._header("MFQ^M01^MFQ_M01", control), query, *more, "")).encode())
        segments = self._receive(control)
        if (code := next(s.get(1) for s in segments if s.name == "MSA")) not in ("AA", "CA"):
            raise PeerError(f"The query of {LAYOUTS[domain].file} was answered {code}.", ErrorClass.PROTOCOL)
        return segments

    def check(self) -> str:
        for domain in self.domains:
            self._query(domain, ["NONE"], "")
        return f"{self._config.host}:{self._config.port} answers master file queries."

    def close(self) -> None:
        self._connection.close()


def _lost(error: PeerError) -> Outcome:
    return Outcome(State.UNKNOWN, error=str(error), error_class=error.error_class, connection=True)


def _reason(msa: Segment, err: Segment | None, mfa: Segment | None) -> str:
    """What the peer says is wrong: ERR-8 (user message), else MSA-3, else the text of MFA-4."""
    found = (err.get(8) if err else "") or msa.get(3) or (mfa.get(4, 2) if mfa else "")
    return f"{msa.get(1)}: {found or 'no reason given'}"
