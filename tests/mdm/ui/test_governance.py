"""Owners and the dictionary on screen."""

from __future__ import annotations

import re
from html import unescape

import pytest

from mdm.canonical import DOMAINS
from mdm.models import AttributeNote, DomainOwnership
from tests.mdm import kit
from tests.mdm.ui.conftest import browser

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(answer.content.decode())).split())


def test_the_dictionary_has_every_attribute_of_the_model(viewer):
    for name, spec in DOMAINS.items():
        page = text_of(viewer.get(f"/governance/?domain={name}"))
        assert [field.label for field in spec.fields if field.label not in page] == []
    assert "Guarded" in text_of(viewer.get("/governance/"))


def test_an_administrator_names_owner_and_stewards(viewer):
    admin, steward = browser("administrator"), kit.steward()
    said = {"owner": steward.pk, "stewards": [steward.pk], "review_hours": 12}
    assert viewer.post("/governance/items/", said).status_code == 403
    assert admin.post("/governance/items/", said).status_code == 302
    row = DomainOwnership.objects.get(domain="item")
    assert (row.owner, row.review_hours, list(row.stewards.all())) == (steward, 12, [steward])
    assert admin.post("/governance/items/", said | {"review_hours": 0}).status_code == 422
    assert "12 h" in text_of(viewer.get("/governance/"))


def test_an_attribute_is_described_and_classified(viewer):
    admin = browser("administrator")
    said = {"definition": "Natural rubber latex <anywhere>", "classification": "confidential"}
    assert admin.post("/governance/items/latex/", said).status_code == 302
    assert AttributeNote.objects.get().path == "latex"
    assert "Confidential" in text_of(viewer.get("/governance/"))
    assert "&lt;anywhere&gt;" in viewer.get("/governance/").content.decode()
    assert admin.get("/governance/items/nothing/").status_code == 404
    assert admin.post("/governance/items/latex/", said | {"classification": "x"}).status_code == 422


def test_a_viewer_is_offered_no_change(viewer):
    assert "/governance/items/" not in viewer.get("/governance/").content.decode()
