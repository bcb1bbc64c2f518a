"""A hospital's own words: on top of the shipped ones, and forgotten when others come."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

from matching import standardise
from matching.standardise import codes, dictionaries, items, sizes, text
from matching.standardise.items import describe
from matching.standardise.organisations import organisation
from matching.standardise.places import place
from matching.standardise.text import stated, words


@pytest.fixture(autouse=True)
def _as_shipped() -> Iterator[None]:
    yield
    dictionaries.use({})


def test_own_words_count_in_every_dictionary() -> None:
    before = (describe("ZZQ 16 FG 5/KRT").words, stated("NOT ON CONTRACT"))
    dictionaries.use({
        "abbreviations": {"zzq": "catheter"}, "units": {"fg": "fr*1"}, "packs": {"krt": "CT"},
        "placeholders": {"not on contract": ""}, "organisations": {"hldn": "halden"}, "legal_forms": {"zoo": ""},
        "locations": {"nst": "nursery"}, "variants": {"ribbed": "surface:ribbed"},
    })  # fmt: skip
    found = describe("ZZQ 16 FG ribbed 5/KRT")
    assert (found.words, found.sizes, found.packs) == (["catheter", "ribbed"], ["16fr"], ["CT5"])
    assert found.variants == ["surface:ribbed"]
    assert stated("NOT ON CONTRACT") == ""
    assert organisation("HLDN ZOO")[0].words == ["halden"]
    assert place("NST 3").words == ["nursery"]
    dictionaries.use({})
    assert (describe("ZZQ 16 FG 5/KRT").words, stated("NOT ON CONTRACT")) == before


def test_new_own_words_take_the_place_of_the_old_ones() -> None:
    dictionaries.use({"abbreviations": {"zzq": "quux widget"}})
    assert words("zzq", "abbreviations") == ["quux", "widget"]
    dictionaries.use({"abbreviations": {"zzr": "widget"}})
    assert words("zzq zzr", "abbreviations") == ["zzq", "widget"]
    assert dictionaries.own_words() == {"abbreviations": {"zzr": "widget"}}


def test_nothing_that_reads_a_dictionary_remembers_old_words() -> None:
    """Every cached function of the package forgets, but for those that read no dictionary."""
    pure = {
        text.spell,
        text.skeleton,
        text._in_ascii,
        codes.looks_like_code,
        codes._shape,
        items._trimmed,
        sizes.as_bare,
        dictionaries.shipped,
    }
    modules = [
        import_module(f"{standardise.__name__}.{info.name}") for info in pkgutil.iter_modules(standardise.__path__)
    ]
    cached = {value for module in modules for value in vars(module).values() if hasattr(value, "cache_parameters")}
    assert cached - pure <= set(dictionaries._dependents)
