"""One record, end to end, with nothing but real parts: a file, a steward over the API, and three targets on sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from mdm import auth, permissions
from mdm.models import ApiKey, AuditEntry, GoldenRecord, SourceSystem, User
from mdm.services import events
from sync import reconcile, targets, tasks, wakeups
from sync.models import Lane, Target
from sync.sandbox.launch import Sandbox
from tests.mdm import kit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SYSTEMS = {"erp": "erp", "ehr": "ehr", "supply": "scm"}  # target → the system that it is
SUPPLIERS = "Vendor,Name,Tax id\nV-77,Halden Medical Inc,12-3456789\n"
ITEMS = (
    "Material,Text,Maker,Maker no.,Unit,Vendor,Pack,Pack of,Pack GTIN,Latex\n"
    "4711,CATHETER FOLEY 16FR 5CC SILICONE COATED,Halden Medical Inc,HM-0165-S16,EA,V-77,BX,10,10614141999993,N\n"
)
ALSO = (
    "Item No;Description;Manufacturer;Mfr Part;UOM\n"
    "S-9;Foley catheter, 18 Fr, 5 mL, silicone-coated;HALDEN MEDICAL;HM0165S16;EA\n"
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def hospital(sandbox: Sandbox, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Target]:
    """Three targets at the sandbox. The test itself is the worker, so that it needs no broker to wake one."""
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(wakeups, "wake", lambda target_id: True)
    targets.forget_all()
    made = {}
    for code, system in SYSTEMS.items():
        owner, _ = SourceSystem.objects.get_or_create(code=system, defaults={"name": system, "kind": "erp"})
        found = sandbox.targets[code]
        target = Target(
            code=code, name=code, system=owner, adapter=found["adapter"], config=found["config"],
            subscriptions={"item": {}, "supplier": {}}, pace=0.02,
        )  # fmt: skip
        target.secrets = found["secrets"]
        target.save()
        made[code] = target
    return made


def client(name: str, role: str, *scopes: str) -> Client:
    _, token = ApiKey.objects.issue(user=kit.person(name, role), name="test", scopes=list(scopes))
    auth.forget()
    return Client(headers={"Authorization": f"Bearer {token}"})


def send(path: Path, text: str, system: str, domain: str, **columns: str) -> None:
    """A file arrives, and is imported as an administrator would from the command line."""
    path.write_text(text, encoding="utf-8-sig")
    mapping = [f"{column.replace('_', ' ')}={place}" for column, place in columns.items()]
    call_command("import_file", path, system=system, domain=domain, create_system="erp", map=mapping, verbosity=0)


def get(api: Client, path: str, **query: Any) -> Any:
    answer = api.get(f"/api/v1/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def settled(made: dict[str, Target]) -> None:
    """Work as the workers do until every lane is acknowledged."""
    end = time.monotonic() + 60
    while Lane.objects.filter(due_at__isnull=False).exists():
        assert time.monotonic() < end, list(Lane.objects.values("target__code", "record", "state", "error"))
        for target in made.values():
            tasks.deliver(target.pk)
        time.sleep(0.05)
    assert not Lane.objects.exclude(state=Lane.State.OPEN).exists()


def test_one_record_from_a_file_to_three_targets_and_back(
    hospital: dict[str, Target], sandbox: Sandbox, tmp_path: Path
) -> None:
    api = client("viewer", "viewer", permissions.VIEW, permissions.LOOKUP)
    desk = client("maria", "steward", permissions.VIEW, permissions.DECIDE, permissions.OVERRIDE)

    # three files: a supplier, an item that names it, and another system's row that could be the same item
    send(tmp_path / "vendors.csv", SUPPLIERS, "erp", "supplier", Vendor="$code", Name="name", Tax_id="ein")
    send(
        tmp_path / "materials.csv", ITEMS, "erp", "item", Material="$code", Text="description", Maker="manufacturer",
        Unit="base_uom", Vendor="preferred_supplier", Latex="latex", Pack="packaging.1.uom",
        Pack_of="packaging.1.quantity", Pack_GTIN="packaging.1.gtin",
        **{"Maker_no.": "catalogue_number"},
    )  # fmt: skip
    send(
        tmp_path / "scm.csv", ALSO, "scm", "item", Item_No="$code", Description="description",
        Manufacturer="manufacturer", Mfr_Part="catalogue_number", UOM="base_uom",
    )  # fmt: skip
    golden = kit.golden("erp", "4711")
    assert kit.source("scm", "S-9").golden is None

    # the targets are told of the item as the ERP alone knows it, the supplier first
    settled(hospital)

    # a steward decides: the same, but the size is the ERP's
    [doubt] = get(desk, "work-items", kind="possible_match")["results"]
    answer = desk.post(
        f"/api/v1/work-items/{doubt['id']}/accept",
        {
            "expected_version": doubt["version"], "golden": golden.public_id, "reason": "Same tray, seen in the OR",
            "picks": {"description": "CATHETER FOLEY 16FR 5CC SILICONE COATED"},
        },
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    assert kit.golden("scm", "S-9") == golden
    golden = GoldenRecord.objects.get(pk=golden.pk)

    # every target acknowledges, holds each version once, and reads back equal, field by field
    settled(hospital)
    assert set(golden.lanes.values_list("target__code", "acked")) == {(code, golden.version) for code in SYSTEMS}
    for code, target in hospital.items():
        run = reconcile.compare(target, actor=User.objects.system())
        assert (run.error, list(run.drifts.values("public_id", "kind", "fields"))) == ("", []), code
        assert run.equal == 2
        assert all(effect["times"] == 1 for effect in sandbox.effects(code))

    # the code that the EHR gave its copy came back, and leads from any system to any other
    [given] = [own for own, public_id in sandbox.aliases("ehr", "item").items() if public_id == golden.public_id]
    found = get(api, "crosswalk/scm-item/S-9", to="ehr-item")
    assert found["id"] == golden.public_id
    assert [code["code"] for code in found["codes"]] == [given]
    assert get(api, f"crosswalk/ehr-item/{given}", to="erp-item")["codes"][0]["code"] == "4711"
    assert get(api, "crosswalk/gtin/10614141999993")["id"] == golden.public_id

    # what happened can be read: history with who and why, and the change feed in the order of the commits
    history = get(api, f"items/{golden.public_id}/history")["results"]
    assert [version["version"] for version in history] == list(range(golden.version, 0, -1))
    assert ("review.accept", "maria", "Same tray, seen in the OR") in [
        (version["action"], version["actor"], version["reason"]) for version in history
    ]
    assert AuditEntry.objects.filter(golden=golden, actor__username="maria", action="review.accept").exists()
    events.sequence()
    feed = get(api, "changes", domain="item")
    told = [(change["id"], change["version"]) for change in feed["changes"]]
    assert told == [(golden.public_id, version) for version in range(1, golden.version + 1)]
    assert get(api, "changes", after=feed["position"])["changes"] == []
    shown = get(api, f"items/{golden.public_id}")
    assert shown["attributes"]["preferred_supplier"]["name"] == "Halden Medical Inc"
    assert {(code["code_system"], code["code"]) for code in shown["codes"]} >= {
        ("erp-item", "4711"), ("scm-item", "S-9"), ("ehr-item", given),
    }  # fmt: skip

    # the same file again changes nothing and sends nothing
    send(tmp_path / "again.csv", SUPPLIERS, "erp", "supplier", Vendor="$code", Name="name", Tax_id="ein")
    assert not Lane.objects.filter(due_at__isnull=False).exists()
    assert GoldenRecord.objects.get(pk=golden.pk).version == golden.version
