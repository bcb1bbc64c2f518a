"""A batch in the pieces that one request carries, sent one after the other until the peer fails."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from sync.adapters.base import Outcome, PeerError, Rendered, not_sent

Chunk = list[Rendered]
domain: Callable[[Rendered], Hashable] = attrgetter("message.domain")


def runs(batch: Sequence[Rendered], size: int, by: Callable[[Rendered], Hashable] = domain) -> Iterator[Chunk]:
    """Runs of what may travel together, in order: no longer than ``size``, each record once."""
    for _, run in groupby(batch, key=by):
        chunk: Chunk = []
        for rendered in run:
            if len(chunk) == size or rendered.message.record in {other.message.record for other in chunk}:
                yield chunk
                chunk = []
            chunk.append(rendered)
        yield chunk


def in_turn(chunks: Iterator[Chunk], send: Callable[[Chunk], list[Outcome]]) -> list[Outcome]:
    """The outcomes of all. Where ``send`` raises PeerError its chunk failed as a whole, and the rest is not sent."""
    outcomes: list[Outcome] = []
    for chunk in chunks:
        try:
            outcomes += send(chunk)
        except PeerError as error:
            outcomes += [error.outcome()] * len(chunk)
            outcomes += [not_sent(error)] * sum(map(len, chunks))
    return outcomes
