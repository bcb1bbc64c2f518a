"""Two records of a blind question, side by side: what each says, without a word about how alike that is."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from mdm.canonical import DOMAINS
from mdm.models import Check, User
from mdm.services.agreement import UNSTATED
from mdm.services.double_review import Question
from mdm.ui import words
from mdm.ui.marks import Mark, marks


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    first: tuple[Mark, ...]
    second: tuple[Mark, ...]


def side_by_side(question: Question) -> list[Row]:
    """Every attribute that either record states; words that only one of two values has are marked."""
    rows = []
    for spec in DOMAINS[question.domain].fields:
        one, two = (side.values.get(spec.name) for side in (question.first, question.second))
        if one in UNSTATED and two in UNSTATED:
            continue
        a, b = (words.display(spec, value) for value in (one, two))
        if one in UNSTATED or two in UNSTATED:
            rows.append(Row(spec.label, (Mark(a),), (Mark(b),)))
        else:
            rows.append(Row(spec.label, marks(a, b), marks(b, a)))
    return rows


def answered_today(user: User) -> int:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return Check.objects.filter(answered_by=user, answered_at__gte=midnight).count()
