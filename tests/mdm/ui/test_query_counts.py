"""How many queries the pages cost that stewards open all day: pinned, and the same whatever there is to show."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mdm.services import review
from tests.mdm import kit
from tests.mdm.ui.conftest import HX

LISTS = ("items", "suppliers", "locations", "cost-centers")
# Change a number only with the page; more for the same is a regression.
PINNED = {
    "queue": 24,
    "queue, filtered": 13,
    "comparison": 23,
    "comparison, swapped": 20,
    "golden record": 34,
    "golden record, versions": 10,
    "items": 11,
    "suppliers": 11,
    "locations": 11,
    "cost-centers": 11,
    "work": 9,
    "home": 28,
}


def grow(first: int, last: int) -> None:
    """Doubts about one item; more sources, versions and comments of it; more records of every domain."""
    numbers = range(first, last)
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("erp", {f"E{n}": kit.CATHETER | {"description": f"Gown, size {n}"} for n in numbers})
    for n in numbers:
        kit.feed(f"site{n}", {"S": kit.CATHETER})
    doubts = {f"D{n}": kit.SAME_CATHETER | {"description": f"Foley catheter, {n} Fr, 5 mL, coated"} for n in numbers}
    kit.feed("scm", doubts)
    kit.feed("erp", {f"V{n}": {"name": f"Vendor {n} of all"} for n in numbers}, "supplier")
    kit.feed("erp", {f"L{n}": {"name": f"Ward {n}"} for n in numbers}, "location")
    kit.feed("erp", {f"C{n}": {"code": f"4{n}00", "name": f"Department {n}"} for n in numbers}, "cost_center")
    for n in numbers:
        review.comment(item=kit.review("scm", "D20"), text=f"Comment {n}", actor=kit.steward())


def asked(client: Client, address: str, **headers: str) -> int:
    client.get(address, headers=headers)  # what is remembered between requests is, by now
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address, headers=headers)
    assert answer.status_code == 200, address
    return len(queries)


def counts(client: Client) -> dict[str, int]:
    item, golden = kit.review("scm", "D20"), kit.golden("erp", "E1")
    compare = f"/review/{item.pk}/"
    return {
        "queue": asked(client, "/review/?start=0"),
        "queue, filtered": asked(client, "/review/?domain=item&due=over"),
        "comparison": asked(client, compare),
        "comparison, swapped": asked(client, compare, **HX),
        "golden record": asked(client, f"/items/{golden.public_id}/"),
        "golden record, versions": asked(client, f"/items/{golden.public_id}/versions/"),
        **{name: asked(client, f"/{name}/") for name in LISTS},
        "work": asked(client, "/work/"),
        "home": asked(client, "/"),
    }


def test_no_page_asks_more_of_many_records_than_of_few(steward):
    grow(20, 22)
    assert counts(steward) == PINNED
    grow(22, 30)
    assert kit.golden("erp", "E1").sources.count() == 11
    assert counts(steward) == PINNED
