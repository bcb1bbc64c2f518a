"""Simulated stewards: two users, labelled as simulated wherever they show, who look the truth up.

One decides reviews and proposes, the other approves. They use the same services as people do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mdm.models import ChangeRequest, GoldenRecord, SourceRecord, User, WorkItem
from mdm.services import change, resolve, review
from sync import services as deliveries
from sync.demo.truth import Code, Truth
from sync.models import Lane

REASON = "Simulated steward of the demo: looked up in the generator's truth"
Kind = WorkItem.Kind
ROUNDS = 20  # decisions bring up new questions; each round answers what is open


@dataclass
class Stewards:
    truth: Truth
    steward: User = field(default_factory=lambda: User.objects.get(username="simulated-steward"))
    approver: User = field(default_factory=lambda: User.objects.get(username="simulated-approver"))
    decided: int = 0
    _meaning: dict[int | None, set[str | None]] = field(default_factory=lambda: defaultdict(set))

    def clear(self, domain: str) -> int:
        """Decide everything that is open in a domain; returns how many decisions that took."""
        before = self.decided
        for _ in range(ROUNDS):
            items = self._open(domain)
            if not items:
                break
            self._look_up(items)
            for item in items:
                self._decide(item)
            resolve.resolve_all(domain=domain, actor=User.objects.system())
        return self.decided - before

    def retry_failed(self) -> int:
        """Send failed deliveries again; returns how many."""
        dead = list(Lane.objects.filter(state=Lane.State.DEAD))
        return deliveries.retry(lanes=dead, actor=self.steward, reason=REASON) if dead else 0

    def _open(self, domain: str) -> list[WorkItem]:
        kinds = (Kind.POSSIBLE_MATCH, Kind.POSSIBLE_DUPLICATE, Kind.WEAK_LINK, Kind.CHANGE_REQUEST)
        rows = WorkItem.objects.filter(domain=domain, state=WorkItem.State.OPEN, kind__in=kinds)
        return list(rows.select_related("source__code_system__system", "golden", "other", "change_request"))

    def _look_up(self, items: list[WorkItem]) -> None:
        """What the candidates of a round mean, read at once."""
        goldens = {candidate["golden"] for item in items for candidate in item.candidates}
        self._meaning = defaultdict(set)
        rows = SourceRecord.objects.filter(golden__in=goldens).select_related("code_system__system")
        for row in rows.only("golden", "code", "domain", "code_system__system__code"):
            self._meaning[row.golden_id].add(self.truth.of(row.domain, _code(row)))

    def _decide(self, item: WorkItem) -> None:
        item.refresh_from_db(fields=["state", "version", "candidates", "golden", "other"])
        if not item.is_live:
            return  # an earlier decision settled it
        self.decided += 1
        match item.kind:
            case Kind.POSSIBLE_MATCH:
                self._match(item)
            case Kind.CHANGE_REQUEST:
                self._approve(item)
            case _:
                self._confirm(item)

    def _match(self, item: WorkItem) -> None:
        if item.source is None:
            return
        mine = self.truth.of(item.domain, _code(item.source))
        for candidate in item.candidates:
            if mine is not None and mine in self._meaning[candidate["golden"]]:
                golden = GoldenRecord.objects.select_related("merged_into").get(pk=candidate["golden"]).survivor
                review.accept(item=item, golden=golden, actor=self.steward, reason=REASON)
                return
        review.create_new(item=item, actor=self.steward, reason=REASON)

    def _confirm(self, item: WorkItem) -> None:
        """Two golden records, or a record and the golden record it is linked to: the same thing or not."""
        if item.kind == Kind.WEAK_LINK and item.source is not None and item.golden is not None:
            mine = {self.truth.of(item.domain, _code(item.source))}
            same = mine == self._meanings(item.golden.survivor)
        elif item.golden is not None and item.other is not None:
            same = bool(self._meanings(item.golden.survivor) & self._meanings(item.other.survivor))
        else:
            return
        decide = review.accept if same else review.reject
        decide(item=item, actor=self.steward, reason=REASON)

    def _approve(self, item: WorkItem) -> None:
        request = item.change_request
        if request is not None and request.state == ChangeRequest.State.OPEN:
            change.approve(request=request, actor=self.approver, reason=REASON)

    def _meanings(self, golden: GoldenRecord) -> set[str | None]:
        rows = SourceRecord.objects.filter(golden=golden).select_related("code_system__system")
        return {self.truth.of(golden.domain, _code(row)) for row in rows}


def _code(source: SourceRecord) -> Code:
    return source.code_system.system.code, source.code


def links(groups: Iterable[Iterable[str | None]]) -> tuple[int, int]:
    """(links made, of these right) of records grouped into golden records, each given by its truth id.

    n records in one golden record are n − 1 links; those that join records of one truth are right.
    """
    made = right = 0
    for group in groups:
        members = list(group)
        made += len(members) - 1
        right += len(members) - len(set(members))
    return made, right
