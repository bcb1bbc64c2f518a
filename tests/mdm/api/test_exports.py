"""Exports: a job, its state, and the file."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json

import pyarrow.parquet as pq
import pytest

from mdm import permissions
from mdm.models import DomainExport
from mdm.services import domain_export, merge
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/exports"


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def make_waiting() -> int:
    return sum(domain_export.make(pk) for pk in domain_export.idle(patience=dt.timedelta()))


def ask(client, **body):
    return client.post(EXPORTS, body, content_type="application/json")


def made(client, **body):
    answer = ask(client, **body)
    assert answer.status_code == 202
    assert make_waiting() == 1
    state = client.get(answer["Location"]).json()
    assert state["state"] == "done", state
    file = client.get(state["file"])
    content = b"".join(file.streaming_content)
    assert hashlib.sha256(content).hexdigest() == state["sha256"]
    assert len(content) == state["size"]
    head = client.head(state["file"])
    assert (head["ETag"], head["Content-Length"]) == (f'"{state["sha256"]}"', str(state["size"]))
    assert client.get(state["file"], headers={"If-None-Match": head["ETag"]}).status_code == 304
    return state, content


def test_every_published_record_comes_once_as_the_api_shows_it(api):
    one, two = kit.twins()
    merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")
    kit.feed("ehr", {"H1": kit.STAPLER | {"catalogue_number": "ZZ-9", "description": "Retractor, ring, 30 cm"}})
    state, content = made(api, domain="item")
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    assert state["records"] == len(lines) == 2
    assert lines[0] == api.get(f"/api/v1/items/{lines[0]['id']}").json()


def test_parquet_has_a_typed_column_for_each_attribute(api):
    kit.feed("erp", {"E1": kit.CATHETER | {"sterile": True, "packaging": [{"uom": "BX", "quantity": 12}]}})
    _, content = made(api, domain="item", format="parquet")
    (row,) = pq.read_table(io.BytesIO(content)).to_pylist()
    assert (row["sterile"], row["packaging"][0]["quantity"], row["gtin"]) == (True, 12, None)
    assert row["codes"][0]["code"] == "E1"


@pytest.mark.parametrize("domain", ["supplier", "location", "cost_center"])
def test_each_domain_has_its_columns_even_when_it_has_no_records(api, domain):
    _, content = made(api, domain=domain, format="parquet")
    assert "name" in pq.read_table(io.BytesIO(content)).column_names


def test_asking_twice_makes_one_file_and_an_unfinished_one_is_not_there(api):
    first, again = ask(api, domain="item").json(), ask(api, domain="item").json()
    assert first["id"] == again["id"]
    assert first["file"] is None
    assert api.get(f"{EXPORTS}/{first['id']}/file").status_code == 404
    assert api.get(f"{EXPORTS}/2b0c6f0e-6f35-4c39-9c43-5c8a0d1f9a11").status_code == 404


def test_a_failure_is_told_and_the_next_try_is_a_new_one(api, monkeypatch):
    where = ask(api, domain="item")["Location"]

    def broken(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(domain_export, "_write", broken)
        with pytest.raises(OSError, match="disk full"):
            make_waiting()
    assert api.get(where).json()["error"].startswith("OSError: ask for it again")
    assert ask(api, domain="item")["Location"] != where


def test_what_a_dead_worker_left_is_taken_up_and_old_files_go(api):
    state, _ = made(api, domain="item")
    DomainExport.objects.update(state="running", began_at="2020-01-01T00:00:00Z")
    assert make_waiting() == 1
    DomainExport.objects.update(finished_at="2020-01-01T00:00:00Z")
    assert domain_export.forget_old() == 1
    assert api.get(f"{EXPORTS}/{state['id']}/file").status_code == 404


def test_exporting_needs_the_permission_to_see(viewer):
    assert ask(world.machine(viewer, permissions.LOOKUP), domain="item").status_code == 403
