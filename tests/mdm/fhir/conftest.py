from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import Client

from mdm import auth, permissions
from tests.mdm.api import world


@pytest.fixture(autouse=True)
def no_keys_remembered():
    auth.forget()


@pytest.fixture
def api(db) -> Client:
    """An API key that may see and look up."""
    return world.machine(world.user("vera", "viewer"), permissions.VIEW, permissions.LOOKUP)


@pytest.fixture
def catheter(db) -> SimpleNamespace:
    """An item that the ERP counts in boxes of 12 and the EHR in pieces."""
    record = world.golden("CATHETER FOLEY 16FR")
    erp, ehr = world.code_system("erp-item", kind="primary"), world.code_system("ehr-item", kind="primary")
    world.coded(record, erp, "4711", uom="BX")
    world.coded(record, ehr, "E-1", uom="EA")
    world.packed(record, EA=1, BX=12)
    return SimpleNamespace(record=record, erp=erp, ehr=ehr)
