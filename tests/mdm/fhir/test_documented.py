"""docs/fhir.md says what is so."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings

from mdm.fhir.mapping import PLACES
from mdm.fhir.places import Extension
from mdm.fhir.search import PARAMETERS
from tests.mdm.api import world

PAGE = (settings.BASE_DIR / "docs" / "fhir.md").read_text()
COMMON = {"_id", "_lastUpdated", "identifier"}


@pytest.fixture
def documented(db):
    """The item of the page's example."""
    record = world.golden("CATHETER FOLEY 16FR")
    world.coded(record, world.code_system("erp-item"), "4711", uom="BX")
    world.coded(record, world.code_system("ehr-item"), "ITM-88", uom="EA")
    world.packed(record, EA=1, BX=12)


def test_the_page_s_request_gets_the_page_s_answer(api, documented):
    request, answer = re.search(r"```sh\n(.*?)```\s*```json\n(.*?)```", PAGE, re.DOTALL).groups()
    address = re.search(r"\$CONCORD(\S+)\"", request.replace("\\\n", "").replace("\\$", "$")).group(1)
    parts = urlsplit(address)
    assert api.get(parts.path, dict(parse_qsl(parts.query))).json() == json.loads(answer)


@pytest.mark.parametrize("resource", PARAMETERS)
def test_the_page_names_every_search_parameter(resource):
    row = next(line for line in PAGE.splitlines() if line.startswith("|") and f"| `{resource}` |" in line)
    named = re.findall(r"`([\w-]+)`", row.rpartition("| `" + resource)[2])
    assert set(named) - {resource} == set(PARAMETERS[resource]) - COMMON


def test_the_extensions_that_the_page_names_are_written():
    urls = {place.url for places in PLACES.values() for place in places if isinstance(place, Extension)}
    named = set(re.findall(r"urn:concord:extension:item:[\w-]+", PAGE))
    assert named
    assert named <= urls
