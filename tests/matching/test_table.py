"""Whole tables: the same numbers from one process and from several, and as from records one by one."""

from __future__ import annotations

import numpy as np
import pytest

from matching import Statistics, recipe_for, scoring, table
from matching.blocking import search
from matching.bulk import CAP
from matching.table import Vocabularies, tabulate
from tests.matching.test_bulk import ERP, GOLDEN

RECIPE = recipe_for("item")
ROWS = [*GOLDEN, *ERP] * 3


def tokens(made: table.Table, vocabularies: Vocabularies) -> list[dict[str, list[str]]]:
    """The columns as words again."""
    words = {space: vocabulary.tokens for space, vocabulary in vocabularies.items()}
    return [
        {
            name: [words[RECIPE.spaces[name]][i] for i in column.ids[column.offsets[row] : column.offsets[row + 1]]]
            for name, column in made.columns.items()
            if column.counts[row]
        }
        for row in range(made.size)
    ]


@pytest.fixture(params=["one process", "several"])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "several":
        monkeypatch.setattr(table, "processes", lambda size, least: 2)
        monkeypatch.setattr(scoring, "processes", lambda size, least: 2)
        monkeypatch.setattr(table, "CHUNK", 7)
        monkeypatch.setattr(scoring, "PART", 100)


@pytest.mark.usefixtures("many")
def test_a_table_says_what_its_records_say() -> None:
    vocabularies: Vocabularies = {}
    assert tokens(*tabulate(RECIPE, (ROWS,), vocabularies), vocabularies) == [RECIPE.standardise(row) for row in ROWS]


@pytest.mark.usefixtures("many")
def test_pairs_score_as_one_by_one() -> None:
    vocabularies: Vocabularies = {}
    (made,) = tabulate(RECIPE, (ROWS,), vocabularies)
    stds = [RECIPE.standardise(row) for row in ROWS]
    statistics = Statistics.collect(RECIPE, stds)
    found = search(made.keys, made.keys, cap=CAP, best=10)
    assert len(found.left) > 200
    scored = scoring.score(RECIPE, made, made, vocabularies, found, statistics, RECIPE.policy)
    tables = RECIPE.tables(stds, stds, statistics)
    alone = RECIPE.score_pairs(tables, found.left, found.right, statistics, RECIPE.policy)
    np.testing.assert_array_equal(scored.bits, alone.bits)
    np.testing.assert_array_equal(scored.vetoed, alone.vetoed)


def test_statistics_of_a_table_weigh_as_those_of_its_records() -> None:
    vocabularies: Vocabularies = {}
    (made,) = tabulate(RECIPE, (ROWS,), vocabularies)
    whole = Statistics.of_table(RECIPE, made, vocabularies)
    single = Statistics.collect(RECIPE, [RECIPE.standardise(row) for row in ROWS])
    assert whole.prior == single.prior
    for space, vocabulary in vocabularies.items():
        np.testing.assert_array_equal(
            whole.rarity(space, vocabulary.tokens), single.rarity(space, vocabulary.tokens), err_msg=space
        )


def test_an_empty_table_is_no_error() -> None:
    (made,) = tabulate(RECIPE, ([],), {})
    assert (made.size, len(made.keys.counts)) == (0, 0)
