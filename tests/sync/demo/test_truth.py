from __future__ import annotations

from pathlib import Path

import pytest

from sync.demo.truth import Truth, write_truth


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    write_truth(tmp_path, "item", [("erp", "1", "I1"), ("scm", "a", "I1"), ("erp", "2", "I1"), ("ehr", "x", "I2")])
    return Truth.load(tmp_path)


def test_codes_of_one_thing_are_the_same(truth: Truth) -> None:
    assert truth.same("item", ("erp", "1"), ("scm", "a"))
    assert not truth.same("item", ("erp", "1"), ("ehr", "x"))


def test_a_code_nobody_gave_out_is_the_same_as_nothing(truth: Truth) -> None:
    assert not truth.same("item", ("erp", "99"), ("erp", "99"))


def test_pairs_hold_duplicates_within_a_system_too_and_each_pair_once(truth: Truth) -> None:
    assert truth.pairs("item") == {
        (("erp", "1"), ("erp", "2")),
        (("erp", "1"), ("scm", "a")),
        (("erp", "2"), ("scm", "a")),
    }


def test_later_days_add_to_the_truth(truth: Truth, tmp_path: Path) -> None:
    write_truth(tmp_path / "day1", "item", [("ehr", "y", "I1")])
    assert Truth.load(tmp_path).same("item", ("ehr", "y"), ("erp", "1"))


def test_a_directory_without_truth_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="generate_demo"):
        Truth.load(tmp_path / "nowhere")
