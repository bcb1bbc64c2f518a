"""From what sources say to canonical values: nothing cut short, guessed at or dropped without a word."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdm.canonical import DOMAINS
from mdm.values import Parsed, parse_row, parse_values, paths, why_no_path


def item(**cells: Any) -> Parsed:
    return parse_row("item", {"$code": "4711", **cells})


def value(path: str, cell: Any, domain: str = "item", **options: Any) -> Any:
    """The canonical value of a single cell; fails on problems."""
    parsed = parse_row(domain, {"$code": "4711", path: cell}, **options)
    assert parsed.problems == []
    return parsed.values.get(path)


def problem(path: str, cell: Any, domain: str = "item", **options: Any) -> str:
    """What is said of a single cell that can't be kept."""
    [found] = parse_row(domain, {"$code": "4711", path: cell}, **options).problems
    assert found.path == path
    return found.message


def test_a_row_becomes_code_unit_and_values() -> None:
    parsed = parse_row(
        "item", {"$code": " 004711 ", "$uom": "BX", "$updated_at": "2026-11-22T08:30:00", "description": "Gauze"}
    )
    assert (parsed.code, parsed.uom) == ("004711", "BX")
    assert parsed.updated_at == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert parsed.values == {"description": "Gauze"}
    assert parsed.problems == []


def test_an_ignored_column_is_not_read() -> None:
    assert item(**{"$ignore": "a\0b"}).problems == []


@pytest.mark.parametrize("code", ["", "   ", "N/A", "-", None])
def test_a_row_without_a_code_is_a_problem(code: str | None) -> None:
    [found] = parse_row("item", {"$code": code, "description": "Gauze"}).problems
    assert found.path == "$code"
    assert "no code" in found.message


@pytest.mark.parametrize("text", ["N/A", "n/a", "NOT AVAILABLE", "Unknown", "-", "--", "NULL", "none", "", " ", "#N/A"])
def test_a_placeholder_is_not_stated(text: str) -> None:
    assert item(description=text, implant=text, gtin=text, latex=text).values == {}


def test_blanks_and_invisible_characters_go_and_letters_are_composed() -> None:
    assert value("description", "\ufeff  Cafe\u0301\u00a0 2\u200bmm\r\n x\t") == "Caf\u00e9 2mm x"


def test_nul_bytes_are_refused_with_a_remedy() -> None:
    assert "export it again" in problem("description", "Gau\0ze")


def test_half_a_character_is_refused() -> None:
    assert "UTF-8" in problem("description", "Gau\ud800ze")


@pytest.mark.parametrize("error", ["#REF!", "#VALUE!", "#DIV/0!", "#NAME?"])
def test_a_spreadsheets_error_is_refused(error: str) -> None:
    assert error in problem("description", error)


@pytest.mark.parametrize("formula", ["=VLOOKUP(A2,Sheet2!A:B,2,0)", "=A1", "=$B$2+C3", "=1+1", "=SUM(A1:A9"])
def test_a_formula_instead_of_its_result_is_refused(formula: str) -> None:
    assert "formula" in problem("description", formula)


def test_a_code_that_an_export_guards_with_a_formula_is_unwrapped() -> None:
    assert value("catalogue_number", '="00123"') == "00123"
    assert value("udi_di", "=A9999XYZ100T0944") == "=A9999XYZ100T0944"


@pytest.mark.parametrize("text", ["Y", "yes", "TRUE", "t", "1", "X", True, 1, 1.0])
def test_yes_in_all_its_forms(text: Any) -> None:
    assert value("implant", text) is True


@pytest.mark.parametrize("text", ["N", "No", "false", "F", "0", False, 0])
def test_no_in_all_its_forms(text: Any) -> None:
    assert value("implant", text) is False


def test_neither_yes_nor_no_is_a_problem() -> None:
    assert "Y or N" in problem("implant", "perhaps")


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-11-22", "2026/11/22", "20261122", "2026-11-22 00:00:00.000", "2026-11-22T10:00:00Z", "202611221030"),
        *("11/22/2026", "11-22-2026", "11/22/26", "11/22/2026 12:00:00 AM", "22/11/2026", "22.11.2026"),
        *("22-NOV-2026", "22-Nov-26", "22 November 2026", "Nov 22, 2026", "NOV 22 2026"),
        *(46348, 46348.75, date(2026, 11, 22), datetime(2026, 11, 22, 9, 30)),
    ],
)
def test_a_date_in_all_its_forms(cell: Any) -> None:
    assert value("active_from", cell, "location") == "2026-11-22"


@pytest.mark.parametrize("text", ["31/02/2026", "13/13/2026", "soon", "2026-13-01", "46348", "1", "22-NUV-2026"])
def test_what_is_no_date_is_a_problem(text: str) -> None:
    assert "2026-11-22" in problem("active_from", text, "location")


@pytest.mark.parametrize(("order", "iso"), [("", "2026-03-04"), ("mdy", "2026-03-04"), ("dmy", "2026-04-03")])
def test_day_and_month_follow_the_feeds_date_order(order: str, iso: str) -> None:
    assert value("active_from", "03/04/2026", "location", date_order=order) == iso


