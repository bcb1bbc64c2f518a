"""The quality of one golden record: which of its domain's rules it keeps and which it breaks, in one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, Value

from mdm import statements
from mdm.models import GoldenRecord
from mdm.services import scorecard
from mdm.services.scorecard import Dimension, Rule

SCORED = (GoldenRecord.Status.LIVE, GoldenRecord.Status.DRAFT)
_ID = object()  # where the statement takes the record's


@dataclass(frozen=True)
class RecordQuality:
    """The rules that apply to the record, in the order of the scorecard."""

    kept: Sequence[Rule]
    broken: Sequence[Rule]

    @cached_property
    def score(self) -> float:
        """0 to 100: ``scorecard.score``, where a rule that is kept counts 100 and one that is broken nothing."""
        return (
            scorecard.score([(r.dimension, 100.0) for r in self.kept] + [(r.dimension, 0.0) for r in self.broken])
            or 0.0
        )

    @property
    def shown(self) -> int:
        """As a whole number, rounded down: 100 is only for who breaks nothing."""
        return int(self.score)

    @property
    def costs(self) -> list[tuple[Rule, float]]:
        """Broken rules with the points that mending each would bring, the dearest first."""
        priced = [(rule, self._points(rule.dimension)) for rule in self.broken]
        return sorted(priced, key=lambda pair: -pair[1])

    @property
    def dimensions(self) -> list[tuple[Dimension, int, int]]:
        """(dimension, rules kept, rules that apply), of dimensions that some rule applies in."""
        counts = [(d, sum(r.dimension == d for r in self.kept), self._number(d)) for d in Dimension]
        return [row for row in counts if row[2]]

    def _number(self, dimension: Dimension) -> int:
        return sum(rule.dimension == dimension for rule in (*self.kept, *self.broken))

    def _points(self, dimension: Dimension) -> float:
        return 100 / len(self.dimensions) / self._number(dimension)


def of(record: GoldenRecord) -> RecordQuality | None:
    """By the rules of today. The scorecard counts live records; a draft is judged alike, so that it can be seen what it
    lacks. None of what is retired or merged.
    """
    if record.status not in SCORED:
        return None
    sql, parameters = _statement(record.domain)
    answers = statements.rows(sql, [record.pk if value is _ID else value for value in parameters])[0]
    pairs = zip(scorecard.rules_of(record.domain), answers[::2], answers[1::2], strict=True)
    applying = [(rule, fails) for rule, applies, fails in pairs if applies]
    return RecordQuality(
        kept=[rule for rule, fails in applying if not fails], broken=[rule for rule, fails in applying if fails]
    )


@cache
def _statement(domain: str) -> tuple[str, tuple[Any, ...]]:
    """Of each rule whether it applies and whether it is broken. Writing thirty conditions as SQL takes longer than
    answering them, so it is done once.
    """
    asked = [condition for rule in scorecard.rules_of(domain) for condition in (rule.applies, rule.fails)]
    columns = {
        f"c{n}": ExpressionWrapper(condition or Q(Value(True)), BooleanField()) for n, condition in enumerate(asked)
    }
    found = GoldenRecord.objects.filter(pk=-1).annotate(**columns).values_list(*columns)
    sql, parameters = found.query.sql_with_params()
    return sql, tuple(_ID if value == -1 else value for value in parameters)
