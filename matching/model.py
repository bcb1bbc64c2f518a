"""What the engine knows besides the two records: how rare values are, what evidence weighs, when to decide."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .agreement import Column, Floats, Ints, firsts
from .calibration import Calibration
from .competition import NOTHING, lead_over
from .decide import Chance, Costs
from .records import Std
from .standardise.dictionaries import word_set

if TYPE_CHECKING:
    from .columns import Vocabulary
    from .recipe import Recipe
    from .table import Table

BACKGROUND = 1000
"""Records that are assumed to be there before any is seen: rarity is sensible from the first one on."""
COPIES = 3
"""Records of one thing to be expected, one of each system: a value that no more records share is as good as unique."""
_RARE, _COMMON = 0.5, 20.0  # of the background records, how many have a given token: any, a common word


def _background(space: str, tokens: Sequence[str]) -> Floats | float:
    """How many of the background records would have each token unseen.

    No sample shows how rare a long code is: every second character past the fifth halves the chance of a coincidence.
    """
    if space == "code":
        rare: Floats = _RARE * 0.5 ** (np.clip([len(token) - 5 for token in tokens], 0, 8) / 2)
        return rare
    if space == "word":
        common = word_set("common")
        return np.array([_COMMON if token in common else _RARE for token in tokens])
    return _RARE


class Statistics:
    """How many records have each token, by space; from which rarity follows. Grows by ``add`` and ``merge``."""

    def __init__(self, size: int = 0, counts: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self.size = size
        self._counts: dict[str, Counter[str]] = {space: Counter(c) for space, c in (counts or {}).items()}

    @classmethod
    def collect(cls, recipe: Recipe, stds: Iterable[Std]) -> Statistics:
        """Count the tokens of standardised records."""
        statistics = cls()
        for std in stds:
            statistics.add(recipe, std)
        return statistics

    def add(self, recipe: Recipe, std: Std) -> None:
        """Count one more record; a token counts once in a record, in whichever columns of its space it stands."""
        seen: dict[str, set[str]] = {}
        for column, space in recipe.spaces.items():
            tokens = std.get(column)
            if tokens:
                seen.setdefault(space, set()).update(tokens)
        for space, tokens in seen.items():
            self._counts.setdefault(space, Counter()).update(tokens)
        self.size += 1

    @classmethod
    def of_table(cls, recipe: Recipe, table: Table, vocabularies: Mapping[str, Vocabulary]) -> Statistics:
        """Count the tokens of a table. Those that no more than ``COPIES`` records have are as rare as any: left out."""
        counts: dict[str, dict[str, int]] = {}
        for space, vocabulary in vocabularies.items():
            columns = [table.columns[name] for name, other in recipe.spaces.items() if other == space]
            filled = [column for column in columns if not column.is_empty]
            if not filled:
                continue
            many = np.bincount(_once_a_record(filled, len(vocabulary)), minlength=len(vocabulary))
            tokens = vocabulary.tokens
            counts[space] = {tokens[i]: int(many[i]) for i in np.flatnonzero(many > COPIES).tolist()}
        return cls(table.size, counts)

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both sets of records."""
        merged = Statistics(self.size + other.size, self._counts)
        for space, counts in other._counts.items():
            merged._counts.setdefault(space, Counter()).update(counts)
        return merged

    def count(self, space: str, token: str) -> int:
        """How many records have the token; of a whole table, 0 for those that hardly any has."""
        return self._counts.get(space, Counter())[token]

    def rarity(self, space: str, tokens: Sequence[str]) -> Floats:
        """Bits that an agreement on each token is worth by chance alone: log2 of one over its frequency."""
        counts: Mapping[str, int] = self._counts.get(space, {})
        have = np.array([counts.get(token, 0) for token in tokens], dtype=np.float64)
        background = _background(space, tokens)
        rarity: Floats = np.log2((self.size + BACKGROUND) / (np.maximum(have - COPIES, 0.0) + background))
        return np.maximum(rarity, 0.0)

    @property
    def prior(self) -> float:
        """Bits that a record picked at random is the one looked for: about one of all."""
        return -math.log2(self.size + BACKGROUND)

    def to_json(self) -> dict[str, Any]:
        """Size, and counts by space and token."""
        return {"size": self.size, "counts": {space: dict(counts) for space, counts in self._counts.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Statistics:
        """What ``to_json`` gave, as text or parsed."""
        values = json.loads(data) if isinstance(data, str) else data
        return cls(int(values["size"]), values["counts"])


def _once_a_record(columns: Sequence[Column], size: int) -> Ints:
    """The tokens (of ``size``) that stand in these columns of one table, each as often as records have it."""
    if len(columns) == 1:
        return columns[0].ids
    codes = np.concatenate([np.repeat(np.arange(len(c.counts)), c.counts) * size + c.ids for c in columns])
    codes.sort()
    return codes[firsts(codes)] % size


def weigh(field: str, **bits: float) -> dict[str, float]:
    """Weights of one field under the names of ``Policy.weights``: ``weigh("name", agree=0.6)`` is "name.agree"."""
    return {f"{field}.{name}": value for name, value in bits.items()}


@dataclass(frozen=True)
class Policy:
    """What evidence weighs, how certain a score is, and what mistakes cost, in one domain.

    ``weights``: see the domain's recipe. ``review_bits``: a pair that scores less is not worth a look. ``critical``:
    what mistakes about records of high criticality cost, as implants.
    """

    domain: str
    review_bits: float
    calibration: Calibration = field(default_factory=Calibration)
    costs: Costs = field(default_factory=Costs)
    critical: Costs = field(default_factory=lambda: Costs(false_link=200.0, missed_link=40.0))
    weights: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def sure_score(self) -> float:
        """Score that links without asking where there is no rival."""
        return self.calibration.score_for(self.costs.auto)

    @cached_property
    def _critical_score(self) -> float:
        return self.calibration.score_for(self.costs_of(True).auto)

    def costs_of(self, critical: bool) -> Costs:
        """What mistakes about a record cost: if it is critical, never less than elsewhere."""
        return self.critical.at_least(self.costs) if critical else self.costs

    def sure_score_of(self, critical: bool) -> float:
        """``sure_score`` by what mistakes about the record cost."""
        return self._critical_score if critical else self.sure_score

    def chance(self, score: float, lead: float | None = None, claimed: float = 0.0) -> Chance:
        """How likely a best candidate of this score is right; see ``Calibration``. ``lead``: by default, of nobody."""
        ahead = score - NOTHING if lead is None else lead
        return Chance(*self.calibration.chances(score, ahead, claimed))

    def probabilities(self, scores: Sequence[float]) -> list[float]:
        """That each of the candidates of one record is right, beside the others."""
        leads = [lead_over(score, (*scores[:i], *scores[i + 1 :])) for i, score in enumerate(scores)]
        return [self.chance(score, lead).right for score, lead in zip(scores, leads, strict=True)]

    @classmethod
    def default(cls, domain: str) -> Policy:
        """The policy that the domain's recipe comes with."""
        from .domains import recipe_for

        return recipe_for(domain).policy

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Policy:
        """A stored policy; what it does not name is the recipe's."""
        values = dict(json.loads(data) if isinstance(data, str) else data)
        default = cls.default(values["domain"])
        return replace(
            default,
            review_bits=float(values.get("review_bits", default.review_bits)),
            calibration=Calibration.from_json({**default.calibration.to_json(), **values.get("calibration", {})}),
            costs=Costs(**{**asdict(default.costs), **values.get("costs", {})}),
            critical=Costs(**{**asdict(default.critical), **values.get("critical", {})}),
            weights={**default.weights, **{name: float(bits) for name, bits in values.get("weights", {}).items()}},
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as ``from_json`` reads it."""
        return {
            "domain": self.domain,
            "review_bits": self.review_bits,
            "calibration": self.calibration.to_json(),
            "costs": asdict(self.costs),
            "critical": asdict(self.critical),
            "weights": dict(self.weights),
        }
