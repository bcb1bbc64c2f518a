"""Lists: facets, columns, saved views, exports, one change to several records, hierarchies."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from mdm import filters, jobs, tasks
from mdm.exceptions import Refused
from mdm.models import AuditEntry, ChangeRequest, Export, GoldenRecord, Override
from mdm.services import bulk_change, export
from mdm.ui.readers import records, trees
from tests.mdm import kit
from tests.mdm.ui.conftest import browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def items() -> list[GoldenRecord]:
    """A catheter with latex, a stapler that says nothing of it, both known to one system each."""
    kit.feed("erp", {"E1": kit.CATHETER | {"latex": "contains", "sterile": True, "category": "Urology"}})
    kit.feed("scm", {"S1": kit.STAPLER})
    return [kit.golden("erp", "E1"), kit.golden("scm", "S1")]


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def names(answer) -> set[str]:
    return set(re.findall(r'href="/items/(MDM-IT-\d+)/"', answer.content.decode()))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("f.latex=contains", "E1"),
        ("f.latex=-", "S1"),
        ("f.sterile=yes", "E1"),
        ("f.sterile=-", "S1"),
        ("system=scm", "S1"),
        ("q=catheter&f.latex=contains", "E1"),
        ("f.latex=nonsense", "both"),
        ("system=nonsense&f.description=x", "both"),
        ("issues=1", ""),
        ("status=retired", ""),
    ],
)
def test_facets_narrow_a_list(viewer, items, query, found):
    wanted = {"E1": {items[0].public_id}, "S1": {items[1].public_id}, "": set()}
    expected = wanted.get(found, {one.public_id for one in items})
    assert names(viewer.get(f"/items/?{query}")) == expected


def test_a_short_list_says_how_many_each_choice_has(viewer, items):
    page = text_of(viewer.get("/items/"))
    assert "Contains latex (1)" in page
    assert "Latex-free" not in page.split("Latex")[1][:80]


def test_a_filter_reads_back_its_own_address(items):
    wanted = filters.parse("item", {"q": "a&b", "f.latex": "free", "status": "draft", "system": "erp", "issues": "1"})
    assert filters.parse("item", wanted.parameters) == wanted


def test_a_filtered_page_is_served_by_indexes_or_by_the_lists_own_order(items):
    wanted = filters.parse("item", {"f.latex": "contains"})
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = wanted.rows().order_by("name", "pk")[:51].explain()
    assert "Seq Scan" not in plan


def test_a_page_far_down_begins_where_the_last_one_ended(items):
    matching = filters.parse("item", {}).rows()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # as a list that is too long to be sorted is read
    plan = records._slice(matching, items[0].public_id, "")[:51].explain()
    assert re.search(r"Index Cond: .*name\)::text >= ", plan), plan


def test_columns_are_chosen_and_kept_for_the_user(viewer, items):
    viewer.post("/items/columns/", {"column": ["category", "latex", "nonsense"], "q": "catheter"})
    page = viewer.get("/items/")
    assert [spec.name for spec in page.context["columns"]] == ["latex", "category"]
    assert "Urology" in text_of(page)
    viewer.post("/items/columns/", {})
    assert [spec.name for spec in viewer.get("/items/").context["columns"]] == list(records.COLUMNS["item"])


def test_a_view_is_kept_under_a_name_and_forgotten(viewer, items):
    answer = viewer.post("/items/views/", {"name": " Latex <b> ", "f.latex": "contains", "status": "live"})
    assert "f.latex=contains" in answer["Location"]
    page = viewer.get("/items/").content.decode()
    assert "Latex &lt;b&gt;" in page
    assert viewer.post("/items/views/", {"name": " "}).status_code == 422
    viewer.post("/items/views/", {"forget": "Latex <b>"})
    assert not viewer.get("/items/").context["views"]


# ------------------------------------------------------------------------------------------------------------- exports


def ask(client, django_capture_on_commit_callbacks, monkeypatch, **form):
    asked: list[int] = []
    monkeypatch.setattr(jobs, "wake", lambda task, pk: asked.append(pk))
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/items/export/", {"format": "csv", **form}).status_code == 302
    for pk in asked:
        tasks.write_export(pk)
    return Export.objects.latest("pk")


def test_an_export_holds_what_the_filter_finds(viewer, items, django_capture_on_commit_callbacks, monkeypatch):
    found = ask(viewer, django_capture_on_commit_callbacks, monkeypatch, **{"f.latex": "contains"}, columns="all")
    assert (found.state, found.rows) == (Export.State.DONE, 1)
    lines = b"".join(viewer.get(f"/exports/{found.pk}/").streaming_content).decode().splitlines()
    assert lines[0].startswith("\ufeffId,Name,Status,Version,Changed,Description")
    assert items[0].public_id in lines[1]
    assert "contains,,yes" in lines[1]


def test_an_export_to_excel_holds_typed_cells_and_no_formula(
    viewer, django_capture_on_commit_callbacks, monkeypatch, tmp_path
):
    kit.feed("erp", {"E1": kit.CATHETER | {"brand": "=1+1"}})
    found = ask(viewer, django_capture_on_commit_callbacks, monkeypatch, format="xlsx", columns="all")
    sheet = load_workbook(tmp_path / found.path).worksheets[0]
    cells = [cell.value for cell in sheet[2]]
    assert (sheet.max_row, cells[3]) == (2, kit.golden("erp", "E1").version)
    assert "'=1+1" in cells


def test_a_sheet_too_long_for_excel_says_so(viewer, items, django_capture_on_commit_callbacks, monkeypatch):
    monkeypatch.setattr(export, "EXCEL_ROWS", 1)
    found = ask(viewer, django_capture_on_commit_callbacks, monkeypatch, format="xlsx")
    assert found.state == Export.State.FAILED
    assert "as CSV" in text_of(viewer.get("/exports/"))


def test_an_export_that_breaks_off_has_failed_and_is_not_written_again(
    viewer, items, django_capture_on_commit_callbacks, monkeypatch, tmp_path
):
    def torn(table):
        yield ",".join(next(iter(table)))
        raise OSError("no space left")

    monkeypatch.setattr(export, "csv_lines", torn)
    with pytest.raises(OSError, match="no space"):
        ask(viewer, django_capture_on_commit_callbacks, monkeypatch)
    found = Export.objects.get()
    assert (found.state, found.path) == (Export.State.FAILED, "")
    assert not list((tmp_path / "exports").iterdir()), "what was written of it is gone"
    assert "OSError: ask for it again" in text_of(viewer.get("/exports/"))
    assert export.idle() == []
    assert kit.fresh(found).state == Export.State.FAILED


def test_exports_are_their_owners_alone(viewer, items, django_capture_on_commit_callbacks, monkeypatch):
    found = ask(viewer, django_capture_on_commit_callbacks, monkeypatch)
    other = browser("steward")
    assert other.get(f"/exports/{found.pk}/").status_code == 404
    assert "No exports yet" in text_of(other.get("/exports/"))
    assert viewer.post("/items/export/", {"format": "pdf"}).status_code == 422


def test_somebody_who_asks_for_too_many_exports_waits(viewer, items):
    for _ in range(export.MOST_WAITING):
        viewer.post("/items/export/", {"format": "csv"})
    assert viewer.post("/items/export/", {"format": "csv"}).status_code == 422


def test_old_files_go_and_dead_writers_are_replaced(
    viewer, items, django_capture_on_commit_callbacks, monkeypatch, tmp_path
):
    found = ask(viewer, django_capture_on_commit_callbacks, monkeypatch)
    long_ago = timezone.now() - dt.timedelta(hours=1)
    stuck = Export.objects.create(
        user=found.user,
        domain="item",
        format="csv",
        state="running",
        attempts=1,
        requested_at=long_ago,
        began_at=long_ago,
    )
    assert export.idle() == [stuck.pk]
    assert export.expire(now=timezone.now() + dt.timedelta(days=8)) == 1
    assert not (tmp_path / found.path).exists()
    assert viewer.get(f"/exports/{found.pk}/").status_code == 404
    stuck.refresh_from_db()
    assert stuck.state == Export.State.WAITING


# ------------------------------------------------------------------------------------------ one change to many records


def test_a_bulk_change_is_shown_first_and_then_done(steward, items):
    form = {"record": [one.public_id for one in items], "action": "set", "path": "category", "value": "Urology"}
    page = text_of(steward.post("/items/bulk/", form))
    assert "Changed at once 1" in page
    assert "says so already" in page
    assert not Override.objects.exists()
    assert steward.post("/items/bulk/apply/", form | {"reason": ""}).status_code == 422
    steward.post("/items/bulk/apply/", form | {"reason": "Same ward"})
    assert kit.fresh(items[1]).attributes.category == "Urology"
    assert AuditEntry.objects.filter(action="override", golden=items[1], reason="Same ward").exists()
    assert kit.rebuild() == []


def test_guarded_values_and_critical_records_wait_for_a_second_person(steward, items):
    GoldenRecord.objects.filter(pk=items[1].pk).update(criticality="high")
    assert bulk_change.preview_value(items, "latex", "free").asking == [items[0]]
    both = [one.public_id for one in items]
    text = text_of(steward.post("/items/bulk/", {"record": both, "action": "retire"}))
    assert "Second person decides 1" in text
    done = bulk_change.retire(records=[kit.fresh(one) for one in items], actor=kit.steward(), reason="Gone")
    assert done == (1, 1)
    assert kit.fresh(items[0]).status == "retired"
    assert ChangeRequest.objects.get().subject == items[1]


def test_a_bulk_change_is_done_whole_or_not_at_all(items, monkeypatch):
    monkeypatch.setattr(bulk_change, "preview_retirement", lambda records: bulk_change.Preview(changing=[*records] * 2))
    with pytest.raises(Refused):
        bulk_change.retire(records=items, actor=kit.steward(), reason="Twice")
    assert {kit.fresh(one).status for one in items} == {"live"}


@pytest.mark.parametrize(
    "said", [{"path": "latex", "value": "perhaps"}, {"path": "nope"}, {"path": "latex", "value": "x" * 10_000}]
)
def test_a_value_that_the_attribute_cannot_have_is_refused(steward, items, said):
    form = {"record": [items[0].public_id], "action": "set", "value": "", "reason": "x"} | said
    assert steward.post("/items/bulk/", form).status_code == 422
    assert steward.post("/items/bulk/apply/", form).status_code == 422


def test_nobody_changes_more_than_allowed_or_without_permission(steward, viewer, items, monkeypatch):
    monkeypatch.setattr(bulk_change, "MOST", 1)
    assert "More than 1 records" in text_of(steward.post("/items/bulk/", {"all": "1", "status": "live"}))
    form = {"all": "1", "action": "retire", "reason": "x"}
    assert steward.post("/items/bulk/apply/", form).status_code == 422
    assert viewer.post("/items/bulk/", form).status_code == 403
    assert "Nothing is ticked" in text_of(steward.post("/items/bulk/", {}))


# ---------------------------------------------------------------------------------------------------------- hierarchies


@pytest.fixture
def places() -> dict[str, GoldenRecord]:
    """A hospital with a tower, and in it a ward."""
    kit.feed(
        "erp",
        {
            "H": {"name": "Hospital", "location_type": "facility"},
            "T": {"name": "Tower", "location_type": "building", "parent": "H"},
            "W": {"name": "Ward 7", "location_type": "unit", "parent": "T"},
        },
        "location",
    )
    return {code: kit.golden("erp", code, "location") for code in "HTW"}


def test_a_hierarchy_opens_branch_by_branch(viewer, places):
    top = text_of(viewer.get("/locations/tree/"))
    assert "Hospital" in top
    assert "Tower" not in top
    below = text_of(viewer.get("/locations/tree/", {"at": places["T"].public_id}))
    assert "Hospital › " in below
    assert "Ward 7" in below
    assert viewer.get("/items/tree/").status_code == 404
    assert viewer.get("/locations/tree/", {"at": "MDM-LO-999999"}).status_code == 404


def test_a_branch_costs_a_fixed_number_of_queries(viewer, places):
    viewer.get("/locations/tree/")
    with CaptureQueriesContext(connection) as queries:
        trees.below("location", None)
    assert len(queries) == 1


def test_a_record_is_moved_by_form_and_the_move_is_shown(steward, places):
    address = f"/locations/{places['W'].public_id}/move/"
    start = timezone.now()
    assert steward.post(address, {"parent": places["H"].public_id.lower(), "reason": "Rebuilt"}).status_code == 302
    assert kit.fresh(places["W"]).attributes.parent == places["H"]
    moved = trees.moves("location", start, timezone.now())
    assert [(m.record, m.before, m.after) for m in moved] == [(places["W"], places["T"], places["H"])]
    assert trees.moves("location", timezone.now(), timezone.now()) == []


def test_a_circle_is_refused_and_leaves_no_trace(steward, places):
    address = f"/locations/{places['H'].public_id}/move/"
    answer = steward.post(address, {"parent": places["W"].public_id, "reason": "Why not"})
    assert answer.status_code == 422
    assert "own ancestor" in text_of(answer)
    assert kit.fresh(places["H"]).attributes.parent is None
    assert not Override.objects.exists()


def test_days_that_are_none_are_refused(viewer, places):
    for asked in ("since=yesterday", "since=0001-01-01", "until=0001-01-05", "until=9999-12-31"):
        assert viewer.get(f"/locations/moves/?{asked}").status_code == 422
    assert "Nothing moved" in text_of(viewer.get("/locations/moves/"))
