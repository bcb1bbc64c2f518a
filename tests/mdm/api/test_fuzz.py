"""Schemathesis on every operation of the description: whatever is sent, the answer is one that the description names,
and never a 500. A few examples each here; `make fuzz` sends many more.
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

EXAMPLES = int(os.environ.get("CONCORD_FUZZ", "5"))
SLOW = {"changes_stream"}  # a stream ends after minutes; test_feed has it

load_all_checks()
# All but that of accepting what fits: a schema can't say which word is an attribute, a cursor or a code system.
NOT_HELD = {"positive_data_acceptance"}
CHECKS_HELD = [check for check in CHECKS.get_all() if check.__name__ not in NOT_HELD]
schema = schemathesis.openapi.from_dict(description())
OPERATIONS = sorted(
    (result.ok() for result in schema.get_all_operations()), key=lambda operation: (operation.path, operation.method)
)


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


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method.upper()} {operation.path}")
def test_whatever_is_sent_is_answered_as_the_description_says(operation, key):
    if operation.definition.raw["operationId"] in SLOW:
        pytest.skip("a stream")
    operation.app = schema.app = get_wsgi_application()
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
        case.call_and_validate(headers=headers, checks=CHECKS_HELD)

    run()
