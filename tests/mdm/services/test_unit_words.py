"""What a system calls units: what lands and what is stored are read by it, as lookups are."""

from __future__ import annotations

from typing import Any

import pytest

from mdm import permissions
from mdm.exceptions import Forbidden, InvalidValue
from mdm.models import CodeSystem, SourceRecord, SourceRevision, User
from mdm.services import ingest, resolve, restandardise, unit_words
from mdm.values import parse_values, units_anew
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
SENT = kit.CATHETER | {
    "base_uom": "pce",
    "packaging": [{"uom": "EA", "quantity": 1}, {"uom": "B10", "gtin": "10614141000415"}, {"uom": "CT", "quantity": 4}],
    "supplier_parts": [{"supplier": "V1", "number": "9", "uom": "DZ", "price": "12.50", "valid_from": "2026-01-01"}],
}


def words(**units: str) -> CodeSystem:
    admin = kit.person("admin", "administrator")
    return unit_words.set_units(code_system=kit.code_system("erp"), units=units, actor=admin)


def row(code: str, values: dict[str, Any], units: dict[str, str] | None = None) -> ingest.Row:
    parsed = parse_values("item", values, units=units or {})
    assert parsed.problems == []
    return ingest.Row(1, code, parsed.values, values, written=parsed.written, units=units or {})


def landed(*rows: ingest.Row) -> ingest.LandCounts:
    run = ingest.begin(code_system=kit.code_system("erp"), channel="file", actor=User.objects.system())
    counts = ingest.land(ingest=run, rows=rows)
    resolve.resolve_all(domain="item", actor=User.objects.system())
    return counts


def ladder(code: str) -> list[tuple[str, int | None]]:
    return [(level["uom"], level.get("quantity")) for level in kit.source("erp", code).values["packaging"]]


def test_what_lands_is_read_by_the_words_of_its_system():
    system = words(KAR="CA")
    api = world.machine(kit.person("loader", "integration"), permissions.SUBMIT)
    sent = {"code": "E1", "values": kit.CATHETER | {"packaging": [{"uom": "EA"}, {"uom": "Kar", "quantity": 5}]}}
    answer = api.post(f"/api/v1/sources/{system.slug}/records", {"records": [sent]}, content_type="application/json")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["outcomes"][0]["problems"] == []
    assert ladder("E1") == [("EA", None), ("CA", 5)]
    assert kit.source("erp", "E1").written == {"packaging": [{}, {"uom": "Kar"}]}


@pytest.mark.parametrize("units", [{}, {"CT": "case", "PCE": "VI"}, {"B10": "CASE", "DZ": "DR"}])
def test_reading_again_by_the_same_words_changes_nothing(units):
    parsed = parse_values("item", SENT, units=units)
    again = units_anew("item", parsed.values, parsed.written, units)
    assert (again.problems, again.written) == ([], parsed.written)
    assert {**parsed.values, **again.values} == parsed.values


def test_new_words_are_read_into_what_is_stored_as_if_it_had_landed_with_them():
    landed(row("E1", SENT), row("E2", kit.STAPLER))
    assert ladder("E1") == [("EA", 1), ("BX", 10), ("CT", 4)]
    golden, untouched = kit.golden("erp", "E1"), kit.golden("erp", "E2").version
    words(CT="case", B10="sleeve", pce="each")
    restandardise.run()
    source = kit.source("erp", "E1")
    assert ladder("E1") == [("EA", 1), ("SL", None), ("CA", 4)]  # a sleeve of how many, nobody says
    assert (source.state, source.version, source.golden) == (SourceRecord.State.PENDING, 2, golden)
    assert SourceRevision.objects.get(source=source).values["packaging"][2]["uom"] == "CT"
    resolve.resolve_all(domain="item", actor=User.objects.system())
    assert kit.fresh(golden).version > golden.version
    assert kit.golden("erp", "E2").version == untouched
    assert landed(row("E1", SENT, kit.code_system("erp").units)).unchanged == 1
    words()
    restandardise.run()
    assert ladder("E1") == [("EA", 1), ("BX", 10), ("CT", 4)]
    assert kit.rebuild() != []  # it is still to be resolved


def test_reading_new_words_goes_on_where_it_was_cut_short(monkeypatch):
    monkeypatch.setattr(unit_words, "BATCH", 2)
    landed(*(row(f"E{n}", kit.STAPLER | {"catalogue_number": f"N{n}", "base_uom": "CT"}) for n in range(5)))
    words(CT="box")
    assert unit_words.step() == 2
    units = SourceRecord.objects.order_by("pk").values_list("values__base_uom", flat=True)
    assert list(units.all()) == ["BX", "BX", "CT", "CT", "CT"]
    assert [unit_words.step() for _ in range(3)] == [2, 1, 0]
    assert set(units) == {"BX"}
    assert kit.code_system("erp").units_after is None


def test_a_feed_that_was_read_before_the_words_changed_lands_by_the_new_ones():
    before = row("E1", SENT)
    words(CT="case")
    landed(before)
    assert ladder("E1")[2] == ("CA", 4)


def test_what_new_words_cannot_tell_apart_stays_as_it_was():
    landed(row("E1", SENT))
    words(CT="box")  # a box of ten and a box of four
    restandardise.run()
    assert ladder("E1") == [("EA", 1), ("BX", 10), ("CT", 4)]


def test_a_unit_that_is_only_written_otherwise_is_noted_without_a_new_version():
    landed(row("E1", kit.CATHETER | {"base_uom": "each"}))
    assert landed(row("E1", kit.CATHETER | {"base_uom": "pcs"})).unchanged == 1
    assert (kit.source("erp", "E1").written, kit.source("erp", "E1").version) == ({"base_uom": "pcs"}, 1)


def test_only_an_administrator_says_what_a_system_calls_units_and_only_units_that_there_are():
    with pytest.raises(Forbidden):
        unit_words.set_units(code_system=kit.code_system("erp"), units={}, actor=kit.steward())
    with pytest.raises(InvalidValue, match="no unit"):
        words(KAR="xyzzy")
