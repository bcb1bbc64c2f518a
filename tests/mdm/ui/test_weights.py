"""Weights of the match rules, in words and as drawn."""

from __future__ import annotations

import pytest

import matching
from mdm.canonical import DOMAINS
from mdm.ui.readers import weights
from mdm.ui.readers.weights import ZERO, Unit


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_weight_is_explained_and_drawn_within_its_space(domain):
    built_in = matching.Policy.default(domain).weights
    rows = [row for _, rows in weights.by_field(DOMAINS[domain], built_in, built_in) for row in rows]
    assert [row.path for row in rows] == list(built_in)
    known = {one for words in (weights.SAID, weights.OF_KINDS, weights.OF_PARTS) for one in words.values()}
    assert {row.said for row in rows} <= known
    for row in rows:
        assert row.new.x >= 0
        assert row.new.x + row.new.width <= 100
        assert not row.changed


def test_one_name_says_what_it_says_in_its_kind_of_comparison():
    built_in = matching.Policy.default("item").weights
    assert weights.meaning("words.agree", built_in).unit is Unit.RARITY
    assert weights.meaning("packs.agree", built_in).unit is Unit.BITS
    assert weights.meaning("within.conflict", {"within.conflict": -6.0}).text == "One is a part of the other"


def test_what_speaks_against_a_pair_is_drawn_to_the_left():
    before = {"words.agree": 0.5, "words.miss": 0.6, "words.extra": 0.1, "words.floor": -5.0}
    ((_, rows),) = weights.by_field(DOMAINS["item"], before, before | {"words.floor": -2.5})
    agree, miss, _, floor = rows
    assert [row.against for row in rows] == [False, True, True, True]
    assert (agree.new.x, miss.new.x + miss.new.width) == (ZERO, ZERO)
    assert floor.changed
    assert floor.old.width == 2 * floor.new.width == ZERO  # of what is in bits, the most
