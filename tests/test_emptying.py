"""What one test commits, the next doesn't find."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import TransactionTestCase

from mdm.models import AuditEntry, GoldenRecord, User
from mdm.permissions import ROLES
from tests.mdm import kit

pytestmark = pytest.mark.django_db(transaction=True)


def empty() -> None:
    """As after a test."""

    class Case(TransactionTestCase):
        pass

    Case("__init__")._fixture_teardown()


def test_nothing_is_left_not_even_what_may_not_be_deleted():
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.steward()
    assert AuditEntry.objects.exists()
    assert GoldenRecord.history.exists()
    empty()
    for rows in (AuditEntry.objects, GoldenRecord.objects, GoldenRecord.history, User.objects):
        assert not rows.exists()
    assert kit.steward().groups.get().permissions.exists()


def test_roles_that_a_test_changed_are_as_before():
    Group.objects.create(name="night-shift")
    Group.objects.get(name="viewer").permissions.clear()
    empty()
    assert {*Group.objects.values_list("name", flat=True)} == {*ROLES}
    assert Group.objects.get(name="viewer").permissions.exists()
    kit.steward()
    empty()
    assert not User.objects.exists()
