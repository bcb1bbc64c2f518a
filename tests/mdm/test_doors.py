"""One question, every door: whichever way the crosswalk is asked, the answer is the same, then and now."""

from __future__ import annotations

import datetime as dt
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import cycle, islice, permutations, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from msgspec import to_builtins
from msgspec.structs import astuple

from mdm import auth, lookup, permissions, reverse
from mdm.code_systems import code_systems
from mdm.exceptions import Ambiguous, ConcordError
from mdm.fhir import uris
from mdm.models import CodeSystem, Crosswalk, GoldenRecord, User
from mdm.services import change, downtime, ingest, merge, resolve, split
from mdm.services.periods import state_period
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.downtime.kit import substituted

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
THINGS = [kit.CATHETER | {"gtin": "00614141007349"}, kit.STAPLER | {"gtin": "00312345678906"},
          {"description": "Glove, nitrile, exam, medium, blue", "manufacturer": "Nordveil", "base_uom": "EA",
           "catalogue_number": "NV-200M", "gtin": "00012345678905"},
          {"description": "Suture, absorbable, 3-0, 70 cm", "manufacturer": "Ethira", "base_uom": "EA",
           "catalogue_number": "J316H", "gtin": "00041333661483"}]  # fmt: skip
FEEDS = {  # the unit in which each system counts the things; SCM says KAR
    "erp": (["BX", "EA", "", "CA"], [("EA", 1), ("BX", 12), ("CA", 10)]),
    "ehr": (["EA", "BX", "ML", "EA"], []),
    "scm": (["KAR", "BX", "KAR"], [("EA", 1), ("BX", 12), ("CA", 10)]),
}
UNITS = (None, "BX", "KAR", "b10", "nonsense")
Json = dict[str, Any]


def fed(system: str, units: Iterable[str], ladder: Iterable[tuple[str, int]]) -> None:
    packaging = [{"uom": uom, "quantity": quantity} for uom, quantity in ladder]
    values = [thing | ({"packaging": packaging} if packaging else {}) for thing in THINGS]
    rows = [
        ingest.Row(number=n, code=f"{system} {n}", uom=uom, values=said, raw=said)
        for n, (said, uom) in enumerate(zip(values, units, strict=False))
    ]
    run = ingest.begin(code_system=kit.code_system(system), channel="file", actor=User.objects.system())
    ingest.land(ingest=run, rows=rows)
    ingest.finish(ingest=run)
    resolve.resolve_all(domain="item", actor=User.objects.system())


def events() -> Iterator[None]:
    """What happens to a small hospital's items, one thing at a time."""
    for system in FEEDS:
        kit.code_system(system)
    CodeSystem.objects.filter(slug="scm-item").update(units={"KAR": "BX"}, normaliser="upper")
    CodeSystem.objects.filter(slug="ehr-item").update(units={"KAR": "CA"})
    code_systems.forget()
    for system, (units, ladder) in FEEDS.items():
        fed(system, units, ladder)
        yield
    steward, today = kit.steward(), timezone.localdate()
    catheter, stapler, glove, suture = (kit.golden("erp", f"erp {n}") for n in range(4))
    said = {"code_system": kit.code_system("ehr"), "actor": steward, "reason": "As it was"}
    state_period(golden=stapler, code="over", valid_from=today - 30 * DAY, valid_to=today - 10 * DAY, uom="EA", **said)
    state_period(golden=stapler, code="ending", valid_from=today - 9 * DAY, valid_to=today + 9 * DAY, uom="EA", **said)
    state_period(golden=suture, code="coming", valid_from=today + 9 * DAY, uom="BX", **said)
    yield
    house, ward = world.golden("House", "location"), world.golden("Ward", "location")
    substituted(stapler, glove, ward, "Back order")
    substituted(suture, catheter, house, "Back order")
    yield
    change.override(golden=glove, path="description", value="Glove, blue", actor=steward, reason="Shorter")
    yield
    merge.merge(survivor=catheter, loser=stapler, actor=steward, reason="One thing")
    yield
    fed("erp", FEEDS["erp"][0], [("EA", 1), ("BX", 24), ("CA", 10)])
    yield
    split.split(golden=kit.fresh(glove), sources=[kit.source("scm", "scm 2")], actor=steward, reason="Two things")
    yield
    change.retire(golden=kit.fresh(suture), actor=steward, reason="Not made any more")
    yield


def systems() -> list[CodeSystem]:
    return [system for system in code_systems.all() if system.slug in ("erp-item", "ehr-item", "scm-item", "gtin")]


def codes_of(system: CodeSystem) -> list[str]:
    return sorted(set(Crosswalk.objects.filter(code_system=system).values_list("code", flat=True)))


