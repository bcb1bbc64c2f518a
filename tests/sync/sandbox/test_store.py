"""What a counterpart keeps, and what it refuses to do twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync.sandbox.store import Change, Store

CHANGE = Change("key-1", "item", "MDM-IT-000001", version=2, generation=0, fields={"name": "Gauze"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite3", {"item": ("I", 100), "supplier": ("S", 1)})
    yield opened
    opened.close()


def times(store: Store) -> list[int]:
    return [effect["times"] for effect in store.effects()]


def test_a_new_record_gets_an_own_code(store: Store) -> None:
    first = store.apply(CHANGE)
    second = store.apply(replace(CHANGE, key="key-2", id="MDM-IT-000002"))

    assert (first.result, first.code) == ("created", "I100")
    assert second.code == "I101"


def test_a_code_that_the_sender_knows_is_kept(store: Store) -> None:
    assert store.apply(replace(CHANGE, codes=("4711", "4712"))).code == "4711"
    assert store.aliases("item") == {"4711": CHANGE.id, "4712": CHANGE.id}


def test_the_same_key_is_answered_as_before_without_an_effect(store: Store) -> None:
    first = store.apply(CHANGE)
    again = store.apply(replace(CHANGE, fields={"name": "changed"}))

    assert (again.result, again.code) == ("duplicate", first.code)
    assert store.page("item")[0]["fields"] == {"name": "Gauze"}
    assert times(store) == [1]


@pytest.mark.parametrize("older", [(1, 0), (1, 9), (2, 0)])
def test_what_is_not_newer_is_ignored(store: Store, older: tuple[int, int]) -> None:
    store.apply(CHANGE)
    done = store.apply(replace(CHANGE, key="key-2", version=older[0], generation=older[1], fields={"name": "old"}))

    assert done.result == "ignored"
    assert store.page("item")[0]["fields"] == {"name": "Gauze"}
    assert times(store) == [1]


@pytest.mark.parametrize("newer", [(3, 0), (2, 1)])
def test_what_is_newer_is_applied(store: Store, newer: tuple[int, int]) -> None:
    store.apply(CHANGE)
    done = store.apply(replace(CHANGE, key="key-2", version=newer[0], generation=newer[1], fields={"name": "new"}))

    assert done.result == "updated"
    assert times(store) == [1, 1]


def test_the_counter_counts_when_the_guards_are_off(store: Store) -> None:
    for _ in range(3):
        store.apply(CHANGE, forgetful=True)

    assert times(store) == [3]
    assert store.counts()["item"]["repeated"] == 2


def test_what_is_done_together_is_undone_together(store: Store) -> None:
    def fail_half_way() -> None:
        with store.together():
            store.apply(CHANGE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert store.page("item") == []
    assert store.apply(CHANGE).result == "created"


def test_pages_follow_each_other(store: Store) -> None:
    for n in range(5):
        store.apply(replace(CHANGE, key=f"key-{n}", id=f"MDM-IT-{n}"))

    first = store.page("item", limit=3)
    second = store.page("item", after=first[-1]["id"], limit=3)

    assert [r["id"] for r in first + second] == [f"MDM-IT-{n}" for n in range(5)]


def test_a_reset_forgets_everything(store: Store) -> None:
    store.apply(CHANGE)
    store.reset()

    assert (store.page("item"), store.effects(), store.counts()) == ([], [], {})
    assert store.apply(CHANGE).code == "I100"
