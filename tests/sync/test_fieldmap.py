"""What a target's own mapping makes of golden values, and what its values stand for."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from mdm.exceptions import Refused
from mdm.models import ChangeRequest, User
from sync import configuring, drift, fieldmap, reconcile
from sync.adapters.base import InvalidForTarget
from sync.models import Lane, Target
from tests.mdm import kit as core
from tests.sync import kit
from tests.sync.peers import Peer, spoil


@pytest.mark.parametrize(
    ("rule", "value", "told"),
    [
        ({"case": "upper"}, " Foley ", "FOLEY"),
        ({"case": "trim"}, " Foley ", "Foley"),
        ({"codes": {"EA": "PCE"}}, "EA", "PCE"),
        ({"codes": {"EA": "PCE"}}, "BX", "BX"),
        ({"codes": {"EA": "PCE"}, "prefix": "U-", "case": "upper"}, "ea", "U-PCE"),
        ({"default": "NONE"}, None, "NONE"),
        ({"default": "NONE", "prefix": "U-"}, "", "NONE"),
        ({"prefix": "U-"}, None, None),
        ({"from": ""}, "Foley", None),
        ({"from": "", "default": "x"}, "Foley", "x"),
        ({"from": "long_description"}, "Foley", "the long one"),
        ({"limit": 3, "cut": True}, "Foley", "Fol"),
        ({"limit": 5}, "Foley", "Foley"),
    ],
)
def test_a_rule_fills_a_field(rule: dict[str, Any], value: Any, told: Any) -> None:
    attributes = {"description": value, "long_description": "the long one"}
    assert fieldmap.applied({"description": rule}, attributes)["description"] == told
    assert attributes["description"] == value


def test_nothing_is_cut_short_unless_the_rule_says_so() -> None:
    with pytest.raises(InvalidForTarget, match="5 characters and this target’s mapping allows 3"):
        fieldmap.applied({"brand": {"limit": 3}}, {"brand": "Foley"})


@pytest.mark.parametrize(
    ("rule", "theirs", "golden"),
    [
        ({"codes": {"EA": "PCE"}, "prefix": "U-"}, "U-PCE", ("base_uom", "EA")),
        ({"codes": {"EA": "PCE"}}, "BX", ("base_uom", "BX")),
        ({"default": "NONE"}, "NONE", ("base_uom", None)),
        ({"from": "brand"}, "x", ("brand", "x")),
    ],
)
def test_a_targets_value_stands_for_a_golden_one(rule: dict[str, Any], theirs: str, golden: Any) -> None:
    assert fieldmap.back({"base_uom": rule}, "base_uom", theirs) == golden


def test_what_the_mapping_leaves_out_stands_for_nothing() -> None:
    with pytest.raises(Refused):
        fieldmap.back({"brand": {"from": ""}}, "brand", "x")


@pytest.mark.parametrize(
    "wrong",
    [
        [], {"drug": {}}, {"item": []}, {"item": {"dba_names": {}}}, {"item": {"brand": {"case": "title"}}},
        {"item": {"brand": {"from": "colour"}}}, {"item": {"brand": {"limit": 0}}}, {"item": {"brand": {"limit": "3"}}},
        {"item": {"brand": {"limit": True}}}, {"item": {"brand": {"codes": {"a": 1}}}}, {"item": {"brand": {"x": 1}}},
        {"item": {"packaging": {"case": "upper"}}}, {"item": {"packaging": {"only": {"uom": ["EA"]}}}},
        {"item": {"packaging": {"from": "supplier_parts"}}}, {"item": {"packaging.quantity": {"limit": 3}}},
        {"item": {"packaging.uom": {"from": "brand"}}}, {"item": {"packaging.colour": {}}}, {"item": {"brand.uom": {}}},
        {"item": {"addresses.city": {}}}, {"supplier": {"addresses": {"only": {"purpose": "remit_to"}}}},
        {"supplier": {"addresses": {"only": {"purpose": []}}}},
        {"supplier": {"addresses": {"only": {"purpose": ["home"]}}}},
        {"supplier": {"addresses": {"only": {"fax": ["1"]}}}},
    ],
)  # fmt: skip
def test_what_is_no_mapping_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        fieldmap.check(wrong)


LADDER = [{"uom": "EA", "quantity": 1, "gtin": None}, {"uom": "BX", "quantity": 12, "gtin": "00380740000011"}]
OFFICES = [{"purpose": "ordering", "city": "Chicago"}, {"purpose": "remit_to", "city": " Des Plaines "}]


def test_rules_for_rows_fill_each_row_out_of_itself() -> None:
    rules = {"packaging.uom": {"codes": {"EA": "PCE"}}, "packaging.gtin": {"default": "NONE"}}
    assert fieldmap.applied(rules, {"packaging": LADDER, "brand": "Foley"}) == {
        "packaging": [
            {"uom": "PCE", "quantity": 1, "gtin": "NONE"}, {"uom": "BX", "quantity": 12, "gtin": "00380740000011"},
        ],
        "brand": "Foley",
    }  # fmt: skip
    assert LADDER[0]["uom"] == "EA"
    filled = fieldmap.applied({"packaging.gtin": {"from": "uom", "prefix": "P-"}}, {"packaging": LADDER})
    assert [row["gtin"] for row in filled["packaging"]] == ["P-EA", "P-BX"]
    assert fieldmap.applied(rules, {"packaging": None}) == {"packaging": None}


def test_a_target_may_be_told_some_rows_of_a_list_or_none() -> None:
    rules = {"addresses": {"only": {"purpose": ["remit_to"]}}, "addresses.city": {"case": "upper"}}
    told = fieldmap.applied(rules, {"addresses": OFFICES})
    assert told["addresses"] == [{"purpose": "remit_to", "city": "DES PLAINES"}]
    assert fieldmap.applied({"addresses": {"from": ""}}, {"addresses": OFFICES}) == {"addresses": []}


def test_rows_that_do_not_fit_are_told_all_at_once() -> None:
    rules = {"packaging.uom": {"codes": {"EA": "BX"}}, "packaging.gtin": {"limit": 13}}
    with pytest.raises(InvalidForTarget) as refused:
        fieldmap.applied(rules, {"packaging": LADDER})
    assert "packaging.gtin has 14 characters" in str(refused.value)
    assert "gives the same uom" in str(refused.value)


def test_rows_of_a_target_stand_for_golden_ones_unless_it_was_told_a_part() -> None:
    rules = {"packaging.uom": {"codes": {"EA": "PCE"}}}
    told = fieldmap.applied(rules, {"packaging": LADDER})["packaging"]
    assert fieldmap.back(rules, "packaging", told) == ("packaging", LADDER)
    assert fieldmap.back({}, "packaging", LADDER) == ("packaging", LADDER)
    for part in ({"addresses": {"only": {"purpose": ["remit_to"]}}}, {"addresses.city": {"from": ""}}):
        with pytest.raises(Refused, match="only a part of addresses"):
            fieldmap.back(part, "addresses", OFFICES)


def remap(target: Target, domain: str, **rules: Any) -> Target:
    mapping = {domain: rules}
    admin = kit.make_user("mdm.administer")
    return configuring.configure(code=target.code, settings={"mapping": mapping}, actor=admin, reason="theirs").target


def test_a_mapping_is_in_force_for_what_is_rendered_from_then_on(target: Target, peer: Peer) -> None:
    golden = kit.create(name="Acme", website="acme.test")
    peer.down = True
    kit.deliver(target)
    target = remap(target, "supplier", website={"case": "upper"})
    peer.down = False
    kit.make_due(target)
    kit.deliver(target)
    assert peer.records[golden.public_id].values["website"] == "acme.test"  # byte for byte as it was rendered
    kit.update(golden, name="Acme Inc")
    kit.deliver(target)
    assert peer.records[golden.public_id].values["website"] == "ACME.TEST"
    assert reconcile.compare(target, actor=User.objects.system()).drifted == 0


def test_a_value_too_long_for_the_mapping_is_a_persons_turn(target: Target, peer: Peer) -> None:
    golden = kit.create(name="Acme Incorporated")
    target = remap(target, "supplier", name={"limit": 4})
    kit.deliver(target)
    assert kit.lane(target, golden).state == Lane.State.DEAD
    assert "17 characters" in kit.lane(target, golden).error


def test_taking_theirs_over_reads_it_back_through_the_mapping(target: Target, peer: Peer) -> None:
    core.feed("lawson", {"L1": core.CATHETER | {"category": "Urology"}})
    golden = core.golden("lawson", "L1")
    target = remap(target, "item", category={"codes": {"Urology": "01", "Surgery": "02"}, "prefix": "C"})
    kit.deliver(target)
    spoil(peer, golden.public_id, category="C02")
    run = reconcile.compare(target, actor=User.objects.system())
    points = drift.open_points(run.drifts.select_related("record", "reconciliation__target"))
    assert points[0].ours == "C01"
    assert drift.take(points=points, actor=core.steward(), reason="x").done == 1
    assert ChangeRequest.objects.get().diff == {"category": {"before": "Urology", "after": "Surgery"}}


def test_rows_are_sent_and_read_back_through_the_mapping(target: Target, peer: Peer) -> None:
    core.feed(
        "lawson",
        {"L1": core.CATHETER | {"packaging": [{"uom": "EA", "quantity": 1}, {"uom": "BX", "quantity": 12}]}},
    )
    golden = core.golden("lawson", "L1")
    target = remap(target, "item", **{"packaging.uom": {"codes": {"BX": "KAR"}}})
    kit.deliver(target)
    assert [row["uom"] for row in peer.records[golden.public_id].values["packaging"]] == ["EA", "KAR"]
    assert reconcile.compare(target, actor=User.objects.system()).drifted == 0