def test_a_declared_date_order_is_not_turned_round() -> None:
    assert problem("active_from", "22/11/2026", "location", date_order="mdy")


def test_in_a_feed_that_contradicts_itself_only_ambiguous_dates_are_problems() -> None:
    assert "date order" in problem("active_from", "03/04/2026", "location", date_order="mixed")
    assert value("active_from", "22/11/2026", "location", date_order="mixed") == "2026-11-22"
    assert value("active_from", "04/04/2026", "location", date_order="mixed") == "2026-04-04"


@pytest.mark.parametrize("text", ["00/00/0000", "0000-00-00", "9999-12-31", "12/31/9999", "99991231", "0"])
def test_an_erps_never_and_no_end_are_not_stated(text: str) -> None:
    assert value("active_to", text, "location") is None


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        *(
            ("12.5", "12.50"),
            ("$1,234.50", "1234.50"),
            ("1,234", "1234.00"),
            ("0.0125", "0.0125"),
            ("12.50 USD", "12.50"),
        ),
        *(("1.234,50", "1234.50"), ("€ 12", "12.00"), (".5", "0.50"), (12, "12.00"), (12.349999999999998, "12.35")),
        *((Decimal("3.1000"), "3.10"), (1e-4, "0.0001")),
    ],
)
def test_an_amount_in_all_its_forms(cell: Any, amount: str) -> None:
    [part] = item(**{"supplier_parts.1.supplier": "V1", "supplier_parts.1.price": cell}).values["supplier_parts"]
    assert part["price"] == amount


@pytest.mark.parametrize("text", ["abc", "(12.50)", "-1", "1,23,4", "0.12345", "1e400", "12345678901", "1.2.3", "$"])
def test_what_is_no_amount_is_a_problem(text: str) -> None:
    assert problem("supplier_parts.1.price", text)


@pytest.mark.parametrize("text", ["0", "-3", "2.5", "many", "3000000000"])
def test_a_quantity_is_a_whole_number_from_one(text: str) -> None:
    assert problem("packaging.1.quantity", text)


@pytest.mark.parametrize(
    ("path", "domain", "text", "chosen"),
    [
        *(("latex", "item", text, "free") for text in ("Latex Free", "latex-free", "N", "free", "Non-Latex")),
        *(("latex", "item", text, "contains") for text in ("Y", "Contains latex", "LATEX")),
        *(("lifecycle", "item", text, "active") for text in ("A", "Active", "In Commercial Distribution", "OPEN")),
        *(("lifecycle", "item", text, "discontinued") for text in ("Discontinued", "DISC", "obsolete")),
        *(("lifecycle", "location", text, "inactive") for text in ("CLOSED", "Inactive", "I")),
        *(("mri_safety", "item", text, "conditional") for text in ("MR Conditional", "conditional")),
        ("mri_safety", "item", "Labeling does not contain MRI Safety Information", None),
        *(("location_type", "location", text, "health_system") for text in ("Health System", "health_system", "IDN")),
    ],
)
def test_a_choice_by_value_label_or_usual_spelling(path: str, domain: str, text: str, chosen: str | None) -> None:
    assert value(path, text, domain) == chosen


def test_an_unknown_choice_lists_the_choices() -> None:
    assert "Contains latex, Latex-free" in problem("latex", "purple")


def test_an_invalid_identifier_is_kept_and_noted() -> None:
    parsed = item(gtin="00614141000037", **{"packaging.1.uom": "EA", "packaging.1.gtin": "614141000036"})
    assert parsed.problems == []
    assert parsed.values["gtin"] == "00614141000037"
    assert parsed.values["packaging"] == [{"uom": "EA", "gtin": "00614141000036"}]
    assert parsed.invalid == {"gtin": "the check digit is wrong"}


def test_a_number_that_a_spreadsheet_shortened_is_never_taken_for_a_code() -> None:
    assert "format the column as text" in problem("catalogue_number", "8.44505E+11")
    assert "format the column as text" in problem("$code", "8.44505E+11")
    assert "rounded" in problem("catalogue_number", 1234567890123456.0)
    assert "spreadsheet" in item(gtin="8.44505E+11").invalid["gtin"]
    assert value("catalogue_number", "5E10") == "5E10"


def test_typed_numbers_lose_their_point_zero_and_nothing_else() -> None:
    assert value("catalogue_number", 4711.0) == "4711"
    assert value("catalogue_number", 0.1) == "0.1"


def test_text_that_does_not_fit_is_a_problem_and_never_cut() -> None:
    assert "201 characters, 200 fit" in problem("manufacturer", "x" * 201)
    assert value("manufacturer", "x" * 200) == "x" * 200


def test_a_problem_shows_only_the_beginning_of_the_value() -> None:
    [found] = item(manufacturer="\x07" + "x" * 10_000).problems
    assert len(found.value) == 80
    assert found.value.isprintable()


