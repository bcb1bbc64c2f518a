"""Checks measure the stewards and the engine: known pairs, blind second reviews, samples of automatic links.

Whoever answers sees two source records and nothing else: not the kind of the question, nor what was answered before.
Nobody answers about their own decisions, and an answer never changes a golden record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from matching.measures import Agreement, Share
from mdm import permissions
from mdm.changes import Change
from mdm.exceptions import Refused, Stale
from mdm.locks import lock_name
from mdm.models import Check, Judgement, SourceRecord, User
from mdm.services.labels import judged

Kind = Check.Kind


# ------------------------------------------------------------------------------------------------------------ planning


@transaction.atomic
def plan_checks(*, domain: str, kind: str, count: int, actor: User) -> list[Check]:
    """Put questions into the stewards' queue, chosen at random; fewer than ``count`` if there are no more.

    ``kind``: *blind*, pairs that one person has decided; *known*, pairs of which two people said the same in a blind
    review; *sample*, automatic links.
    """
    permissions.require(actor, permissions.DECIDE)
    lock_name("checks", domain)
    plans = {Kind.BLIND: _decided_once, Kind.KNOWN: _agreed, Kind.SAMPLE: _automatic}
    if kind not in plans:
        raise Refused(f"Checks of kind {kind} can't be planned. Choose one of {', '.join(plans)}.")
    return _put(domain, plans[Kind(kind)](domain, count), actor)


@transaction.atomic
def seed_known(*, pairs: Sequence[tuple[SourceRecord, SourceRecord, bool]], actor: User) -> list[Check]:
    """Put pairs whose answer the actor knows into the queue: (one, other, whether they are the same). Those that
    wait in it already are left out.
    """
    permissions.require(actor, permissions.DECIDE)
    domains = {source.domain for one, two, _ in pairs for source in (one, two)}
    if len(domains) != 1:
        raise Refused("Give pairs of one domain.")
    domain = domains.pop()
    lock_name("checks", domain)
    known = {(min(one.pk, two.pk), max(one.pk, two.pk)): same for one, two, same in pairs}
    waiting = Check.objects.filter(domain=domain, kind=Kind.KNOWN, answered_at__isnull=True)
    fresh = known.keys() - set(waiting.values_list("first", "second"))
    checks = [
        Check(kind=Kind.KNOWN, first_id=pair[0], second_id=pair[1], expected=known[pair], decided_by=actor)
        for pair in sorted(fresh)
    ]
    return _put(domain, checks, actor)


def _put(domain: str, checks: Iterable[Check], actor: User) -> list[Check]:
    planned = list(checks)
    for check in planned:
        check.domain, check.planned_by = domain, actor
    made = Check.objects.bulk_create(planned)
    Change.begin(actor, "checks.planned").audit(after={"domain": domain, "checks": [check.pk for check in made]})
    return made


def _asked(kind: str, **more: Any) -> Exists:
    """A check of this kind about the pair of the outer query."""
    return Exists(Check.objects.filter(kind=kind, first=OuterRef("first"), second=OuterRef("second"), **more))


def _decided_once(domain: str, count: int) -> list[Check]:
    rows = Judgement.objects.filter(first__domain=domain, reopened_at__isnull=True).exclude(_asked(Kind.BLIND))
    return [
        Check(
            kind=Kind.BLIND,
            first_id=row.first_id,
            second_id=row.second_id,
            expected=row.verdict == Judgement.Verdict.SAME,
            decided_by_id=row.author_id,
        )
        for row in rows.order_by("?")[:count]
    ]


def _agreed(domain: str, count: int) -> list[Check]:
    rows = Check.objects.filter(domain=domain, kind=Kind.BLIND, same=F("expected"))
    return [
        Check(
            kind=Kind.KNOWN,
            first_id=row.first_id,
            second_id=row.second_id,
            expected=row.expected,
            decided_by_id=row.decided_by_id,
        )
        for row in rows.exclude(_asked(Kind.KNOWN, answered_at__isnull=True)).order_by("?")[:count]
    ]


def _automatic(domain: str, count: int) -> list[Check]:
    """Automatic links not sampled yet: the record and the oldest other one of its golden record."""
    linked = SourceRecord.objects.filter(domain=domain, state=SourceRecord.State.LINKED)
    others = linked.filter(golden=OuterRef("golden")).exclude(pk=OuterRef("pk")).order_by("pk")
    either = Q(first=OuterRef("pk"), second=OuterRef("other")) | Q(first=OuterRef("other"), second=OuterRef("pk"))
    rows = (
        linked.filter(link_reason=SourceRecord.LinkReason.AUTO)
        .annotate(other=Subquery(others.values("pk")[:1]))
        .filter(other__isnull=False)
        .exclude(Exists(Check.objects.filter(either, kind=Kind.SAMPLE)))
    )
    picked = rows.values_list("pk", "other").order_by("?")[: 2 * count]  # two may be of each other
    found = list(dict.fromkeys((min(one, other), max(one, other)) for one, other in picked))
    return [Check(kind=Kind.SAMPLE, first_id=first, second_id=second) for first, second in found[:count]]


# ----------------------------------------------------------------------------------------------------------- answering


@dataclass(frozen=True, slots=True)
class Side:
    source: int
    system: str
    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Two records: the same thing or not? Nothing here tells what anybody said before."""

    check: int
    domain: str
    first: Side
    second: Side


