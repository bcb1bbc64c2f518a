"""Weights learned without labels: m and u per field and level, by expectation-maximisation on a hospital's own data.

In the sense of Fellegi and Sunter (1969), m is how often a field is at a level (the same, alike, different) where two
records are one thing, u where they are not. u is counted on pairs drawn at random. For m, records are taken with their
best candidates, and who is whose partner is the hidden variable: its chances come from scores, leads and claims as when
records are linked (``matching.calibration``), so that siblings don't pass for partners; m is counted anew with them as
weights, the weights of the policy follow, and so on (Dempster, Laird and Rubin 1977; Winkler 1988).

A candidate was found by a key, and what the key is made of agrees by construction. So for m of a field only those pairs
count that share a key without it. The recipe's own weights are believed beforehand, as much as ``BELIEF`` pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .agreement import entries
from .blocking import CAP, search
from .bulk import settle
from .columns import Bools, Floats, Ints, Tables
from .compare import Finding
from .model import Policy, Statistics
from .recipe import Recipe, Scores
from .records import DIFFERENT, EXACT, REFORMATTED, SIMILAR, Std, Values
from .table import Table, Vocabularies, assemble, pack, tabulate
from .train import scaled

BELIEF = 500.0  # pairs that the recipe's weights count for, a field
SAMPLE = 3_000  # records whose candidates are looked at
ENOUGH = 200  # pairs to be expected of one thing below which nothing is learned
NEAREST = 20  # candidates of each
RANDOM = 20_000  # pairs that u is counted on
ROUNDS, STILL = 10, 0.01  # ends when no factor moves by more
LEAST, MOST = 0.67, 1.5  # bounds of a factor: fields depend on each other, which no m and u can tell
GROUPS: Mapping[str, tuple[int, ...]] = {"different": (DIFFERENT,), "similar": (SIMILAR,), "same": (REFORMATTED, EXACT)}


@dataclass(frozen=True)
class Estimate:
    """One field at one level. ``m`` and ``u``: shares of the pairs that both state the field. ``assumed``: the m that
    the weights before imply. ``pairs``: how many pairs of one thing m rests on. ``bits``: before and after.
    """

    field: str
    level: str
    m: float
    u: float
    assumed: float
    pairs: float
    bits: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Everything, rounded."""
        shares = {name: round(getattr(self, name), 5) for name in ("m", "u", "assumed")}
        bits = [round(b, 3) for b in self.bits]
        return {"field": self.field, "level": self.level, **shares, "pairs": round(self.pairs, 1), "bits": bits}


