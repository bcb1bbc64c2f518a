"""Any two records on demand, from the command line as well."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mdm import permissions
from mdm.exceptions import Forbidden
from mdm.services import explain, match
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def run(*names: str) -> list[str]:
    out = StringIO()
    call_command("explain", *names, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_says_the_score_its_evidence_and_what_would_have_to_change():
    item = kit.doubtful()
    head, *lines = run(kit.golden("erp", "E1").public_id, "scm-item/D1")
    assert head.startswith(f"{item.score:.1f} bits. It doesn't link by itself: ")
    assert any(line.strip().startswith("Catalogue no.: the same catalogue number") for line in lines)
    assert lines[-1].strip().startswith("Sizes ")


def test_the_command_names_what_it_cant_find():
    with pytest.raises(CommandError, match="There is no supplier MDM-SU-999999"):
        run("MDM-SU-999999", "MDM-SU-999998")


def test_the_pair_that_is_most_alike_counts_and_any_pair_may_veto():
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    kit.feed("ehr", {"H1": kit.OTHER_SIZE})
    golden = kit.golden("erp", "E1")

    def against(one: str) -> explain.Explanation:
        return explain.explain(domain="item", one=one, two="ehr-item/H1", actor=kit.steward())

    found, *each = against(golden.public_id), against("erp-item/E1"), against("scm-item/S1")
    assert found.comparison.score == max(one.comparison.score for one in each)
    assert any(veto.startswith("sizes differ") for veto in found.vetoes)


def test_a_system_that_is_free_of_duplicates_is_an_obstacle():
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.OTHER_SIZE}, deduplicated=True)
    found = explain.explain(domain="item", one="erp-item/E1", two="erp-item/E2", actor=kit.steward())
    assert found.obstacles == ("erp-item is free of duplicates and has both",)


def test_who_may_not_see_records_is_told_nothing():
    nobody = kit.person("nobody")
    assert not nobody.has_permission(permissions.VIEW)
    with pytest.raises(Forbidden):
        explain.explain(domain="item", one="erp-item/E1", two="erp-item/E2", actor=nobody)
    with pytest.raises(Forbidden):
        match.find(domain="item", values={}, actor=nobody)
