"""Schemathesis on every operation of the API and of FHIR: whatever is sent, the answer is one that is described, and
never a 500. A few examples each here; `make fuzz` sends many more.
"""

from __future__ import annotations

import os

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks

from mdm import auth, feed, permissions
from mdm.models import ApiKey
from mdm.services import events
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.api.test_schema import description
from tests.mdm.fhir import openapi

EXAMPLES = int(os.environ.get("CONCORD_FUZZ", "5"))
SLOW = {"changes_stream"}  # a stream ends after minutes; test_feed has it

load_all_checks()
# All but that of accepting what fits: a schema can't say which word is an attribute, a cursor or a code system.
NOT_HELD = {"positive_data_acceptance"}
CHECKS_HELD = [check for check in CHECKS.get_all() if check.__name__ not in NOT_HELD]
# Each record is answered by itself: one that isn't as described is refused in its place, the others land.
BY_PART = {"sources_submit"}
# FHIR says itself what is refused and what is ignored; the description of it holds what comes back.
OF_ANSWERS = ("not_a_server_error", "status_code", "content_type", "response_schema")
FHIR_CHECKS = [check for check in CHECKS.get_all() if check.__name__.startswith(OF_ANSWERS)]
schema = schemathesis.openapi.from_dict(description())
fhir = schemathesis.openapi.from_dict(openapi.description())


def operations_of(described) -> list:
    found = (result.ok() for result in described.get_all_operations())
    return sorted(found, key=lambda operation: (operation.path, operation.method))


OPERATIONS = operations_of(schema)


@pytest.fixture(autouse=True)
def one_connection():
    """The application must not close the connection of the test's transaction; Django's client sees to it, too."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch):
    """Whoever asks to wait for changes is told after a moment that there are none."""
    wait = feed.wait

    def briefly(after, *, seconds, **asked):
        return wait(after, seconds=min(seconds, 0.1), **asked)

    monkeypatch.setattr(feed, "wait", briefly)


@pytest.fixture
def key(db, settings, tmp_path) -> str:
    """Of somebody who may do everything, with some records to do it to."""
    settings.MEDIA_ROOT = tmp_path
    kit.doubtful()
    events.sequence()
    everybody = world.user("fuzz", *permissions.ROLES)
    auth.forget()
    _, token = ApiKey.objects.issue(user=everybody, name="fuzz", scopes=list(permissions.DESCRIPTIONS))
    return token


def tried(operation, key: str, checks: list) -> None:
    """Send an operation some examples and hold what comes back to these checks."""
    operation.app = get_wsgi_application()
    headers = {"Authorization": f"Bearer {key}"}

    @given(st.data())
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(data):
        mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(headers=headers, checks=checks)

    run()


def name_of(operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_whatever_is_sent_is_answered_as_the_description_says(operation, key):
    if operation.definition.raw["operationId"] in SLOW:
        pytest.skip("a stream")
    schema.app = get_wsgi_application()
    by_part = operation.definition.raw["operationId"] in BY_PART
    tried(operation, key, [c for c in CHECKS_HELD if not (by_part and c.__name__ == "negative_data_rejection")])


@pytest.mark.parametrize("operation", operations_of(fhir), ids=name_of)
def test_whatever_is_asked_of_fhir_is_answered_by_a_resource_or_an_outcome(operation, key):
    fhir.app = get_wsgi_application()
    tried(operation, key, FHIR_CHECKS)