@dataclass(frozen=True)
class Learned:
    """A policy learned without labels. ``factors``: field → (for, against), what its weights were multiplied by.
    ``matched``: pairs of one thing to be expected among ``records``.
    """

    policy: Policy
    factors: Mapping[str, tuple[float, float]]
    estimates: tuple[Estimate, ...]
    records: int
    matched: float
    rounds: int
    notes: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether there was enough to learn from; if not, the policy is as it was."""
        return self.matched >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        """Everything but the policy."""
        return {
            "factors": {field: list(pair) for field, pair in self.factors.items()},
            "levels": [estimate.to_json() for estimate in self.estimates],
            "records": self.records,
            "matched": round(self.matched, 1),
            "rounds": self.rounds,
            "notes": list(self.notes),
        }


def learn_tables(
    recipe: Recipe, left: Sequence[Values], right: Sequence[Values] | None = None, *, policy: Policy | None = None
) -> Learned:
    """Learn from two tables, or from the duplicates of one."""
    vocabularies: Vocabularies = {}
    (table,) = tabulate(recipe, (left if right is None else right,), vocabularies)
    rows = spread(len(left))
    sample = [recipe.standardise(left[row]) for row in rows]
    statistics = Statistics.of_table(recipe, table, vocabularies)
    themselves = np.array(rows, dtype=np.int64) if right is None else None
    return learn(recipe, sample, table, vocabularies, statistics, policy or recipe.policy, themselves=themselves)


def spread(size: int) -> list[int]:
    """At most ``SAMPLE`` row numbers, evenly spread."""
    return np.unique(np.linspace(0, size - 1, min(size, SAMPLE)).round().astype(np.int64)).tolist() if size else []


def learn(
    recipe: Recipe, sample: Sequence[Std], table: Table, vocabularies: Vocabularies, statistics: Statistics,
    policy: Policy, *, themselves: Ints | None = None,
) -> Learned:  # fmt: skip
    """Learn from a sample of standardised records and the table that their partners are in.

    Args:
        vocabularies: of the table; grows by the sample's tokens.
        themselves: where the sample is of the table itself, the row of each record.
    """
    factors = dict.fromkeys((c.field for c in recipe.comparators), (1.0, 1.0))
    if not sample or not table.size:
        return Learned(policy, factors, (), len(sample), 0.0, 0, ("there is nothing to learn from",))
    work = _Work(recipe, sample, table, vocabularies, statistics, policy, themselves)
    estimates: list[Estimate] = []
    best, chance = work.expect(policy)
    matched, rounds = float(chance.sum()), 0
    while matched >= ENOUGH and rounds < ROUNDS:
        rounds += 1
        before = factors
        estimates, factors = work.maximise(best, chance)
        best, chance = work.expect(replace(policy, weights=scaled(policy.weights, factors)))
        if max(abs(a - b) for f in factors for a, b in zip(factors[f], before[f], strict=True)) < STILL:
            break
    notes = () if matched >= ENOUGH else (f"{matched:.0f} pairs of one thing are too few: {ENOUGH} are wanted",)
    learned = replace(policy, weights=scaled(policy.weights, factors), calibration=work.calibrated.calibration)
    return Learned(
        learned if rounds else policy, factors, tuple(estimates), len(sample), float(chance.sum()), rounds, notes
    )


class _Work:
    """Records of the sample with their candidates, and what the fields say of each pair under the policy before."""

    def __init__(
        self, recipe: Recipe, sample: Sequence[Std], table: Table, vocabularies: Vocabularies, statistics: Statistics,
        policy: Policy, themselves: Ints | None,
    ) -> None:  # fmt: skip
        self._recipe, self._statistics, self._policy = recipe, statistics, policy
        self._fields = [comparator.field for comparator in recipe.comparators]
        mine = assemble(recipe, [pack(recipe, sample)], vocabularies)
        found = search(mine.keys, table.keys, cap=CAP, best=NEAREST)
        apart = np.ones(len(found.left), np.bool_) if themselves is None else found.right != themselves[found.left]
        self._left, self._right = found.left[apart], found.right[apart]
        columns = {name: (mine.columns[name], table.columns[name]) for name in recipe.spaces}
        self._tables = Tables(columns, vocabularies, recipe.spaces, statistics.rarity, statistics.prior)
        self._size = len(sample)
        self._elsewhere = self._found_without(sample, mine, table)
        findings = self._find(self._left, self._right)
        self._level = np.array([f.level for f in findings])
        self._bits = np.array([f.bits for f in findings])
        self._u = self._by_chance(themselves, table.size)
        self.calibrated = policy

    def _find(self, left: Ints, right: Ints) -> list[Finding]:
        return self._recipe.find(self._tables, left, right, self._policy)

    def _found_without(self, sample: Sequence[Std], mine: Table, table: Table) -> Bools:
        """Field × pair: whether the two share a key that the field has no part in."""
        kinds = np.array([key.partition(":")[0] for std in sample for key in self._recipe.keys(std)])
        at, entry = entries(mine.keys.offsets, self._left)
        there, other = entries(table.keys.offsets, self._right)
        keys = np.concatenate([mine.keys.ids[entry], table.keys.ids[other]])
        numbers, places = np.unique(keys, return_inverse=True)
        codes = np.concatenate([at, there]) * len(numbers) + places
        shared = np.isin(codes[: len(at)], codes[len(at) :])
        at, names = at[shared], kinds[entry[shared]] if len(kinds) else kinds
        free = np.zeros((len(self._fields), len(self._left)), dtype=np.bool_)
        for i, field in enumerate(self._fields):
            tied = {kind for kind, fields in self._recipe.tied.items() if field in fields}
            free[i, at[~np.isin(names, list(tied))]] = True
        return free

    def _by_chance(self, themselves: Ints | None, size: int) -> Floats:
        """u, field × level: of pairs drawn at random that both state the field, one more of each level."""
        rng = np.random.default_rng(7)
        left, right = (rng.integers(0, n, RANDOM) for n in (self._size, size))
        if themselves is not None:
            apart = themselves[left] != right
            left, right = left[apart], right[apart]
        levels = [f.level for f in self._find(left, right)]
        counts = np.array([[np.isin(level, group).sum() for group in GROUPS.values()] for level in levels]) + 0.5
        shares: Floats = counts / counts.sum(axis=1, keepdims=True)
        return shares

    def expect(self, policy: Policy) -> tuple[Ints, Floats]:
        """The best candidate (a pair) of every record that has any, and how likely it is right."""
        findings = self._recipe.find(self._tables, self._left, self._right, policy)
        bits = np.round(self._statistics.prior, 3) + np.sum([f.bits for f in findings], axis=0)
        vetoed = np.zeros(len(bits), dtype=np.bool_)
        decisions, self.calibrated = settle(self._size, self._left, self._right, Scores(bits, vetoed), policy)
        place = {pair: k for k, pair in enumerate(zip(self._left.tolist(), self._right.tolist(), strict=True))}
        chosen = [(place[row, d.best.key], d.probability) for row, d in enumerate(decisions) if d.best is not None]
        return np.array([k for k, _ in chosen], dtype=np.int64), np.array([p for _, p in chosen])

    def maximise(self, best: Ints, chance: Floats) -> tuple[list[Estimate], dict[str, tuple[float, float]]]:
        """m of every field and level with these chances, and the factors that the field's weights need."""
        estimates: list[Estimate] = []
        factors = {}
        for i, field in enumerate(self._fields):
            weight = chance * self._elsewhere[i, best]
            pairs = np.array([np.isin(self._level[i, best], group) @ weight for group in GROUPS.values()])
            before = np.array([self._mean_bits(i, group, best, chance) for group in GROUPS.values()])
            assumed = _assumed(self._u[i], before)
            m = (pairs + BELIEF * assumed) / (pairs.sum() + BELIEF)
            after = _rising(before + np.log2(m / assumed), m)
            factors[field] = _factor(before[1:], after[1:], m[1:]), _factor(before[:1], after[:1], m[:1])
            estimates += [
                Estimate(field, level, float(m[k]), float(self._u[i, k]), float(assumed[k]), float(pairs.sum()),
                         (float(before[k]), float(after[k])))
                for k, level in enumerate(GROUPS)
                if before[k]
            ]  # fmt: skip
        return estimates, factors

    def _mean_bits(self, field: int, group: tuple[int, ...], best: Ints, chance: Floats) -> float:
        """Bits that the field gives at a level, the mean over best candidates, else over all; 0 where nobody has it."""
        for pairs, weight in ((best, chance), (np.arange(self._level.shape[1]), None)):
            inside = np.isin(self._level[field, pairs], group)
            mass = inside * (1.0 if weight is None else weight)
            if mass.sum() > 1.0:
                return float((self._bits[field, pairs] * mass).sum() / mass.sum())
        return 0.0


