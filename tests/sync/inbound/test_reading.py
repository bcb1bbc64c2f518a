"""What only the whole file can tell, and the rows as records."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.inbound import reading
from sync.inbound.reading import Batch, FeedFile, Survey
from sync.models import FeedRun
from tests.sync.inbound.kit import MAPPING, csv_bytes, workbook_bytes


def read(path: Path, content: bytes, *, after: int = 0, **options: object) -> tuple[Survey, Batch]:
    """The survey of a file and all its rows as one batch."""
    path.write_bytes(content)
    run = FeedRun(domain="cost_center", **{"mapping": MAPPING, **options})
    file = FeedFile(path, run)
    survey, whole = file.survey(keep_codes=True), Batch()
    for batch in file.batches(survey, after=after):
        whole.rows += batch.rows
        whole.bad += batch.bad
        whole.repeated += batch.repeated
    return survey, whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.csv"


def test_rows_become_records_with_their_raw_cells(path: Path) -> None:
    survey, batch = read(path, csv_bytes())
    assert (survey.rows, survey.codes) == (3, {"100", "200", "300"})
    assert [(row.number, row.code) for row in batch.rows] == [(2, "100"), (3, "200"), (4, "300")]
    assert batch.rows[2].values == {"name": "Linen", "lifecycle": "inactive"}
    assert batch.rows[2].raw == {"Code": "300", "Name": "Linen", "Status": "I"}


def test_a_code_that_comes_twice_is_put_aside_naming_the_first_row(path: Path) -> None:
    rows = [
        ("1", "Surgery", "A", ""),
        ("2", "Linen", "A", ""),
        ("1", "Surgery West", "A", ""),
        (" 1 ", "Else", "A", ""),
    ]
    _survey, batch = read(path, csv_bytes(rows))
    assert [row.code for row in batch.rows] == ["1", "2"]
    assert [(bad.number, bad.column, bad.value) for bad in batch.bad] == [(4, "Code", "1"), (5, "Code", "1")]
    assert all("already in row 2" in bad.reason for bad in batch.bad)


def test_a_row_that_only_repeats_an_earlier_one_is_ignored(path: Path) -> None:
    rows = [("1", "Surgery", "A", ""), ("2", "Linen", "A", ""), ("1", "Surgery", "A", "")]
    _survey, batch = read(path, csv_bytes(rows))
    assert (len(batch.rows), batch.repeated, batch.bad) == (2, 1, [])


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz")), max_size=30))
def test_repeats_and_conflicts_are_those_of_a_plain_dictionary(rows: list[tuple[str, str]]) -> None:
    seen, repeats, conflicts = reading._Seen(), set(), {}
    first: dict[str, tuple[int, str]] = {}
    for number, (code, content) in enumerate(rows, 2):
        seen.add(number, code, (code, content))
        if code not in first:
            first[code] = (number, content)
        elif first[code][1] == content:
            repeats.add(number)
        else:
            conflicts[number] = first[code][0]
    assert seen.twice() == (repeats, conflicts)


def test_every_problem_of_a_row_is_told_by_column(path: Path) -> None:
    _survey, batch = read(path, csv_bytes([("1", "x" * 201, "?!", "tomorrow"), ("", "Linen", "A", "")]))
    assert [(bad.number, bad.column) for bad in batch.bad] == [(2, "Name"), (3, "Code")]
    assert "Name: this has 201 characters" in batch.bad[0].reason
    assert "Status: this is none of the choices" in batch.bad[0].reason
    assert "From: this is no date" in batch.bad[0].reason
    assert "no code" in batch.bad[1].reason


def test_a_day_first_file_shows_it_by_itself(path: Path) -> None:
    survey, batch = read(path, csv_bytes([("1", "A", "A", "03/04/2026"), ("2", "B", "A", "22/11/2026")]))
    assert survey.date_order == "dmy"
    assert batch.rows[0].values["effective_from"] == "2026-04-03"


def test_dates_that_contradict_each_other_leave_ambiguous_ones_to_a_person(path: Path) -> None:
    days = ["22/11/2026", "11/22/2026", "03/04/2026"]
    survey, batch = read(path, csv_bytes([(str(n), "A", "A", day) for n, day in enumerate(days)]))
    assert survey.date_order == "mixed"
    assert [row.values["effective_from"] for row in batch.rows] == ["2026-11-22"] * 2
    assert "date order" in batch.bad[0].reason


def test_the_feeds_date_order_comes_before_what_the_file_shows(path: Path) -> None:
    survey, batch = read(path, csv_bytes([("1", "A", "A", "22/11/2026")]), date_order="mdy")
    assert survey.date_order == "mdy"
    assert len(batch.bad) == 1


def test_a_spreadsheets_serials_and_errors_are_told_apart(path: Path) -> None:
    rows = [("100", "A", "A", 46348), ("200", "B", "A", "46348"), ("300", "#REF!", "A", None)]
    _survey, batch = read(path, workbook_bytes(tuple(MAPPING), *rows))
    assert batch.rows[0].values["effective_from"] == "2026-11-22"
    assert [bad.column for bad in batch.bad] == ["From", "Name"]
    assert "#REF!" in batch.bad[1].reason


def test_raw_cells_hold_nothing_that_a_database_refuses(path: Path) -> None:
    _survey, batch = read(path, b"Code,Name,Status,From\n1,a\0b,A,\n2,M\xc3\xbcller \xc3\xa9,A,\n3,M\xfc,A,\n")
    assert [bad.number for bad in batch.bad] == [2, 4]
    assert [bad.raw["Name"] for bad in batch.bad] == ["a\N{REPLACEMENT CHARACTER}b", "M?"]


def test_rows_whose_code_cannot_be_read_are_counted(path: Path) -> None:
    survey, _batch = read(path, b"Code,Name,Status,From\n1,a,A,\n,b,A,\n3,c\n#REF!,c,A,\n5,e,A,\n")
    assert (survey.rows, survey.without_code, survey.codes) == (5, 3, {"1", "5"})


def test_reading_goes_on_below_a_row_without_the_rows_before_it(path: Path) -> None:
    rows = [("1", "A", "A", ""), ("2", "B", "A", ""), ("1", "C", "A", ""), ("3", "D", "A", "")]
    _survey, batch = read(path, csv_bytes(rows), after=3)
    assert [row.code for row in batch.rows] == ["3"]
    assert "already in row 2" in batch.bad[0].reason
