"""What comes along with the records of a search."""

from __future__ import annotations

from typing import Any

import pytest

from mdm.fhir import includes
from mdm.models import Location
from tests.mdm.api import world
from tests.mdm.fhir.test_versions import parsed


@pytest.fixture(autouse=True)
def ward(db) -> None:
    """Network > hospital > ward > two beds."""
    above = None
    for name in ("Network", "Hospital", "Ward", "Bed 1"):
        place = world.golden(name, "location")
        Location.objects.filter(golden=place).update(name=name, parent=above)
        above = above if name == "Bed 1" else place
    Location.objects.filter(golden=world.golden("Bed 2", "location")).update(name="Bed 2", parent=above)


def found(api, **query: str) -> dict[str, list[str]]:
    """Names by search mode."""
    modes: dict[str, list[str]] = {"match": [], "include": []}
    for entry in parsed(api.get("/fhir/Location", query)).get("entry", []):
        modes[entry["search"]["mode"]].append(entry["resource"]["name"])
    return modes


@pytest.mark.parametrize(
    ("query", "along"),
    [
        ({"_include": "Location:partof"}, ["Hospital"]),
        ({"_include": "*"}, ["Hospital"]),
        ({"_include": "Location:partof:Location"}, ["Hospital"]),
        ({"_include:iterate": "Location:partof"}, ["Hospital", "Network"]),
        ({"_revinclude": "Location:partof"}, ["Bed 1", "Bed 2"]),
        ({"_include": "Location:partof", "_revinclude": "Location:partof"}, ["Bed 1", "Bed 2", "Hospital"]),
    ],
)
def test_what_a_place_is_part_of_and_what_is_part_of_it_comes_along(api, query, along):
    modes = found(api, name="Ward", **query)
    assert (modes["match"], sorted(modes["include"])) == (["Ward"], along)


def test_all_below_a_place_comes_along_and_each_comes_once(api):
    assert len(found(api, name="Network", **{"_revinclude:iterate": "Location:partof"})["include"]) == 4
    modes = found(api, **{"_include": "Location:partof", "_revinclude:iterate": "Location:partof"})
    assert (len(modes["match"]), modes["include"]) == (5, [])


def test_a_draft_does_not_come_along(api):
    Location.objects.get(name="Hospital").golden.__class__.objects.filter(name="Hospital").update(approved_version=0)
    assert found(api, name="Ward", _include="Location:partof")["include"] == []


def test_pages_keep_what_comes_along(api):
    page = parsed(api.get("/fhir/Location", {"_include": "Location:partof", "_count": "1", "_sort": "-_id"}))
    following = next(one["url"] for one in page["link"] if one["relation"] == "next")
    assert "_include=Location%3Apartof" in following
    assert [entry["search"]["mode"] for entry in parsed(api.get(following.removeprefix("http://testserver")))["entry"]]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("Location", {"_include": "Location:organization"}),
        ("Location", {"_include:above": "Location:partof"}),
        ("Location", {"_revinclude": "Organization:partof"}),
        ("DeviceDefinition", {"_include": "DeviceDefinition:manufacturer"}),
    ],
)
def test_what_cannot_come_along_is_refused(api, kind, query):
    assert api.get(f"/fhir/{kind}", query).status_code == 400


def test_more_than_can_come_along_is_refused_rather_than_cut_short(api, monkeypatch):
    monkeypatch.setattr(includes, "MOST", 1)
    answer = api.get("/fhir/Location", {"name": "Ward", "_revinclude": "Location:partof"})
    assert answer.status_code == 400
    assert "_count" in answer.content.decode()


def test_the_statement_says_what_may_come_along(api):
    kinds: dict[str, Any] = {one["type"]: one for one in parsed(api.get("/fhir/metadata"))["rest"][0]["resource"]}
    assert kinds["Location"]["searchRevInclude"] == kinds["Location"]["searchInclude"] == ["Location:partof"]
    assert "searchInclude" not in kinds["DeviceDefinition"]
    assert "history-type" in {one["code"] for one in kinds["DeviceDefinition"]["interaction"]}
