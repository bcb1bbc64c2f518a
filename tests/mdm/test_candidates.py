"""Finding candidates: who shares a key, the rare keys first, and what is never looked at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mdm import candidates
from mdm.models import CodeSystem, MatchKey, SourceRecord
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def keyed(**keys: list[int]) -> dict[str, int]:
    """Source records by name with exactly these keys."""
    kit.land("erp", {name: {"description": name} for name in keys})
    found = {name: kit.source("erp", name).pk for name in keys}
    MatchKey.objects.all().delete()
    MatchKey.objects.bulk_create(MatchKey(key=key, source_id=found[n]) for n, own in keys.items() for key in own)
    return found


def find(ids: dict[str, int], **asked: list[int]) -> set[tuple[str, str]]:
    names = {pk: name for name, pk in ids.items()}
    left, right = candidates.find({ids[name]: keys for name, keys in asked.items()})[:2]
    return {(names[a], names[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)}


def test_records_that_share_a_key_find_each_other_and_not_themselves() -> None:
    ids = keyed(a=[1, 2], b=[2], c=[3])
    assert find(ids, a=[1, 2]) == {("a", "b")}
    assert find(ids, c=[3]) == set()


def test_a_pair_that_shares_many_keys_is_one_pair() -> None:
    ids = keyed(a=[1, 2, 3], b=[1, 2, 3])
    left, right = candidates.find({ids["a"]: [1, 2, 3]})[:2]
    assert (left.tolist(), right.tolist()) == ([ids["a"]], [ids["b"]])


def test_a_batch_finds_pairs_within_itself_and_with_what_is_there() -> None:
    ids = keyed(a=[1], b=[1], c=[1])
    assert find(ids, a=[1], b=[1]) == {("a", "b"), ("a", "c"), ("b", "a"), ("b", "c")}


def test_nothing_to_look_for_finds_nothing() -> None:
    left, right = candidates.find({})[:2]
    assert (len(left), len(right)) == (0, 0)
    assert left.dtype == right.dtype == np.int64


def test_members_are_those_that_still_speak() -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    golden = kit.golden("erp", "E1")
    SourceRecord.objects.filter(code="S1").update(state="retired")
    members = candidates.members([golden.pk])
    assert [row.source for row in members.values()] == [kit.source("erp", "E1").pk]
    assert {row.code_system for row in members.values()} == {CodeSystem.objects.get(slug="erp-item").pk}


def test_a_changed_record_is_read_anew_and_an_unchanged_one_is_not(
    django_assert_num_queries: Callable[[int], object],
) -> None:
    kit.feed("erp", {"E1": kit.CATHETER})
    pk = kit.source("erp", "E1").pk
    cache = candidates.StandardisedCache()
    first = cache.load([candidates.rows([pk])[pk]])
    row = candidates.rows([pk])[pk]
    with django_assert_num_queries(0):
        assert cache.load([row]) == first
    kit.feed("erp", {"E1": kit.STAPLER})
    assert cache.load([candidates.rows([pk])[pk]]) != first


def test_the_cache_keeps_no_more_than_it_may() -> None:
    kit.land("erp", {f"E{n}": kit.STAPLER | {"description": f"Thing {n}"} for n in range(5)})
    ids = list(SourceRecord.objects.values_list("pk", flat=True))
    cache = candidates.StandardisedCache(size=2)
    rows = candidates.rows(ids)
    assert len(cache.load([rows[pk] for pk in ids])) == 5
    assert len(cache._kept) == 2


def test_two_keys_that_are_too_common_alone_count_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "KEY_CAP", 2)
    ids = keyed(a=[1, 2, 3], b=[1, 2], c=[1], d=[1], e=[2], f=[2], g=[3])
    common = dict(zip(*(side.tolist() for side in candidates.common_keys()), strict=True))
    assert common == {1: 4, 2: 4}
    names = {pk: name for name, pk in ids.items()}
    left, right = candidates.find({ids["a"]: [1, 2, 3]}, common)
    assert {(names[a], names[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)} == {
        ("a", "b"),
        ("a", "g"),
    }


def test_common_keys_are_paired_only_as_far_as_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PROBES", 500)
    pairs = list(candidates._refined([4, 3, 2, 1], {1: 300, 2: 250, 3: 900, 4: 900}))
    assert pairs == [(2, 1), (2, 3)]
