"""Splink on DuckDB: Fellegi-Sunter with EM, no labels, a match at even odds.

Items are compared by words, numbers, codes, maker and GTIN; parties by name, address, phone and what else names them.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import EMTrainingException

from .task import Pairs, Task, Watch, in_order, main, report

EVEN_ODDS = 0.0  # match weight
SAMPLED = 1e6  # pairs to learn from how often things agree by chance; three and ten times as many change nothing
RAREST = 4  # words of a record that it is found by
NAMES = ("left_table", "right_table")  # Splink puts the one that sorts first on the left of a pair
NUMBER = re.compile(r"\d+(?:\.\d+)?")
EXACT = ("gtin", "ein", "website")  # agree or don't
ALIKE = ("brand", "city", "parent_name", "legal_entity", "department", "given_name")


@dataclass
class Model:
    columns: list[str] = field(default_factory=lambda: ["unique_id"])
    comparisons: list[Any] = field(default_factory=list)
    blocking: list[Any] = field(default_factory=list)
    training: list[Any] = field(default_factory=list)
    certain: list[str] = field(default_factory=list)

    def compare(self, name: str, comparison: Any, *, frequencies: bool = False) -> None:
        self.comparisons.append(comparison.configure(term_frequency_adjustments=True) if frequencies else comparison)
        self.columns.append(name)

    def block(self, name: str) -> None:
        """Candidates and lessons from agreement on a column."""
        self.blocking.append(block_on(name))
        self.training.append(block_on(name))


def overlap(column: str, levels: Iterable[float]) -> cl.CustomComparison:
    """How much of the shorter list of words stands in the longer."""
    share = f"len(list_intersect({column}_l, {column}_r)) / least(len({column}_l), len({column}_r))"
    steps = [cll.CustomLevel(f"{share} >= {least}", label_for_charts=f"{least:.0%} shared") for least in levels]
    return cl.CustomComparison([cll.NullLevel(column), *steps, cll.ElseLevel()], output_column_name=column)


def name_or_trade_name() -> cl.CustomComparison:
    """The name of one is the other's name, or its trade name, nearly or loosely."""

    def alike(least: float) -> Any:
        pairs = (("name_l", "name_r"), ("name_l", "dba_names_r"), ("dba_names_l", "name_r"))
        sql = " or ".join(f"jaro_winkler_similarity({a}, {b}) >= {least}" for a, b in pairs)
        return cll.CustomLevel(sql, label_for_charts=f"alike {least}")

    levels = [cll.NullLevel("name"), *(alike(least) for least in (0.97, 0.9, 0.8)), cll.ElseLevel()]
    return cl.CustomComparison(levels, output_column_name="name")


def filled(tables: list[pd.DataFrame], name: str, least: float = 0.02) -> bool:
    return all(name in table and (table[name] != "").mean() > least for table in tables)


def items(tables: list[pd.DataFrame]) -> Model:
    model = Model(certain=["l.name = r.name"])
    model.compare("words", overlap("words", (0.99, 0.8, 0.65, 0.5, 0.35)))
    model.compare("numbers", overlap("numbers", (0.99, 0.6, 0.3)))
    model.columns.append("name")
    if filled(tables, "code"):
        model.compare("code", cl.JaroWinklerAtThresholds("code", [0.96, 0.9]))
        model.block("code")
    if "codes" in tables[0]:
        model.compare("codes", cl.ArrayIntersectAtSizes("codes", [2, 1]))
    return model


def parties(tables: list[pd.DataFrame]) -> Model:
    model = Model(
        certain=["l.name = r.name and l.address = r.address" if filled(tables, "address") else "l.name = r.name"]
    )
    if filled(tables, "dba_names", 0) or "dba_names" in tables[0]:
        model.compare("name", name_or_trade_name())
        model.columns.append("dba_names")
    else:
        model.compare("name", cl.JaroWinklerAtThresholds("name", [0.95, 0.88, 0.75]), frequencies=True)
    model.training.append(block_on("substr(name, 1, 5)"))
    if filled(tables, "address"):
        model.compare("address", cl.JaroWinklerAtThresholds("address", [0.95, 0.88, 0.75]))
        model.block("address")
        model.blocking.append(block_on("substr(address, 1, 8)"))
    if filled(tables, "postcode"):
        model.compare("postcode", cl.LevenshteinAtThresholds("postcode", [1, 2]))
    if filled(tables, "parent_name"):  # parts of a site: names are phrases, and floors and rooms tell them apart
        model.compare("numbers", overlap("numbers", (0.99, 0.3)))
        model.compare("words", overlap("words", (0.99, 0.5, 0.3)))
    places = [name for name in ("postcode", "city", "parent_name", "legal_entity") if filled(tables, name)]
    model.blocking += [block_on(name, "substr(name, 1, 2)") for name in places]
    if filled(tables, "code"):
        model.compare("code", cl.JaroWinklerAtThresholds("code", [0.95, 0.85]))
        model.block("code")
        model.compare("codes", cl.ArrayIntersectAtSizes("codes", [2, 1]))
    return model


