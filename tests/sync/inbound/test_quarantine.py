"""Rows put aside go out as CSV, are mended by a person, and come in again."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.exceptions import ValidationError

from mdm.exceptions import Forbidden, Refused
from sync.inbound import services
from sync.models import FeedRun, QuarantinedRow
from tests.mdm import kit as masters
from tests.sync.inbound.kit import ROWS, Sender, csv_bytes

BAD = [("400", "Dietary", "A", "soon"), ("", "Nobody", "A", ""), ("500", "=-O2 Unit", "purple", "")]


@pytest.fixture
def run(erp: Sender) -> FeedRun:
    return erp.send(csv_bytes([*ROWS, *BAD]))


def download(run: FeedRun) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(services.quarantine_csv(run).removeprefix("\ufeff"))))


def upload(rows: list[dict[str, str]], encoding: str = "utf-8-sig") -> io.BytesIO:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(out.getvalue().encode(encoding))


def states(run: FeedRun) -> list[str]:
    return list(run.quarantine.values_list("state", flat=True))


def test_the_download_has_row_column_reason_and_the_row_itself(run: FeedRun) -> None:
    rows = download(run)
    assert [row["Row in the file"] for row in rows] == ["5", "6", "7"]
    assert [row["Column at fault"] for row in rows] == ["From", "Code", "Status"]
    assert "2026-11-22" in rows[0]["What to mend"]
    assert rows[0]["Name"] == "Dietary"


def test_no_cell_of_the_download_is_run_by_a_spreadsheet(run: FeedRun) -> None:
    assert download(run)[2]["Name"] == "'=-O2 Unit"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_mended_rows_are_taken_and_the_others_stay(erp: Sender, run: FeedRun, encoding: str) -> None:
    rows = download(run)
    rows[0]["From"], rows[0]["Name"] = "2026-11-22", "Diététique"
    rows[2]["Status"] = "A"
    again = services.resubmit(run=run, actor=erp.actor, file=upload([rows[0], rows[2]], encoding))
    again = services.run(again.pk)
    assert (again.state, again.new, again.quarantined, again.resubmits) == ("done", 2, 0, run)
    assert states(run) == ["resubmitted", "open", "resubmitted"]
    assert erp.codes() == {"100", "200", "300", "400", "500"}
    names = {r.code: r.values["name"] for r in erp.code_system.records.all()}
    assert (names["400"], names["500"]) == ("Diététique", "=-O2 Unit")


def test_what_is_still_wrong_is_put_aside_again(erp: Sender, run: FeedRun) -> None:
    rows = download(run)
    rows[0]["From"] = "later"
    again = services.run(services.resubmit(run=run, actor=erp.actor, file=upload(rows[:1])).pk)
    assert (again.state, again.new, again.quarantined) == ("done", 0, 1)
    assert "no date" in again.quarantine.get().reason


def test_single_cells_are_mended_without_a_file(erp: Sender, run: FeedRun) -> None:
    again = services.resubmit(run=run, actor=erp.actor, rows={5: {"From": "11/22/2026"}, 6: {"Code": "600"}})
    again = services.run(again.pk)
    assert (again.new, again.quarantined) == (2, 0)
    assert {"400", "600"} <= erp.codes()


def test_mending_a_feed_that_retires_retires_nothing(erp: Sender) -> None:
    run = erp.send(csv_bytes([*ROWS, *BAD]), missing="retire")
    again = services.run(services.resubmit(run=run, actor=erp.actor, rows={5: {"From": ""}}).pk)
    assert (again.new, again.retired) == (1, 0)


def test_a_row_is_resubmitted_once(erp: Sender, run: FeedRun) -> None:
    services.resubmit(run=run, actor=erp.actor, rows={5: {"From": ""}})
    with pytest.raises(Refused, match="None of these rows"):
        services.resubmit(run=run, actor=erp.actor, rows={5: {"From": ""}})


def test_rows_can_be_given_up_with_a_reason(erp: Sender, run: FeedRun) -> None:
    assert services.discard(run=run, rows=[6], actor=erp.actor, reason="No such department") == 1
    assert states(run) == ["open", "discarded", "open"]
    assert [row["Row in the file"] for row in download(run)] == ["5", "7"]


def test_mending_needs_the_permission_to_import(run: FeedRun) -> None:
    viewer = masters.person("viewer", "viewer")
    with pytest.raises(Forbidden):
        services.resubmit(run=run, actor=viewer, rows={5: {}})
    with pytest.raises(Forbidden):
        services.discard(run=run, rows=[5], actor=viewer, reason="x")


def test_a_row_is_put_aside_once_per_run(run: FeedRun) -> None:
    with pytest.raises(ValidationError, match="already exists"):
        QuarantinedRow(run=run, row_number=5, reason="x", raw={"a": "b"}).validate_constraints()
