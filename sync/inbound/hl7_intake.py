"""Keeping what HL7 senders send, alone or in batches, and saying what they are answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from mdm.models import User
from sync.inbound import intake
from sync.inbound.formats import UnreadableMessage
from sync.inbound.hl7_answers import answer, header_of_batch, trailer_of_batch
from sync.inbound.hl7_batches import Envelope, Message, Opened, is_batch, walk
from sync.inbound.hl7_text import Fields, header
from sync.models.inbound import InboundMessage, InboundSource


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may send, "APPLICATION^FACILITY", none named: everybody; and what replaces lines of ``ACKS``."""

    senders: Collection[str] = ()
    acks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the sender is answered, empty where it wants none, and whether all of it was kept to be taken."""

    reply: bytes
    sound: bool


def keep(source: InboundSource, message: Message, terms: Terms) -> Kept:
    """Store one message, unless it is of another kind or of somebody who may not send."""
    why = "" if message.is_envelope else _why_refused(message.body, terms.senders)
    if why:
        return Kept(answer(message.body, "refused", acks=terms.acks, text=why), sound=False)
    return store(source, message, terms)


def store(source: InboundSource, message: Message, terms: Terms) -> Kept:
    """Store one message, whatever is wrong with it."""
    received = intake.receive(
        source=source,
        body=message.body,
        actor=User.objects.system(),
        message_id="" if _names_itself(message.body) else message.name,
        doubt=message.doubt,
    )
    stored = received.message
    outcome, text = "repeated" if received.repeated else "kept", ""
    if stored.state == InboundMessage.State.QUARANTINED and not stored.taken:
        outcome, text = "conflict" if stored.conflicts_with_id else "unreadable", stored.reason
    return Kept(answer(message.body, outcome, acks=terms.acks, text=text), sound=not text)


def each(body: bytes, terms: Terms, one: Callable[[Message], Kept], *, framed: bool = False) -> Kept:
    """Have each message of a batch kept by itself. The answer is a batch of their answers (section 2.10.3.3).

    What is wrong with an envelope is told in its trailer, and put aside for a person to see; its messages are taken.
    """
    if not is_batch(body):
        return one(Message(body))
    lines, sound, answers = [], True, {"BHS": 0, "FHS": 0}
    for event in walk(body, framed=framed):
        match event:
            case Message():
                kept = one(event)
                lines.append(kept.reply)
                sound = sound and kept.sound
                answers["BHS"] += bool(kept.reply)
            case Opened():
                lines.append(header_of_batch(event.header))
            case Envelope():
                if event.header:
                    lines.append(trailer_of_batch(event, answers[event.kind]))
                answers = {"BHS": 0, "FHS": answers["FHS"] + 1}
                sound = sound and not event.fault
                _tell(event, terms, one)
    return Kept(b"".join(lines), sound)


def _tell(envelope: Envelope, terms: Terms, one: Callable[[Message], Kept]) -> None:
    """Put an envelope aside that something is wrong with."""
    if envelope.fault and (not terms.senders or (envelope.header and _sender(envelope.header) in terms.senders)):
        name = f"{envelope.kind} {envelope.id}" if envelope.id else ""
        one(Message(envelope.lines, name, envelope.fault, is_envelope=True))


def _names_itself(body: bytes) -> bool:
    try:
        return bool(header(body).get(10))
    except UnreadableMessage:
        return False


def _why_refused(body: bytes, senders: Collection[str]) -> str:
    """Why a message isn't even kept: it is of another kind, or of somebody else or nobody. Empty for all others."""
    try:
        msh = header(body)
    except UnreadableMessage as error:
        return error.message
    if msh.get(9) not in ("MFN", ""):
        return f"Master files (MFN) are taken here, not {msh.get(9)[:10]}"
    sender = _sender(msh)
    return "" if not senders or sender in senders else f"{sender[:60]} may not send here"


def _sender(header: Fields) -> str:
    return f"{header.get(3)}^{header.get(4)}"