def modelled(kind: str, tables: list[pd.DataFrame]) -> Model:
    """The model of a kind of record, with what both kinds share."""
    model = items(tables) if kind == "item" else parties(tables)
    model.blocking.append(block_on("rare", arrays_to_explode=["rare"]))
    model.columns.append("rare")
    for name in ALIKE:
        if filled(tables, name):
            model.compare(name, cl.JaroWinklerAtThresholds(name, [0.92, 0.8]), frequencies=True)
    for name in (name for name in EXACT if filled(tables, name)):
        model.compare(name, cl.ExactMatch(name))
        model.block(name)
    if filled(tables, "phone"):
        model.compare("phone", cl.LevenshteinAtThresholds("phone", [1, 2]))
        model.block("phone")
    return model


def prepared(tables: list[pd.DataFrame], kind: str) -> list[pd.DataFrame]:
    """Splink's input: blanks as null, lists of words and numbers, and the rare words that records are found by."""
    texts = [table["name"] + (" " + table["size"] if "size" in table else "") for table in tables]
    words = [text.map(lambda value: sorted(set(value.split()))) for text in texts]
    coded = [table["codes"] if "codes" in table else [[]] * len(table) for table in tables]
    counts = Counter(word for column in (*words, *coded) for row in column for word in row)
    most = max(20, min(50, len(tables[0]) // 100))

    def rare(row: list[str], codes: list[str]) -> list[str] | None:
        rarest = sorted(row, key=counts.__getitem__)[:RAREST]
        return sorted({word for word in (*rarest, *codes) if counts[word] <= most}) or None

    result = []
    for table, column, codes, text in zip(tables, words, coded, texts, strict=True):
        blank = table.map(lambda value: value if len(value) else None)
        numbers = text.map(lambda value: sorted(set(NUMBER.findall(value))) or None)
        found_by = [rare(*row) for row in zip(column, codes, strict=True)]
        extra = {"words": column.map(lambda row: row or None), "numbers": numbers, "rare": found_by}
        result.append(blank.assign(unique_id=range(len(table)), **extra))
    return result


def train(linker: Linker, model: Model) -> None:
    linker.training.estimate_probability_two_random_records_match(model.certain, recall=0.5)
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED, seed=1)
    for rule in model.training:
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        except (EMTrainingException, ValueError) as error:
            logging.getLogger(__name__).error("one rule taught nothing: %s", str(error).splitlines()[0][:100])


def solve(task: Task, watch: Watch) -> None:
    logging.disable(logging.WARNING)
    database = DuckDBAPI()
    with watch.stage("train"):
        tables = prepared(task.tables, task.kind)
        model = modelled(task.kind, task.tables)
        names = [
            database.register(t[model.columns], dataset_display_name=n) for t, n in zip(tables, NAMES, strict=False)
        ]
        settings = SettingsCreator(
            link_type="link_only" if task.is_link else "dedupe_only",
            comparisons=model.comparisons,
            blocking_rules_to_generate_predictions=model.blocking,
            retain_matching_columns=False,
        )
        linker = Linker(names if task.is_link else names[0], settings, log_level=logging.ERROR)
        train(linker, model)
    with watch.stage("predict"):
        found = linker.inference.predict().as_pandas_dataframe()
        pairs = Pairs(*(found[name].to_numpy() for name in ("unique_id_l", "unique_id_r", "match_weight")))
        if not task.is_link:
            pairs = in_order(pairs)
    report("splink", task, watch, pairs, EVEN_ODDS)


if __name__ == "__main__":
    main(solve)
