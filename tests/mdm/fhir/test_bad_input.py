"""Whatever is asked, the answer is FHIR's: a resource, or an OperationOutcome with a status of 4xx."""

from __future__ import annotations

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdm.fhir import translate
from mdm.fhir.search import PARAMETERS, RESULT

SENSIBLE = st.sampled_from([
    "erp-item", "urn:concord:id", "urn:concord:code-system:erp-item|4711", "4711", "E-1", "2026-05-03", "ge2026-02-30",
    "urn:concord:concept-map:erp-item:ehr-item", "true", "0", "|", ",", "\\,", "MDM-IT-000001", "a|b|c", "\0", "9" * 30,
])  # fmt: skip
WORDS = SENSIBLE | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def queries(names: list[str]) -> st.SearchStrategy[dict[str, list[str]]]:
    named = st.sampled_from(names) | st.builds(
        "{}:{}".format, st.sampled_from(names), st.sampled_from(["exact", "x", ""])
    )
    return st.dictionaries(named, st.lists(WORDS, min_size=1, max_size=2), max_size=4)


ADDRESSES = {
    "/fhir/ConceptMap/$translate": sorted(translate.R4.known),
    "/fhir/r5/ConceptMap/$translate": sorted(translate.R5.known),
    "/fhir/CodeSystem/$lookup": ["system", "code", "coding", "property", "as_of", "known_at"],
    "/fhir/Organization": [*PARAMETERS["Organization"], *RESULT],
    "/fhir/Location": [*PARAMETERS["Location"], *RESULT],
    "/fhir/DeviceDefinition": [*PARAMETERS["DeviceDefinition"], *RESULT],
    "/fhir/r5/InventoryItem": [*PARAMETERS["InventoryItem"], *RESULT],
    "/fhir/ConceptMap": ["_id", "url", "name", "_count", "_cursor"],
    "/fhir/NamingSystem": ["_id", "value", "name", "_count", "_cursor"],
}


def is_fhir(answer) -> bool:
    if answer.status_code != 200:
        OperationOutcome.model_validate_json(answer.content)
    return answer.status_code < 500 and answer["Content-Type"] == "application/fhir+json"


@pytest.mark.parametrize("address", ADDRESSES)
def test_whatever_a_query_says_the_answer_is_fhir(api, catheter, address):
    @settings(max_examples=25, database=None, suppress_health_check=list(HealthCheck))
    @given(queries(ADDRESSES[address]))
    def ask(query):
        answer = api.get(address, query)
        assert is_fhir(answer), (query, answer.content)

    ask()


NAMES = st.sampled_from(["system", "code", "coding", "text"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
    max_leaves=6,
)


@pytest.mark.parametrize("address", list(ADDRESSES)[:3])
def test_whatever_a_body_says_the_answer_is_fhir(api, catheter, address):
    names = st.sampled_from(ADDRESSES[address])
    kinds = st.sampled_from(["valueCode", "valueUri", "valueCoding", "valueCodeableConcept", "part", "resource"])
    parameter = st.builds(lambda name, kind, value: {"name": name, kind: value}, names, kinds, JSON)

    @settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(parameter | JSON, max_size=4))
    def ask(parameters):
        body = {"resourceType": "Parameters", "parameter": parameters}
        answer = api.post(address, body, content_type="application/fhir+json")
        assert is_fhir(answer), (parameters, answer.content)

    ask()