def next_check(*, actor: User, domain: str = "") -> Question | None:
    """The next question that this person may answer, the oldest first; of one domain, if given."""
    permissions.require(actor, permissions.DECIDE)
    rows = _askable(actor).select_related("first__code_system__system", "second__code_system__system")
    check = (rows.filter(domain=domain) if domain else rows).order_by("pk").first()
    return Question(check.pk, check.domain, _side(check.first), _side(check.second)) if check else None


def waiting(*, actor: User, domain: str = "") -> int:
    """How many questions this person may still answer."""
    rows = _askable(actor)
    return (rows.filter(domain=domain) if domain else rows).count()


def _side(source: SourceRecord) -> Side:
    return Side(source.pk, source.code_system.system.name, source.code, source.values)


def _askable(actor: User) -> QuerySet[Check]:
    """Open checks of pairs about which this person has said nothing; not those to learn from that were judged since."""
    pair = {"first": OuterRef("first"), "second": OuterRef("second")}
    return (
        Check.objects.filter(answered_at__isnull=True)
        .exclude(decided_by=actor)
        .exclude(Exists(Judgement.objects.filter(author=actor, **pair)))
        .exclude(Exists(Check.objects.filter(answered_by=actor, **pair)))
        .exclude(Q(kind=Kind.LABEL) & judged())
    )


@transaction.atomic
def answer(*, check: int, same: bool, actor: User) -> None:
    """Say whether the two are the same. Refused for who has decided or answered about this pair before."""
    permissions.require(actor, permissions.DECIDE)
    row = Check.objects.select_for_update(of=("self",)).get(pk=check)
    if row.answered_at is not None:
        raise Stale("This question was answered already. Take the next one.")
    if not _askable(actor).filter(pk=row.pk).exists():
        raise Refused("This pair has your decision already, or somebody else's by now. Take the next one.")
    row.same, row.answered_by, row.answered_at = same, actor, timezone.now()
    row.save(update_fields=["same", "answered_by", "answered_at"])
    Change.begin(actor, "check.answered").audit(about=row, after={"same": same})


# ----------------------------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True, slots=True)
class Stewards:
    """How far stewards agree in blind double reviews, overall and by pair, and how often they miss a known answer.

    By username; a pair in alphabetical order, with the answers of the first before those of the second.
    """

    overall: Agreement
    pairs: Mapping[tuple[str, str], Agreement]
    errors: Share
    errors_by: Mapping[str, Share]

    def to_json(self) -> dict[str, Any]:
        return {
            "agreement": self.overall.to_json(),
            "pairs": [{"stewards": list(who), **found.to_json()} for who, found in self.pairs.items()],
            "errors": self.errors.to_json(),
            "errors_by": {who: share.to_json() for who, share in self.errors_by.items()},
        }


def agreement(domain: str) -> Stewards:
    """What the checks of a domain say about its stewards."""
    blind: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for one, two, first, second in _answers(domain, Kind.BLIND):
        pair, said = ((one, two), (first, second)) if one < two else ((two, one), (second, first))
        blind[pair].append(said)
    wrong: dict[str, list[bool]] = defaultdict(list)
    for _, who, expected, same in _answers(domain, Kind.KNOWN):
        wrong[who].append(expected != same)
    return Stewards(
        overall=Agreement.of((expected, same) for _, _, expected, same in _answers(domain, Kind.BLIND)),
        pairs={pair: Agreement.of(said) for pair, said in sorted(blind.items())},
        errors=_share([missed for found in wrong.values() for missed in found]),
        errors_by={who: _share(found) for who, found in sorted(wrong.items())},
    )


def _answers(domain: str, kind: str) -> list[tuple[str, str, bool, bool]]:
    """(who decided first, who answered, the first answer, the second) of answered checks."""
    rows = Check.objects.filter(domain=domain, kind=kind, answered_at__isnull=False).order_by("pk")
    found = rows.values_list("decided_by__username", "answered_by__username", "expected", "same")
    return [(str(one), str(two), bool(first), bool(second)) for one, two, first, second in found]


def _share(wrong: list[bool]) -> Share:
    return Share(sum(wrong), len(wrong))
