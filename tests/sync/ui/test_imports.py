"""Importing by hand: upload, map, try, run, report, mend."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook, load_workbook

from mdm.models import SourceRecord
from sync.inbound import blank, reading, runner, services, tasks
from sync.inbound.mapping import suggest
from sync.models import Feed, FeedRun, QuarantinedRow
from sync.models.feed import FeedDomain
from tests.mdm import kit

HX = {"HX-Request": "true"}
GOOD = b"Code,Cost Center Name,Status,Effective From\n100,Surgery,Active,2026-01-01\n200,Radiology,Active,2026-01-01\n"
BAD = GOOD + b"300,Linen,Active,not a date\n"


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def upload(client, content: bytes = GOOD, name: str = "departments.csv", **data: object):
    kit.code_system("erp", "cost_center")
    file = SimpleUploadedFile(name, content)
    return client.post("/imports/new/", {"file": file, "brings": "erp/cost_center", **data})


def draft(client, content: bytes = GOOD) -> FeedRun:
    answer = upload(client, content)
    assert answer.status_code == 302, text_of(answer)
    return FeedRun.objects.get(pk=int(answer["Location"].strip("/").rpartition("/")[2]))


def form_of(client, run: FeedRun) -> dict[str, str]:
    """The mapping as the page suggests it."""
    page = client.get(f"/imports/{run.pk}/")
    columns = page.context["mapping"].columns
    own = next((column.name for column in columns if column.is_code), "")
    return {"missing": "ignore", "date_order": "", "save_as": "", "code": own} | {c.input: c.path for c in columns}


def started(client, content: bytes = GOOD, **changed: str) -> FeedRun:
    run = draft(client, content)
    client.post(f"/imports/{run.pk}/start/", form_of(client, run) | changed)
    run.refresh_from_db()
    return run


def done(client, content: bytes = GOOD, **changed: str) -> FeedRun:
    run = started(client, content, **changed)
    services.run(run.pk)
    run.refresh_from_db()
    return run


def test_an_upload_leads_to_its_columns_with_paths_suggested(steward):
    run = draft(steward)
    mapping = steward.get(f"/imports/{run.pk}/").context["mapping"]
    paths = {column.name: column.path for column in mapping.columns}
    assert paths["Cost Center Name"] == "name"
    assert paths["Effective From"] == "effective_from"
    assert "Surgery" in text_of(steward.get(f"/imports/{run.pk}/"))
    assert not SourceRecord.objects.exists()


def test_a_dry_run_says_what_would_happen_and_writes_nothing(steward):
    run = draft(steward, BAD)
    answer = steward.post(f"/imports/{run.pk}/check/", form_of(steward, run), headers=HX)
    assert b"<html" not in answer.content
    text = text_of(answer)
    assert "3 rows read" in text
    assert "New 2" in text
    assert "Put aside 1" in text
    assert "1 row: Effective From: this is no date" in text
    assert "row 4" in text
    assert not SourceRecord.objects.exists()
    run.refresh_from_db()
    assert run.state == "draft"


def test_a_mapping_without_the_code_says_which_step_to_take_and_starts_nothing(steward, queued):
    run = draft(steward)
    without = form_of(steward, run) | {"code": ""}
    step = "Choose the column that holds the record’s own code, under Own code."
    checked = text_of(steward.post(f"/imports/{run.pk}/check/", without, headers=HX))
    assert step in checked
    assert "$code" not in checked
    answer = steward.post(f"/imports/{run.pk}/start/", without)
    assert answer.status_code == 422
    assert step in text_of(answer)
    run.refresh_from_db()
    assert run.state == "draft"


def test_columns_that_become_the_same_are_told_by_its_label(steward):
    run = draft(steward)
    twice = form_of(steward, run) | {"column.Status": "name"}
    checked = text_of(steward.post(f"/imports/{run.pk}/check/", twice, headers=HX))
    assert "Several columns become Name. Leave all but one of them out, under Becomes." in checked


def test_a_saved_mapping_of_what_is_no_more_is_told(steward):
    run = draft(steward)
    strange = form_of(steward, run) | {"column.Status": "colour"}
    assert "This mapping names “colour”" in text_of(steward.post(f"/imports/{run.pk}/check/", strange, headers=HX))


@pytest.mark.django_db(transaction=True)
def test_a_started_import_is_queued_and_its_progress_shown(steward, queued):
    run = started(steward)
    assert run.state == "queued"
    assert queued == [run.pk]
    page = steward.get(f"/imports/{run.pk}/")
    assert b"every 2s" in page.content
    assert steward.get(f"/imports/{run.pk}/", headers=HX).status_code == 200


def test_the_report_ends_the_polling_and_gives_the_figures(steward):
    run = done(steward)
    fragment = steward.get(f"/imports/{run.pk}/", headers=HX)
    assert fragment.status_code == 286
    assert "2 rows in" in text_of(fragment)
    assert b"every 2s" not in steward.get(f"/imports/{run.pk}/").content
    assert "departments.csv" in text_of(steward.get("/imports/"))


def test_a_mapping_can_be_saved_for_the_next_file(steward):
    done(steward, save_as="ERP departments")
    feed = Feed.objects.get()
    assert feed.mapping["Cost Center Name"] == ["name"]
    assert feed.mapping["Code"] == ["$code", "code"]
    answer = upload(steward, brings="", feed=feed.pk)
    page = steward.get(answer["Location"])
    assert all(column.saved for column in page.context["mapping"].columns)


def test_rows_put_aside_are_shown_downloaded_and_mended_on_the_page(steward):
    run = done(steward, BAD)
    page = steward.get(f"/imports/{run.pk}/")
    assert "Rows put aside" in text_of(page)
    csv = steward.get(f"/imports/{run.pk}/quarantine.csv")
    assert "attachment" in csv["Content-Disposition"]
    assert "Linen" in csv.content.decode()
    row = QuarantinedRow.objects.get()
    answer = steward.post(f"/imports/{run.pk}/resubmit/", {f"cell.{row.row_number}.{row.column}": "2026-02-01"})
    again = FeedRun.objects.latest("pk")
    assert answer["Location"] == f"/imports/{again.pk}/"
    services.run(again.pk)
    assert SourceRecord.objects.filter(code="300").exists()


def test_a_mended_file_is_sent_again(steward):
    run = done(steward, BAD)
    mended = steward.get(f"/imports/{run.pk}/quarantine.csv").content.replace(b"not a date", b"2026-02-01")
    steward.post(f"/imports/{run.pk}/resubmit/", {"file": SimpleUploadedFile("mended.csv", mended)})
    services.run(FeedRun.objects.latest("pk").pk)
    assert SourceRecord.objects.filter(code="300").exists()


def test_sending_nothing_again_is_refused(steward):
    run = done(steward, BAD)
    assert steward.post(f"/imports/{run.pk}/resubmit/", {}).status_code == 422


def test_a_waiting_import_can_be_cancelled(steward):
    run = started(steward)
    steward.post(f"/imports/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.cancel_requested


@pytest.mark.parametrize(
    ("content", "name"), [(b"%PDF-1.7 not a table", "x.pdf"), (b"\x89PNG\r\n", "x.png"), (b"{}", "x.json")]
)
def test_a_file_of_the_wrong_kind_is_told_by_name(steward, content, name):
    answer = upload(steward, content, name)
    assert "can’t be read" in text_of(steward.get(answer["Location"]))


def test_an_empty_file_is_refused_at_once(steward):
    answer = upload(steward, b"")
    assert answer.status_code == 422
    assert "empty" in text_of(answer)


def test_a_file_without_a_system_is_asked_for_one(steward):
    answer = upload(steward, brings="")
    assert answer.status_code == 422
    assert "Choose a saved feed" in text_of(answer)


def test_cells_with_markup_are_shown_as_text(steward):
    run = draft(steward, b"Code,Name\n1,<script>alert(1)</script>\n")
    page = steward.get(f"/imports/{run.pk}/").content.decode()
    assert "<script>alert" not in page


# ------------------------------------------------------------------------------- the wizard's finer points


def test_the_mapping_shows_what_the_first_values_become(steward):
    page = steward.get(f"/imports/{draft(steward, BAD).pk}/")
    columns = {column.name: column for column in page.context["mapping"].columns}
    assert columns["Status"].cleaned == ("Active",)
    assert columns["Effective From"].refused
    assert "not a date" in text_of(page)


def test_a_column_that_goes_elsewhere_is_cleaned_anew(steward):
    run = draft(steward)
    form = form_of(steward, run) | {"column.Status": "department"}
    fragment = steward.post(f"/imports/{run.pk}/check/", form, headers=HX).content.decode()
    assert 'id="cleaned-2" hx-swap-oob="true"' in fragment


def test_a_dry_run_foretells_what_the_matching_would_do(steward):
    kit.feed("scm", {"9": {"name": "Surgery", "code": "100"}}, "cost_center")
    run = draft(steward)
    text = text_of(steward.post(f"/imports/{run.pk}/check/", form_of(steward, run)))
    assert re.search(r"\d would join a golden record", text)
    assert "1 would become new golden records" in text or "2 would become new golden records" in text
    assert SourceRecord.objects.count() == 1


def test_a_sheet_of_a_workbook_is_chosen_and_kept(steward):
    book = Workbook()
    book.worksheets[0].append(["Nothing", "here"])
    sheet = book.create_sheet("Departments")
    for row in (("Code", "Cost Center Name"), ("100", "Surgery")):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    answer = upload(steward, out.getvalue(), "book.xlsx")
    run = FeedRun.objects.get(pk=int(answer["Location"].strip("/").rpartition("/")[2]))
    page = steward.get(f"/imports/{run.pk}/?sheet=Departments")
    assert [column.name for column in page.context["mapping"].columns] == ["Code", "Cost Center Name"]
    form = {"missing": "ignore", "code": "Code", "column.Cost Center Name": "name", "sheet": "Departments"}
    steward.post(f"/imports/{run.pk}/start/", form)
    services.run(run.pk)
    assert SourceRecord.objects.get().values["name"] == "Surgery"
    assert "no sheet" in text_of(steward.get(f"/imports/{draft(steward, out.getvalue()).pk}/?sheet=Nope"))


def test_an_earlier_mapping_is_put_to_use(steward):
    done(steward, save_as="Weekly list")
    again = draft(steward, GOOD.replace(b"Surgery", b"Theatre"))
    assert "Weekly list" in text_of(steward.get(f"/imports/{again.pk}/"))
    page = steward.get(f"/imports/{again.pk}/?feed=weekly-list")
    assert page.context["mapping"].columns[0].saved


def test_a_paused_import_waits_and_goes_on_from_where_it_stopped(steward, queued):
    run = started(steward)
    steward.post(f"/imports/{run.pk}/pause/")
    assert services.run(run.pk).state == FeedRun.State.QUEUED
    assert "Paused" in text_of(steward.get(f"/imports/{run.pk}/"))
    tasks.sweep_feeds()
    assert run.pk not in queued
    steward.post(f"/imports/{run.pk}/pause/")
    assert services.run(run.pk).state == FeedRun.State.DONE


def test_a_pause_is_heard_between_two_batches(steward, monkeypatch):
    run = started(steward, BAD)
    monkeypatch.setattr(reading, "BATCH", 1)
    real, landed = runner._Worker._note, []

    def note(worker, batch, counts, survey):
        landed.append(batch.last)
        FeedRun.objects.filter(pk=run.pk).update(paused=True)
        return real(worker, batch, counts, survey)

    monkeypatch.setattr(runner._Worker, "_note", note)
    stopped = services.run(run.pk)
    assert (landed, stopped.landed_row, stopped.is_active, stopped.lease_until) == ([2], 2, True, None)
    FeedRun.objects.filter(pk=run.pk).update(paused=False)
    monkeypatch.setattr(runner._Worker, "_note", real)
    assert services.run(run.pk).new == 2


def test_a_paused_import_can_be_cancelled(steward, django_capture_on_commit_callbacks):
    run = started(steward)
    steward.post(f"/imports/{run.pk}/pause/")
    with django_capture_on_commit_callbacks(execute=True):
        steward.post(f"/imports/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.state == FeedRun.State.CANCELLED
    assert steward.post(f"/imports/{run.pk}/pause/").status_code == 422


def test_rows_put_aside_can_be_given_up(steward):
    run = done(steward, BAD)
    row = QuarantinedRow.objects.get()
    steward.post(f"/imports/{run.pk}/discard/", {"row": [row.row_number, "x"], "reason": "Closed long ago"})
    row.refresh_from_db()
    assert row.state == QuarantinedRow.State.DISCARDED
    assert "Rows put aside" not in text_of(steward.get(f"/imports/{run.pk}/"))


@pytest.mark.parametrize("domain", FeedDomain.values)
def test_a_filled_in_template_needs_no_mapping(steward, domain):
    answer = steward.get(f"/imports/templates/{domain}.csv")
    headings = next(csv.reader([answer.content.decode().removeprefix("\ufeff")]))
    assert [s.path for s in suggest(domain, headings)] == [path for _, path in blank.columns(domain)]
    book = load_workbook(io.BytesIO(steward.get(f"/imports/templates/{domain}.xlsx").content))
    assert [cell.value for cell in book.worksheets[0][1]] == headings
    assert book.worksheets[1].max_row == len(headings) + 1


def test_there_is_no_template_of_what_is_no_domain(steward, viewer):
    assert steward.get("/imports/templates/nope.csv").status_code == 404
    assert viewer.get("/imports/templates/item.csv").status_code == 403


def test_a_mended_row_with_empty_cells_is_taken(steward):
    """The file sent again has every mapped column, though the row fills but two."""
    run = done(steward, b"Code,Cost Center Name,Status,Effective From\n100,Surgery,Active,2026-01-01\n300,,,never\n")
    steward.post(f"/imports/{run.pk}/resubmit/", {"cell.3.Effective From": "2026-01-01"})
    again = services.run(FeedRun.objects.latest("pk").pk)
    assert (again.state, again.new) == (FeedRun.State.DONE, 1)
