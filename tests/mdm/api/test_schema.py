"""The API's description is valid, says what the API does, and its examples fit it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from mdm.api.urls import v1
from sync.api.urls import urlpatterns as sync_routes
from tests.mdm import kit
from tests.mdm.api import world


@cache
def description() -> dict[str, Any]:
    text = json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str)
    return json.loads(text)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, methods in description()["paths"].items() for method, op in methods.items()]


def misfits(value: Any, schema: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator(schema | {"components": description()["components"]})
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]


def media(content: dict[str, Any]) -> dict[str, Any]:
    found = content["content"]
    return found.get("application/json") or found["application/octet-stream"]  # messages of other systems


def answer_schema(path: str, method: str = "get") -> dict[str, Any]:
    return media(description()["paths"][path][method]["responses"]["200"])["schema"]


def test_the_description_is_valid_and_made_without_a_warning(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))
    validate_schema(description())
    assert description()["openapi"].startswith("3.1")


def test_every_route_of_the_api_is_described():
    assert len(description()["paths"]) == len(v1) + len(sync_routes)
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names)) > len(v1)


def test_every_operation_says_what_it_is_and_answers_problems():
    for path, method, operation in operations():
        assert operation["description"], path
        assert operation["tags"] != ["Concord"], (path, method)
        signed = operation["operationId"] == "inbound_webhook"  # says who it is by its signature
        assert operation.get("security", []) == ([] if signed else [{"apiKey": []}])
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}


def answered(operation: dict[str, Any]) -> dict[str, Any] | None:
    """What it answers with when all is well; None of streams and files."""
    first = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    return first if "application/json" in first.get("content", {}) else None


def test_every_operation_has_an_example_of_its_answer_and_body():
    for path, _, operation in operations():
        if answer := answered(operation):
            assert media(answer)["examples"], path
        if "requestBody" in operation:
            assert media(operation["requestBody"])["examples"], path


def examples() -> list[Any]:
    found = []
    for path, method, operation in operations():
        parts = {"answer": answered(operation), "body": operation.get("requestBody")}
        for name, part in parts.items():
            if part is None:
                continue
            for example in media(part)["examples"].values():
                found.append(pytest.param(example["value"], media(part)["schema"], id=f"{method} {path} {name}"))
    return found


@pytest.mark.parametrize(("example", "schema"), examples())
def test_each_example_fits_what_it_illustrates(example, schema):
    assert misfits(example, schema) == []


@pytest.mark.django_db
def test_answers_fit_their_description(api):
    item = kit.doubtful()
    golden = kit.golden("erp", "E1")
    places = {"code_system": "erp-item", "code": "E1", "public_id": golden.public_id, "id": item.pk}
    asked = ["/api/v1/crosswalk/{code_system}/{code}", "/api/v1/items", "/api/v1/items/{public_id}",
             "/api/v1/items/{public_id}/history", "/api/v1/work-items", "/api/v1/work-items/{id}",
             "/api/v1/change-requests", "/api/v1/changes"]  # fmt: skip
    for path in asked:
        answer = api.get(path.format(**places))
        assert answer.status_code == 200, path
        assert misfits(answer.json(), answer_schema(path)) == [], path


@pytest.mark.django_db
def test_a_batch_and_a_problem_fit_their_description(api):
    kit.feed("erp", {"E1": kit.CATHETER})
    body = {"code_system": "erp-item", "codes": ["E1", "nobody"]}
    batch = api.post("/api/v1/crosswalk/batch", body, content_type="application/json").json()
    assert misfits(batch, answer_schema("/api/v1/crosswalk/batch", "post")) == []
    problem = {"$ref": "#/components/schemas/Problem"}
    assert misfits(batch["outcomes"][1]["problem"], problem) == []
    assert misfits(api.get("/api/v1/items?limit=0").json(), problem) == []


@pytest.mark.django_db
def test_the_description_is_served_as_yaml_and_json():
    visitor = world.browser(world.user("vera", "viewer"))
    assert visitor.get("/api/schema/").content.startswith(b"openapi: 3.1")
    assert visitor.get("/api/schema/?format=json").json()["info"]["title"] == "Concord API"


def parts(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All that a description is made of, with where it stands; examples and lists of choices are left out."""
    if isinstance(node, dict):
        yield path, node
        for name, inner in node.items():
            if name not in {"example", "examples", "enum", "default"}:
                yield from parts(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from parts(inner, f"{path}/{number}")


def test_nothing_may_be_anything():
    for path, part in parts(description()):
        assert part.get("additionalProperties") != {}, path
        assert not path.endswith(("/schema", "/items")) or set(part) - {"description", "title"}, path


def test_choices_have_names_that_say_what_of():
    for path, part in parts(description()):
        if "enum" in part:
            assert path.startswith("/components/schemas/"), path
            assert path.count("/") == 3, path
            assert not path.endswith("Enum"), path


def test_every_part_of_an_address_has_an_example():
    for path, _, operation in operations():
        for parameter in operation.get("parameters", []):
            assert parameter["in"] != "path" or parameter["example"], (path, parameter["name"])


def test_a_body_that_says_nothing_of_itself_is_not_described_by_its_base_class():
    for name, schema in description()["components"]["schemas"].items():
        assert "misspelt option" not in schema.get("description", ""), name


def test_every_part_of_a_query_says_what_it_is():
    for path, _, operation in operations():
        for parameter in operation.get("parameters", []):
            assert parameter["in"] == "path" or parameter.get("description"), (path, parameter["name"])


def test_what_has_choices_names_them():
    free = {"Location.state", "LocationAttributes.state", "SupplierAttributesAddresses.state"}  # of the United States
    for name, schema in description()["components"]["schemas"].items():
        for part in {"domain", "status", "state", "decision", "outcome"} & set(schema.get("properties", {})):
            shape = schema["properties"][part]
            assert shape.get("type") != "string" or name == "Problem", (name, part)
            assert shape.get("type") != ["string", "null"] or f"{name}.{part}" in free, (name, part)


def test_a_generated_client_can_send_the_headers_that_count():
    for path, method, operation in operations():
        headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        writes = method != "get" and operation["operationId"] != "inbound_webhook"
        assert ("Idempotency-Key" in headers) == writes, (path, method)
    parameters = description()["paths"]["/api/v1/items/{public_id}"]["patch"]["parameters"]
    assert "If-Match" in {one["name"] for one in parameters}


def test_nothing_is_described_by_itself():
    """A shape that holds itself is left out by generators of clients, and whatever holds it."""
    schemas = description()["components"]["schemas"]
    held = {
        name: {part["$ref"].rpartition("/")[2] for _, part in parts(shape) if "$ref" in part}
        for name, shape in schemas.items()
    }
    while leaves := {name for name, inner in held.items() if not inner}:
        held = {name: inner - leaves for name, inner in held.items() if name not in leaves}
    assert not held
