"""Search over HTTP: as on screen, by the same function."""

from __future__ import annotations

import pytest
from django.test import Client

from mdm import permissions
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.api.test_schema import answer_schema, misfits


def ask(client: Client, **query):
    return client.get("/api/v1/search", query)


def test_a_text_is_answered_with_what_it_may_mean(api):
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.STAPLER})
    answer = ask(api, q="16fr fole").json()
    assert [one["id"] for one in answer["results"]] == [kit.golden("erp", "E1").public_id]
    assert answer["results"][0]["why"] == "foley, 16 fr"
    assert misfits(answer, answer_schema("/api/v1/search")) == []


def test_a_blank_after_the_last_word_ends_it(api):
    kit.feed("erp", {"E1": kit.CATHETER})
    assert ask(api, q="fol").json()["results"]
    assert ask(api, q="fol ").json()["results"] == []


def test_domain_status_and_limit_narrow_it(api):
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.OTHER_SIZE})
    kit.feed("erp", {"V1": {"name": "Catheter Makers Inc"}}, "supplier")
    assert len(ask(api, q="catheter").json()["results"]) == 3
    assert len(ask(api, q="catheter", domain="item").json()["results"]) == 2
    assert len(ask(api, q="catheter", limit=1).json()["results"]) == 1
    assert ask(api, q="catheter", status="draft").json()["results"] == []


@pytest.mark.parametrize(
    "query", [{}, {"q": ""}, {"q": "x", "limit": 0}, {"q": "x", "domain": "pet"}, {"q": "x" * 201}]
)
def test_what_cant_be_asked_is_a_problem(api, query):
    answer = ask(api, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_key_needs_the_scope_to_see_records(viewer):
    assert ask(world.machine(viewer, permissions.LOOKUP), q="catheter").status_code == 403
