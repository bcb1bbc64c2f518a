"""Every true pair can be decided from what its two rows say: what each class keeps is held here."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

import pytest

from matching.benchmark import DOMAINS, cost_centers, items, locations, suppliers
from matching.benchmark.geography import initials
from matching.benchmark.sizes import axes_of, clerk, convert, fraction, label
from matching.benchmark.vocabulary import coined, seeded, short_forms

GROUPS = range(40)


@cache
def groups(name: str) -> tuple:
    return tuple(DOMAINS[name].group(7, number) for number in GROUPS)


def solid(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def written(name: str, hardness: str):
    """(clean, noisy, done, group, member) of a record of every group."""
    for number, group in enumerate(groups(name)):
        for member in range(0, DOMAINS[name].group_size, 3):
            row, done = group.noisy(member, hardness, seeded("test", name, number, member, hardness))
            yield group.clean(member), row, done, group, member


def core(code: str) -> str:
    """A code without label, unit, separators, leading zeros, and with zeros for the letter O."""
    bare = re.sub(r"^REF ", "", code.upper())
    bare = re.sub(r"[ -](EA|BX|CS)$", "", bare)
    return solid(bare).replace("O", "0").lstrip("0")


@pytest.mark.parametrize("name", list(DOMAINS))
def test_every_class_writes_the_columns_of_its_domain_and_says_what_was_done(name):
    for hardness in DOMAINS[name].classes:
        for clean, row, done, _, _ in written(name, hardness):
            assert tuple(row) == tuple(clean) == DOMAINS[name].columns
            assert done
            assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize("hardness", ["exact", "reformatted", "abbreviated", "truncated", "renamed", "combined"])
def test_these_items_carry_the_same_code_however_it_is_written(hardness):
    for clean, row, *_ in written("item", hardness):
        assert core(row["catalogue_number"]) == core(clean["catalogue_number"])


@pytest.mark.parametrize("hardness", ["code_hidden", "supplier_code"])
def test_a_hidden_code_stands_in_the_description(hardness):
    for clean, row, *_ in written("item", hardness):
        number, text = core(clean["catalogue_number"]), solid(row["description"]).replace("O", "0")
        assert number in text
        assert number not in solid(row["catalogue_number"])


def test_an_item_without_code_keeps_its_brand_and_every_size():
    for _, row, _, line, member in written("item", "code_missing"):
        assert row["catalogue_number"] == ""
        assert line.brand.upper() in row["description"]
        numbers = re.findall(r"\d+", row["description"])
        packs = [value for axis, value in line.span(member).chosen(member) if axis.unit == "pack" and value != "EA"]
        assert all(re.findall(r"\d+", pack)[0] in numbers for pack in packs)


def test_a_slip_never_turns_a_code_into_a_siblings():
    slipped = 0
    for clean, row, _, line, _ in written("item", "typo"):
        if row["catalogue_number"] != clean["catalogue_number"]:
            slipped += 1
            assert row["catalogue_number"] not in {line.code(member) for member in range(len(line))}
    assert slipped > 20


def test_siblings_of_a_line_differ_in_code_and_in_gtin():
    for line in groups("item"):
        assert len({line.code(member) for member in range(len(line))}) == items.GROUP
        assert len({line.gtin(member) for member in range(len(line))}) == items.GROUP


def test_a_gtin_ends_in_its_check_digit():
    gtin = groups("item")[3].gtin(5, 1)
    assert len(gtin) == 14
    assert sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(gtin)) % 10 == 0


@pytest.mark.parametrize("hardness", ["acronym", "former", "moved", "combined"])
def test_a_supplier_whose_name_or_address_is_gone_keeps_its_tax_number(hardness):
    for clean, row, *_ in written("supplier", hardness):
        assert solid(row["ein"]) == solid(clean["ein"])


def test_a_remittance_address_comes_with_a_tax_number_or_the_companys_telephone():
    for clean, row, *_ in written("supplier", "remit_to"):
        same_phone = row["phone"] and solid(row["phone"])[-10:] == solid(clean["phone"])
        assert same_phone or solid(row["ein"]) == solid(clean["ein"])


def test_a_trade_name_is_known_or_comes_with_the_legal_name():
    for clean, row, *_ in written("supplier", "dba"):
        assert row["name"] == clean["dba"].upper() or " DBA " in row["name"]


def test_namesakes_are_told_apart_by_town_and_all_companies_by_tax_number():
    for circle in groups("supplier"):
        companies = circle.companies
        assert len({(company.name, company.site.city) for company in companies}) == suppliers.GROUP
    assert len({c.ein for circle in groups("supplier") for c in circle.companies}) == suppliers.GROUP * len(GROUPS)


def test_no_two_places_of_a_campus_share_name_and_parent():
    for campus in groups("location"):
        assert len({(spot.name, spot.parent) for spot in campus.spots}) == locations.GROUP


def test_a_location_keeps_its_town_and_its_parent_or_its_street_or_its_site_in_the_name():
    for hardness in locations.CLASSES:
        for clean, row, _, campus, member in written("location", hardness):
            assert row["city"] == clean["city"]
            site = initials(campus.hospital) in row["name"].upper() or member in (0, locations.GROUP - 1)
            assert row["address"] or row["parent_name"] or site


def test_the_site_of_a_campus_has_no_namesake():
    names = [campus.hospital for campus in groups("location")]
    assert len(set(names)) == len({campus.site.city for campus in groups("location")}) == len(names)


@pytest.mark.parametrize("hardness", ["exact", "reformatted", "abbreviated", "typo", "renamed"])
def test_these_cost_centers_carry_their_whole_code(hardness):
    for clean, row, *_ in written("cost_center", hardness):
        whole = solid(clean["code"]).lstrip("0")
        assert solid(row["code"]).lstrip("0") in (whole, whole.removesuffix("000"))


@pytest.mark.parametrize("hardness", ["segment", "entity_in_name", "combined"])
def test_a_segment_of_a_code_comes_with_the_entity(hardness):
    for clean, row, _, ledger, _ in written("cost_center", hardness):
        assert row["code"].split("-")[0] == clean["code"].split("-")[1]
        assert row["legal_entity"] or initials(ledger.hospital) in row["name"]


@pytest.mark.parametrize("hardness", ["renumbered", "no_code"])
def test_without_its_code_a_cost_center_names_its_entity_by_more_than_initials(hardness):
    for _, row, _, ledger, _ in written("cost_center", hardness):
        assert row["legal_entity"].split()[0].upper() == ledger.hospital.split()[0].upper()


def test_ledgers_of_one_network_differ_in_their_initials_and_all_in_their_code():
    by_network = defaultdict(list)
    for ledger in groups("cost_center"):
        by_network[ledger.number // 4].append(initials(ledger.hospital))
    assert all(len(set(names)) == len(names) for names in by_network.values())
    codes = [center.code for ledger in groups("cost_center") for center in ledger.centers]
    assert len(set(codes)) == len(codes) == cost_centers.GROUP * len(GROUPS)


def test_sizes_are_written_as_a_label_and_as_a_clerk_does():
    length, side = axes_of("mm:3.5;mm:16;side:left")[:2], axes_of("side:left,right")[0]
    chosen = [(length[0], "3.5"), (length[1], "16"), (side, "left")]
    assert label(chosen) == ["3.5 mm x 16 mm", "left"]
    for seed in range(20):
        typed = clerk(chosen, seeded(seed), 0.0)
        assert re.sub(r"[ M]", "", typed[0]) == "3.5X16"
        assert typed[1] in ("LT", "LEFT", "LFT")


@pytest.mark.parametrize(
    ("inches", "shown"), [("0.5", "1/2"), ("1.5", "1-1/2"), ("4.6875", "4-11/16"), ("2", "2"), ("1.16", "1.16")]
)
def test_inches_are_written_as_fractions_where_they_are_some(inches, shown):
    assert fraction(inches) == shown


def test_lengths_are_converted_without_loss():
    assert convert("in", ["0.5"]) == ("mm", ["12.7"])
    assert convert("cm", ["7.5", "10"]) == ("mm", ["75", "100"])
    assert convert("mm", ["240"]) == ("cm", ["24"])
    assert convert("mm", ["9"]) == ("mm", ["9"])


def test_coined_words_do_not_repeat():
    assert len({coined(number) for number in range(0, 150_000, 3)}) == 50_000


@pytest.mark.parametrize("name", ["words", "company_words", "place_words", "street_forms"])
def test_abbreviations_are_shorter_than_their_words(name):
    for word, forms in short_forms(name).items():
        assert forms
        assert all(len(form) <= len(word) for form in forms)