def everything(**then: Any) -> dict[Any, Any]:
    """What lookups answer by code and by record."""
    said: dict[Any, Any] = {}
    for system, target in permutations(systems(), 2):
        codes = codes_of(system)
        for code, found in zip(codes, lookup.resolve_many(system.slug, codes, to=target.slug, **then), strict=True):
            said[system.slug, code, target.slug] = plain(found)
    for record in GoldenRecord.objects.filter(domain="item").values_list("public_id", flat=True):
        try:
            said[record] = plain(reverse.codes_of(record, **then))
        except ConcordError as error:
            said[record] = plain(error)
    return said


def plain(outcome: Any) -> Any:
    if isinstance(outcome, ConcordError):
        return outcome.status, outcome.details.get("candidates")
    return to_builtins(outcome, enc_hook=str)


def test_what_was_answered_at_an_instant_is_what_is_answered_for_it_ever_after():
    told = [(timezone.now(), everything()) for _ in events()]
    assert len(told) == 10
    for instant, answers in told:
        now = everything(known_at=instant)
        assert {key: (one, now[key]) for key, one in answers.items() if one != now[key]} == {}


@pytest.fixture
def hospital(settings, tmp_path) -> SimpleNamespace:
    settings.MEDIA_ROOT = tmp_path / "files"
    auth.forget()
    instants = [timezone.now() for _ in events()]
    api = world.machine(world.user("vera", "viewer"), permissions.VIEW, permissions.LOOKUP)
    places = GoldenRecord.objects.filter(domain="location").values_list("public_id", flat=True)
    return SimpleNamespace(api=api, instants=instants, sites=list(places), today=timezone.localdate())


def questions(hospital: SimpleNamespace) -> Iterator[tuple[CodeSystem, str, CodeSystem, dict[str, str]]]:
    """Each code, towards each system, with ever other options: all that there are come up."""
    days = [None, *(hospital.today + n * DAY for n in (-20, -2, 20))]
    options = cycle(product([None, *hospital.sites], UNITS, [None, hospital.instants[4], hospital.instants[-2]], days))
    named = ("site", "uom", "known_at", "as_of")
    asked = [(system, code, target) for system in systems() for target in systems() for code in codes_of(system)]
    for system, code, target in asked[::2]:
        values = next(islice(options, 6, None))  # seven at a time: prime to the number of each
        yield system, code, target, {n: str(v) for n, v in zip(named, values, strict=True) if v is not None}


def rows(codes: Iterable[Json], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(one[name] for name in names or ("code", "uom", "factor", "no_factor")) for one in codes]


def matches(body: Json) -> list[tuple[Any, ...]]:
    """(code, unit, factor, why there is none) of each match of a translation."""
    found = []
    for match in (one["part"] for one in body["parameter"] if one["name"] == "match"):
        code = next(part["valueCoding"]["code"] for part in match if part["name"] == "concept")
        said = {}
        for element, value in (part["part"] for part in match if part["name"] == "product"):
            coding = value["valueCoding"]
            said[element["valueUri"].removeprefix("urn:concord:")] = coding.get("code") or coding["display"]
        found.append((code, said.get("uom", ""), said.get("factor"), said.get("no-factor")))
    return found


def translations(
    api: Client, system: CodeSystem, code: str, target: CodeSystem, options: dict[str, str]
) -> dict[str, Any]:
    """The same, asked in FHIR's ways."""
    here, there = uris.of(system), uris.of(target)
    r4, r5 = "/fhir/ConceptMap/$translate", "/fhir/r5/ConceptMap/$translate"
    parameters = [{"name": "coding", "valueCoding": {"system": here, "code": code}},
                  {"name": "targetsystem", "valueUri": there},
                  *({"name": name, "valueString": value} for name, value in options.items())]  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": parameters}
    asked = {
        "R4": api.get(r4, {"system": here, "code": code, "targetsystem": there} | options),
        "R4 as Parameters": api.post(r4, body, content_type="application/fhir+json"),
        "R5": api.get(r5, {"sourceCoding": f"{here}|{code}", "targetSystem": there} | options),
    }
    if system != target:
        back = f"/fhir/r5/ConceptMap/cm-{target.pk}-{system.pk}/$translate"
        asked["R5 by the map, backwards"] = api.get(back, {"targetCode": code} | options)
    return asked


