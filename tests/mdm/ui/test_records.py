"""Lists of golden records and search."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mdm.models import GoldenRecord
from mdm.ui.readers import counting, records
from tests.mdm import kit
from tests.mdm.ui.conftest import HX


@pytest.fixture
def suppliers(db) -> None:
    """Names that repeat, so that paging by name alone would lose some."""
    kit.feed("erp", {f"V{n:03}": {"name": f"Vendor {n % 7} of {n}"} for n in range(60)}, "supplier")


def names(html: str) -> list[str]:
    return re.findall(r'<a class="link" href="/suppliers/(MDM-SU-\d+)/"', html)


def walk(client, link: str) -> list[str]:
    """Public ids of every page, following its link of that kind."""
    found, address = [], "/suppliers/"
    while address:
        html = client.get(address).content.decode()
        found.append(names(html))
        following = re.search(rf'rel="{link}" href="(\?[^"]+)"', html)
        address = "/suppliers/" + following[1].replace("&amp;", "&") if following else ""
    return [one for page in found for one in page]


def test_pages_show_every_record_once_in_order_of_name(viewer, suppliers, monkeypatch):
    monkeypatch.setattr(records, "PAGE", 7)
    rows = GoldenRecord.objects.filter(domain="supplier", status="live").order_by("name", "pk")
    assert walk(viewer, "next") == list(rows.values_list("public_id", flat=True))


def test_going_back_leads_through_the_same_pages(viewer, suppliers, monkeypatch):
    monkeypatch.setattr(records, "PAGE", 7)
    first = names(viewer.get("/suppliers/").content.decode())
    html = viewer.get(f"/suppliers/?after={first[-1]}").content.decode()
    back = re.search(r'rel="prev" href="(\?[^"]+)"', html)[1].replace("&amp;", "&")
    assert names(viewer.get("/suppliers/" + back).content.decode()) == first


def test_a_list_asks_as_many_questions_for_sixty_records_as_for_two(viewer, suppliers):
    viewer.get("/suppliers/")
    with CaptureQueriesContext(connection) as many:
        viewer.get("/suppliers/")
    with CaptureQueriesContext(connection) as few:
        viewer.get("/suppliers/?q=Vendor+1+of+1")
    assert len(many) == 11  # session, user, permissions (2), page, count, facets, systems, navigation (3)
    assert len(few) == len(many) + 4  # own words, words, code systems, codes


@pytest.mark.parametrize("query", ["catheter foley", "FOLEY", "16fr silic", "E1", "HM"])
def test_words_in_any_order_and_whole_codes_find_a_record(viewer, query):
    kit.feed("erp", {"E1": kit.CATHETER, "E9": kit.STAPLER})
    html = viewer.get("/items/?" + urlencode({"q": query}), headers=HX).content.decode()
    assert ("CATHETER FOLEY 16FR" in html) == (query != "HM")
    assert "Stapler" not in html


def test_a_public_id_leads_straight_to_its_record(viewer):
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    assert viewer.get(f"/search/?q={golden.public_id.lower()}")["Location"] == f"/items/{golden.public_id}/"


def test_a_code_of_any_system_leads_straight_to_its_record(viewer):
    kit.feed("erp", {"E1": kit.CATHETER})
    golden = kit.golden("erp", "E1")
    assert viewer.get("/search/?q=E1")["Location"] == f"/items/{golden.public_id}/"


def test_a_search_shows_every_domain_that_matches(viewer):
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("erp", {"V1": {"name": "Catheter Makers Inc"}}, "supplier")
    html = viewer.get("/search/?q=catheter").content.decode()
    assert "CATHETER FOLEY" in html
    assert "Catheter Makers" in html


@pytest.mark.parametrize("query", ["%", "_", "'; DROP TABLE", "\x00", "x" * 5000, "\\"])
def test_odd_queries_find_nothing_and_break_nothing(viewer, query):
    kit.feed("erp", {"E1": kit.CATHETER})
    answer = viewer.get("/items/", {"q": query})
    assert answer.status_code == 200


def test_an_unknown_status_shows_the_live_ones(viewer, suppliers):
    assert len(names(viewer.get("/suppliers/?status=nonsense").content.decode())) == records.PAGE


def test_a_count_is_exact_up_to_its_limit_and_an_estimate_beyond(suppliers):
    rows = GoldenRecord.objects.filter(domain="supplier")
    assert str(counting.count(rows)) == "60"
    beyond = counting.count(rows, limit=20)
    assert not beyond.exact
    assert beyond.number >= 20
    assert str(beyond).startswith("≈")
