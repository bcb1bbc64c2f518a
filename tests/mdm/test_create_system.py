"""`manage.py create_system`: what an integration begins with."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mdm.models import AuditEntry, CodeSystem, SourceSystem

pytestmark = pytest.mark.django_db


def create(code, kind="erp", domains=("item",)) -> str:
    out = StringIO()
    asked = [f"--domain={domain}" for domain in domains]
    call_command("create_system", code, f"--kind={kind}", *asked, stdout=out)
    return out.getvalue()


def test_a_system_gets_a_code_system_for_each_domain():
    assert "lawson-item, lawson-cost-center" in create("lawson", domains=["item", "cost_center"])
    assert CodeSystem.objects.filter(system__code="lawson").count() == 2
    assert AuditEntry.objects.get().action == "source_system.create"


def test_a_system_that_is_there_gets_what_it_lacks():
    create("lawson")
    create("lawson", domains=["item", "supplier"])
    assert SourceSystem.objects.filter(code="lawson").count() == 1
    assert CodeSystem.objects.filter(system__code="lawson").count() == 2


def test_a_system_of_another_kind_or_with_a_code_that_is_none_is_refused():
    create("lawson")
    with pytest.raises(CommandError, match="already, of the kind erp"):
        create("lawson", kind="ehr")
    with pytest.raises(CommandError, match="valid"):
        create("law son")