def test_lists_are_split_and_said_once() -> None:
    parsed = parse_row(
        "supplier", {"$code": "1", "dba_names": "Acme; Acme Med|N/A", "dba_names.2": "Acme;Zenith, Inc."}
    )
    assert parsed.values == {"dba_names": ["Acme", "Acme Med", "Zenith, Inc."]}


def test_packaging_levels_are_assembled_in_order_and_a_box_of_ten_says_ten() -> None:
    parsed = item(
        **{"packaging.2.uom": "B10", "packaging.1.uom": "each", "packaging.1.quantity": "1", "packaging.10.uom": "CS"}
    )
    assert parsed.values["packaging"] == [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10}, {"uom": "CA"}]


def test_a_stated_quantity_wins_over_the_one_in_the_unit() -> None:
    assert item(**{"packaging.1.uom": "B10", "packaging.1.quantity": "12"}).values["packaging"] == [
        {"uom": "BX", "quantity": 12}
    ]


def test_addresses_are_keyed_by_purpose_whatever_the_path_says() -> None:
    keyed = parse_row(
        "supplier", {"$code": "1", "addresses.remit_to.city": "Salem", "addresses.remit_to.country": "USA"}
    )
    placed = parse_row(
        "supplier",
        {"$code": "1", "addresses.1.purpose": "Remit", "addresses.1.city": "Salem", "addresses.1.country": "U.S."},
    )
    assert keyed.values == placed.values == {"addresses": [{"city": "Salem", "country": "US", "purpose": "remit_to"}]}


def test_a_child_without_its_key_is_left_out_with_a_note() -> None:
    parsed = item(description="Gauze", **{"packaging.2.quantity": "10"})
    assert parsed.values == {"description": "Gauze"}
    assert parsed.invalid == {"packaging.2": "left out, as it has no uom"}


def test_one_unit_with_two_quantities_is_a_problem() -> None:
    [found] = item(
        **{"packaging.1.uom": "BX", "packaging.1.quantity": 10, "packaging.2.uom": "Box", "packaging.2.quantity": 50}
    ).problems
    assert "stated twice" in found.message


def test_the_same_level_said_twice_is_said_once() -> None:
    parsed = item(**{"packaging.1.uom": "BX", "packaging.2.uom": "BX", "packaging.2.quantity": 50})
    assert parsed.values["packaging"] == [{"uom": "BX", "quantity": 50}]


def test_a_supplier_may_sell_an_item_under_two_numbers() -> None:
    cells = {
        f"supplier_parts.{n}.{name}": text for n in (1, 2) for name, text in (("supplier", "V1"), ("number", f"A{n}"))
    }
    assert [part["number"] for part in item(**cells).values["supplier_parts"]] == ["A1", "A2"]


def test_an_unknown_unit_names_the_units_nearby() -> None:
    assert "BX (Box)" in problem("base_uom", "BXX")


def test_references_stay_the_sources_own_codes() -> None:
    assert value("preferred_supplier", " 000123 ") == "000123"


def test_structured_values_take_the_same_way() -> None:
    parsed = parse_values(
        "item",
        {
            "description": " Gauze ",
            "implant": False,
            "gtin": None,
            "packaging": [{"uom": "ea", "quantity": 1}, {"uom": "BX", "quantity": 10}],
            "supplier_parts": [{"supplier": "V1", "price": 12.5}],
        },
    )
    assert parsed.problems == []
    assert parsed.values == {
        "description": "Gauze",
        "implant": False,
        "packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 10}],
        "supplier_parts": [{"supplier": "V1", "price": "12.50"}],
    }


def test_an_unknown_name_is_a_problem_that_names_the_nearest() -> None:
    [found] = parse_values("item", {"descripton": "x"}).problems
    assert "did you mean 'description'" in found.message
    assert "did you mean" in why_no_path(DOMAINS["item"], "packaging.2.uon")


def test_an_object_where_one_value_belongs_is_a_problem() -> None:
    assert parse_values("item", {"description": {"en": "x"}}).problems
    assert parse_values("item", {"packaging": ["EA"]}).problems


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_listed_path_can_be_mapped(domain: str) -> None:
    assert all(why_no_path(DOMAINS[domain], path) == "" for path in paths(DOMAINS[domain]))


CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | st.text()


@settings(suppress_health_check=[HealthCheck.too_slow])  # its own tables of characters take seconds to make
@given(
    st.sampled_from(sorted(DOMAINS)).flatmap(
        lambda name: st.tuples(st.just(name), st.dictionaries(st.sampled_from(paths(DOMAINS[name])), CELLS))
    )
)
def test_no_cell_ever_raises_and_values_are_json(case: tuple[str, dict[str, Any]]) -> None:
    domain, cells = case
    parsed = parse_row(domain, cells)
    text = json.dumps(parsed.values, allow_nan=False)
    assert "\\u0000" not in text
    if not parsed.problems:
        again = parse_values(domain, json.loads(text))
        assert again.values == parsed.values