def answers(
    api: Client, system: CodeSystem, code: str, target: CodeSystem, options: dict[str, str]
) -> Iterator[tuple[str, Any, Any]]:
    """(door, its answer, the lookup's) of each other door. An unknown code is 404 here, and a false result there."""
    found = api.get(f"/api/v1/crosswalk/{system.slug}/{quote(code)}", {"to": target.slug} | options)
    wanted: Any = rows(found.json()["codes"]) if found.status_code == 200 else found.status_code
    asked = {"code_system": system.slug, "codes": [code], "to": target.slug} | options
    (one,) = api.post("/api/v1/crosswalk/batch", asked, content_type="application/json").json()["outcomes"]
    yield "batch", rows(one["result"]["codes"]) if one["found"] else one["problem"]["status"], wanted
    for door, made in translations(api, system, code, target, options).items():
        yield (
            door,
            matches(made.json()) if made.status_code == 200 else made.status_code,
            [] if wanted == 404 else wanted,
        )
    if found.status_code == 200:
        body = found.json()
        record = api.get(
            f"/api/v1/records/{body['redirected_from'] or body['id']}/codes", {"to": target.slug} | options
        )
        for name in ("id", "name", "status", "redirected_from", "substitutes", "replaces"):
            yield f"record's {name}", record.json()[name], body[name]
        named = ("code", "uom", "preferred")  # a record has no unit of its own to have a factor from
        yield "record's codes", rows(record.json()["codes"], *named), rows(body["codes"], *named)


def test_every_door_gives_one_answer_whatever_is_asked_with_it(hospital):
    differing, seen = [], set()
    for question in questions(hospital):
        for door, said, wanted in answers(hospital.api, *question):
            seen.add(wanted if isinstance(wanted, int) else 200)
            if said != wanted:
                differing.append((*question, door, said, wanted))
    assert differing == []
    assert seen == {200, 404, 409}


def packed(hospital: SimpleNamespace, folder: Path) -> sqlite3.Connection:
    """The downtime pack of the whole network."""
    boss = kit.person("boss", "administrator")
    plan = downtime.plan(site=None, every_hours=6, valid_hours=72, actor=boss)
    pack = downtime.ask(plan=plan, actor=boss, anew=True)
    assert downtime.make(pack.pk)
    with zipfile.ZipFile(downtime.place(pack)) as archive:
        return sqlite3.connect(archive.extract("crosswalk.sqlite", folder))


def test_lists_packs_and_maps_hold_what_lookups_answer_today(hospital, tmp_path):
    """A code that records share leads to all of them in a pack, for a person to choose, and nowhere in a map."""
    sql = "SELECT to_code, to_uom, preferred, factor, no_factor FROM translation"
    sql += " WHERE (system, code, to_system) = (?, ?, ?)"
    with closing(packed(hospital, tmp_path)) as pack:
        for system, target in permutations(systems(), 2):
            gaps, map_ = unmapped(hospital.api, system, target), mapped(hospital.api, system, target)
            codes = codes_of(system)
            for code, found in zip(codes, lookup.resolve_many(system.slug, codes, to=target.slug), strict=True):
                there = [] if isinstance(found, ConcordError) else list(map(astuple, found.codes))
                assert map_.get(code, []) == sorted(row[0] for row in there)
                if not isinstance(found, Ambiguous):
                    rows = pack.execute(sql, (system.slug, code, target.slug))
                    assert [(*row[:2], bool(row[2]), *row[3:]) for row in rows] == there
                    missing = not isinstance(found, ConcordError) and found.status == "live" and not there
                    assert (code in gaps) == missing


def unmapped(api: Client, system: CodeSystem, target: CodeSystem) -> set[str]:
    page = api.get(f"/api/v1/code-systems/{system.slug}/unmapped", {"to": target.slug}).json()
    return {row["code"] for row in page["results"]}


def mapped(api: Client, system: CodeSystem, target: CodeSystem) -> dict[str, list[str]]:
    groups = api.get(f"/fhir/ConceptMap/cm-{system.pk}-{target.pk}").json().get("group", [])
    elements = [element for group in groups for element in group["element"]]
    return {one["code"]: sorted(there["code"] for there in one["target"]) for one in elements}


def test_lists_by_code_find_what_a_lookup_finds(hospital):
    for system in systems():
        codes = codes_of(system)
        for code, found in zip(codes, lookup.resolve_many(system.slug, codes), strict=True):
            ids = {found.id} if isinstance(found, lookup.Resolution) else set(found.details.get("candidates", ()))
            bundle = hospital.api.get("/fhir/DeviceDefinition", {"identifier": f"{uris.of(system)}|{code}"}).json()
            assert {entry["resource"]["id"] for entry in bundle.get("entry", ())} == ids
            query = {"code_system": system.slug, "code": code}
            listed = [
                row["id"]
                for status in ("live", "retired")
                for row in hospital.api.get("/api/v1/items", query | {"status": status}).json()["results"]
            ]
            assert set(listed) == ids
