from __future__ import annotations

import numpy as np

from matching.selection import most_telling


def rows(*pairs: tuple[float, float]) -> np.ndarray:
    """(for, against) of each pair; no prior."""
    return np.array([[0.0, for_, against] for for_, against in pairs])


def free(bits: np.ndarray) -> np.ndarray:
    return np.zeros(len(bits), dtype=np.bool_)


def test_only_pairs_near_the_boundary_are_chosen() -> None:
    far = rows(*[(30.0, -1.0)] * 40, *[(1.0, -30.0)] * 40)
    near = rows(*[(3.0, -1.0)] * 12)
    bits = np.vstack([far, near])
    assert min(most_telling(bits, free(bits), 3, np.random.default_rng(1), boundary=2.0)) >= len(far)
    assert max(most_telling(bits, free(bits), 3, np.random.default_rng(1), boundary=29.0)) < 40


def test_a_batch_holds_every_level_of_disagreement_and_vetoed_pairs() -> None:
    agreeing = rows(*[(0.5, -0.1)] * 20)
    torn = rows(*[(12.0, -12.0)] * 20)
    bits = np.vstack([agreeing, torn, rows(*[(3.0, -3.0)] * 5)])
    vetoed = np.arange(len(bits)) >= 40
    found = most_telling(bits, vetoed, 10, np.random.default_rng(1))
    kinds = ["agreeing" if row < 20 else "torn" if row < 40 else "vetoed" for row in found]
    assert min(kinds.count(kind) for kind in ("agreeing", "torn", "vetoed")) >= 2


def test_the_same_seed_chooses_the_same_pairs_and_none_twice() -> None:
    bits = np.random.default_rng(7).normal(size=(200, 6)) * 5
    first, again = (most_telling(bits, free(bits), 30, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 30


def test_asking_for_more_than_there_are_gives_what_there_is() -> None:
    bits = rows((1.0, -1.0), (2.0, 0.0))
    assert sorted(most_telling(bits, free(bits), 10, np.random.default_rng(1))) == [0, 1]
    assert most_telling(np.empty((0, 3)), np.empty(0, dtype=np.bool_), 5, np.random.default_rng(1)) == []
