"""The demo's feeds: of the promised size and variety, readable, consistent, and the same every time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from mdm.canonical import DOMAINS
from mdm.values import parse_row, why_no_path
from sync.demo.generator import Manifest, delta, generate
from sync.demo.layouts import LAYOUTS
from sync.demo.network import Network
from sync.demo.systems import SYSTEMS
from sync.demo.truth import Truth
from tests.sync.demo.conftest import Rows, read_feed

NOISE = {
    "ehr": "typo|size and number left out|number spaced|short company name|former name|name only|facility left out|"
    "entity left out|entity left out of code|placeholder|stale status|number mistyped|stale telephone",
    "erp": "typo|size and number left out|number stripped|leading zeros lost|identifier mistyped|cut off|mis-pack|"
    "stale price|decorated name|placeholder|stale status|number mistyped|stale telephone",
    "scm": "typo|size and number left out|number with unit|GTIN of another level|counted unit|mis-pack|former name|"
    "placeholder|stale status|number mistyped|stale telephone",
}
GL_PATHS = {"$code", "name", "account_type", "parent", "effective_from"}
Feeds = dict[tuple[str, str], Rows]


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_writes_the_same_bytes(small: Callable[..., Manifest]) -> None:
    one, other = small("one"), small("other")
    delta(one.directory)
    delta(other.directory)
    assert _digests(one.directory) == _digests(other.directory)
    assert len(_digests(one.directory)) == 13 + 4 + 1 + 6 + 2 + 1  # feeds, truth and manifest of either day


def test_another_seed_makes_another_network(small: Callable[..., Manifest]) -> None:
    one, other = _digests(small("one").directory), _digests(small("other", seed=8).directory)
    assert [name for name in one if one[name] == other[name]] == ["feeds/erp_gl_account.csv"]


def test_full_size_is_as_promised(network: Network, feeds: Feeds) -> None:
    assert len(network.items) >= 3_000
    assert len(network.suppliers) >= 400
    assert len(network.locations) >= 600
    assert len(network.cost_centers) >= 300
    assert len(network.gl_accounts) >= 100
    assert len({item.manufacturer for item in network.items}) >= 100
    assert len({location.kind for location in network.locations}) == 9
    rows = sum(len(rows) for (_, domain), rows in feeds.items() if domain in DOMAINS)
    things = len(network.items) + len(network.suppliers) + len(network.locations) + len(network.cost_centers)
    assert 2.2 <= rows / things <= 2.5


def test_every_column_is_mapped_to_something_that_exists(full: Manifest) -> None:
    for feed in full.feeds:
        if feed.domain == "gl_account":
            assert set(feed.mapping.values()) == GL_PATHS
            continue
        assert not [why for path in feed.mapping.values() if (why := why_no_path(DOMAINS[feed.domain], path))]
        assert "$code" in feed.mapping.values()


def test_every_row_can_be_read_and_little_in_it_is_invalid(feeds: Feeds) -> None:
    invalid: Counter[str] = Counter()
    rows = 0
    for (_, domain), lines in feeds.items():
        if domain == "gl_account":
            continue
        for line in lines:
            parsed = parse_row(domain, line)
            assert not parsed.problems
            invalid.update(parsed.invalid.keys())
            rows += 1
    assert set(invalid) == {"gtin"}
    assert 0 < sum(invalid.values()) < rows * 0.005


def test_the_truth_covers_every_row_and_nothing_else(full: Manifest, feeds: Feeds) -> None:
    truth = Truth.load(full.directory)
    for domain in DOMAINS:
        stated = {(system, row["$code"]) for system in SYSTEMS for row in feeds[system, domain]}
        assert stated == set(truth.ids[domain])


def test_a_clean_system_names_a_thing_once_and_the_others_enter_one_or_two_in_a_hundred_twice(full: Manifest) -> None:
    truth = Truth.load(full.directory)
    for feed in full.feeds:
        if feed.domain not in DOMAINS:
            continue
        ids = Counter(thing for (system, _), thing in truth.ids[feed.domain].items() if system == feed.system)
        twice = sum(count > 1 for count in ids.values())
        assert sum(ids.values()) == feed.rows
        assert twice == 0 if feed.clean else 0.01 <= twice / len(ids) <= 0.021, (feed.system, feed.domain, twice)


def test_references_use_the_systems_own_codes_and_lead_somewhere(feeds: Feeds) -> None:
    followed = 0
    for (system, domain), rows in feeds.items():
        if domain == "gl_account":
            continue
        names = {field.name: field.domain for field in DOMAINS[domain].references}
        names["supplier_parts.1.supplier"] = "supplier"
        known = {target: {row["$code"] for row in feeds[system, target]} for target in set(names.values())}
        for row in rows:
            for name, target in names.items():
                if code := row.get(name):
                    assert code in known[target], (system, domain, name)
                    followed += 1
    assert followed > 10_000


@pytest.mark.parametrize("domain", ["location", "cost_center", "supplier"])
def test_hierarchies_have_no_cycles(feeds: Feeds, domain: str) -> None:
    for system in SYSTEMS:
        parents = {row["$code"]: row.get("parent", "") for row in feeds[system, domain]}
        for start in parents:
            seen, code = set(), start
            while code:
                assert code not in seen, (system, start)
                seen.add(code)
                code = parents[code]


def test_locations_and_cost_centers_are_trees_with_one_root(full: Manifest, feeds: Feeds) -> None:
    for domain in ("location", "cost_center"):
        for system in SYSTEMS:
            truth = Truth.load(full.directory)
            roots = [row["$code"] for row in feeds[system, domain] if not row["parent"]]
            assert len({truth.of(domain, (system, code)) for code in roots}) == 1


def test_what_a_reference_names_is_what_the_truth_names(full: Manifest, network: Network, feeds: Feeds) -> None:
    truth = Truth.load(full.directory)
    supplier = {item.id: item.supplier for item in network.items}
    for system in ("erp", "scm"):
        for row in feeds[system, "item"]:
            if code := row["preferred_supplier"]:
                assert truth.of("supplier", (system, code)) == supplier[str(truth.of("item", (system, row["$code"])))]


def test_every_kind_of_noise_occurs(full: Manifest) -> None:
    assert {system: set(counts) for system, counts in full.noise.items()} == {
        system: set(kinds.split("|")) for system, kinds in NOISE.items()
    }


def test_few_records_lack_what_decides(full: Manifest, feeds: Feeds) -> None:
    """A steward must decide some, not many: rows without any size, number or device identifier."""
    rows = sum(len(feeds[system, "item"]) for system in SYSTEMS)
    vague = sum(counts["size and number left out"] for counts in full.noise.values())
    assert 0.01 <= vague / rows <= 0.04


def test_systems_export_in_their_own_encodings(full: Manifest) -> None:
    texts = {name: full.directory.joinpath("feeds", name).read_bytes() for name in ("ehr_item.csv", "erp_supplier.csv")}
    assert texts["ehr_item.csv"].startswith(b"\xef\xbb\xbf")
    assert "µ" in texts["ehr_item.csv"].decode("utf-8-sig")
    assert "É" in texts["erp_supplier.csv"].decode("cp1252")
    with pytest.raises(UnicodeDecodeError):
        texts["erp_supplier.csv"].decode("utf-8")
    assert {Path(layout.file).suffix for layout in LAYOUTS.values()} == {".csv", ".tsv", ".xlsx", ".gz"}


def test_siblings_are_told_apart_by_size_and_number(network: Network) -> None:
    items = network.items
    assert len({(item.manufacturer, item.catalogue_number) for item in items}) == len(items)
    assert len({(item.manufacturer, item.noun, item.kind, item.variant, item.sizes) for item in items}) == len(items)
    assert len({level.gtin for item in items for level in item.levels}) == sum(len(item.levels) for item in items)


def test_the_next_day_changes_adds_and_drops_a_little(small: Callable[..., Manifest], tmp_path: Path) -> None:
    first = generate(tmp_path / "demo", scale=0.3)
    later = delta(first.directory)
    truth = Truth.load(first.directory)
    before = {(feed.system, feed.domain): read_feed(first.directory, feed) for feed in first.feeds}
    for feed in later.feeds:
        old = {row["$code"]: row for row in before[feed.system, feed.domain]}
        new = {row["$code"]: row for row in read_feed(later.directory, feed)}
        gone, added = old.keys() - new.keys(), new.keys() - old.keys()
        changed = [code for code in old.keys() & new.keys() if old[code] != new[code]]
        assert len(gone) <= 0.02 * len(old)
        assert 1 <= len(added) <= 0.02 * len(old)
        assert all(truth.of(feed.domain, (feed.system, code)) for code in added)
        assert len(changed) <= 0.06 * len(old)
    assert {(feed.system, feed.domain) for feed in later.feeds} == {
        (s, d) for s in SYSTEMS for d in ("item", "supplier")
    }


def test_the_second_day_builds_on_the_first(tmp_path: Path) -> None:
    first = generate(tmp_path / "demo", scale=0.1)
    one, two = delta(first.directory, 1), delta(first.directory, 2)
    for feed, later in zip(one.feeds, two.feeds, strict=True):
        codes = {row["$code"] for row in read_feed(one.directory, feed)}
        assert len(codes - {row["$code"] for row in read_feed(two.directory, later)}) <= 0.02 * len(codes)


def test_a_manifest_is_read_as_it_was_written(small: Callable[..., Manifest]) -> None:
    written = small()
    assert Manifest.load(written.directory) == written


def test_the_command_writes_the_demo_and_its_next_day(tmp_path: Path) -> None:
    out = StringIO()
    call_command("generate_demo", str(tmp_path), "--scale", "0.05", stdout=out)
    call_command("generate_demo", str(tmp_path), "--day", "1", stdout=out)
    assert tmp_path.joinpath("day1", "manifest.json").exists()
    assert "erp item" in " ".join(out.getvalue().split())


def test_a_later_day_without_a_first_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="write the first day"):
        call_command("generate_demo", str(tmp_path), "--day", "1")
