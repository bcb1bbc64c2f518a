"""The engine as the rest of Concord sees it: keys as numbers."""

from __future__ import annotations

import pytest

from mdm.engine import engine_for
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def test_a_record_has_the_same_keys_alone_and_among_others() -> None:
    engine = engine_for("item")
    records = [engine.standardise(values) for values in (kit.CATHETER, {}, kit.STAPLER, kit.CATHETER)]
    keys, places = engine.keys_of(records)
    assert sorted(keys.tolist()) == keys.tolist()
    for place, record in enumerate(records):
        assert keys[places == place].tolist() == engine.keys(record)
    assert engine.keys(records[1]) == []
    assert len(set(engine.keys(records[0]))) == len(engine.recipe.keys(records[0]))


def test_the_same_text_is_another_key_in_another_domain() -> None:
    said = {"name": "Halden Medical", "phone": "207 555 0143"}
    one, other = engine_for("supplier"), engine_for("location")
    assert set(one.recipe.keys(one.standardise(said))) & set(other.recipe.keys(other.standardise(said)))
    assert not set(one.keys(one.standardise(said))) & set(other.keys(other.standardise(said)))