def _assumed(u: Floats, bits: Floats) -> Floats:
    """The m that bits imply. Of agreement, only how it is shared among its levels: u of an average value says little
    about the rare ones that partners share, and the comparators weigh those one by one.
    """
    different = float(np.clip(u[0] * np.exp2(bits[0]), 1e-4, 0.9)) if bits[0] < 0 else 0.5
    others = u[1:] * np.exp2(bits[1:]) * (bits[1:] != 0) + 1e-9
    return np.append(different, (1.0 - different) * others / others.sum())


def _rising(bits: Floats, weight: Floats) -> Floats:
    """The nearest bits that rise with the level: neighbours that don't are pooled."""
    pools = [[float(b), float(w), 1] for b, w in zip(bits, weight, strict=True)]
    k = 0
    while k < len(pools) - 1:
        if pools[k][0] <= pools[k + 1][0]:
            k += 1
            continue
        (b, w, n), (c, v, o) = pools[k], pools.pop(k + 1)
        pools[k] = [(b * w + c * v) / (w + v), w + v, n + o]
        k = max(k - 1, 0)
    return np.repeat([b for b, _, _ in pools], [int(n) for _, _, n in pools])


def _factor(before: Floats, after: Floats, weight: Floats) -> float:
    """What ``before`` has to be multiplied by to become ``after``, on the whole and within bounds."""
    whole = float((before * weight).sum())
    if abs(whole) < 1e-6:
        return 1.0
    return round(float(np.clip((after * weight).sum() / whole, LEAST, MOST)), 4)
