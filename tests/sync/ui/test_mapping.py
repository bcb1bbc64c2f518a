"""The mapping table and the dry run on screen."""

from __future__ import annotations

from django.test import Client

from mdm.models import ATTRIBUTES
from sync.models import Target
from sync.ui import mapping_table
from tests.sync import kit
from tests.sync.peers import Peer
from tests.sync.ui.conftest import browser
from tests.sync.ui.test_targets import text_of

URL = "/sync/targets/erp/mapping/supplier/"
RULE = {"name.from": "name", "name.case": "upper", "name.limit": "9", "supplier_type.codes": "gpo = G; other = O"}


def said(**more: str) -> dict[str, str]:
    same = {f"{row.path}.from": row.field.name for row in mapping_table.rows("supplier", {})}
    return same | RULE | more


def test_rules_are_tried_on_real_records_and_kept_when_saved(target: Target, peer: Peer) -> None:
    admin: Client = browser("admin", "administrator")
    kit.create(name="Acme", supplier_type="gpo")
    kit.create(name="A much longer name")
    text = text_of(admin.post(URL, said(act="try")))
    assert "Acme" in text
    assert "ACME" in text
    assert "Refused name has 18 characters" in text
    assert Target.objects.get().mapping == {}
    admin.post(URL, said(act="save", reason="Their tables", version="0"))
    kept = {"name": {"case": "upper", "limit": 9}, "supplier_type": {"codes": {"gpo": "G", "other": "O"}}}
    assert Target.objects.get().mapping == {"supplier": kept}
    assert 'value="gpo = G; other = O"' in admin.get(URL).content.decode()
    posted = {
        f"{row.path}.{part}": text for row in mapping_table.rows("supplier", kept) for part, text in row.said.items()
    }
    assert mapping_table.rules_of("supplier", posted) == kept


def test_rules_for_the_rows_of_a_list_are_tried_and_kept_with_the_others(target: Target, peer: Peer) -> None:
    admin: Client = browser("admin", "administrator")
    acme = ATTRIBUTES["supplier"].objects.get(golden=kit.create(name="Acme"))
    for purpose, city in (("remit_to", "Chicago"), ("ordering", "Peoria")):
        acme.addresses.create(purpose=purpose, city=city)
    more = {"addresses.only": "purpose = remit_to, ship_from", "addresses.city.case": "upper"}
    text = text_of(admin.post(URL, said(act="try", **more)))
    assert "ordering Peoria · remit_to Chicago" in text
    assert "remit_to CHICAGO" in text
    admin.post(URL, said(act="save", reason="Their table of addresses", version="0", **more))
    kept = Target.objects.get().mapping["supplier"]
    assert kept["addresses"] == {"only": {"purpose": ["remit_to", "ship_from"]}}
    assert kept["addresses.city"] == {"case": "upper"}
    (shown,) = mapping_table.list_rows("supplier", kept)
    assert (shown.told, shown.only) == ("", "purpose = remit_to, ship_from")
    assert 'value="purpose = remit_to, ship_from"' in admin.get(URL).content.decode()
    assert mapping_table.rules_of("supplier", said(**{"addresses.told": "none"}))["addresses"] == {"from": ""}


def test_what_is_no_rule_says_why_and_keeps_what_was_typed(target: Target) -> None:
    admin: Client = browser("admin", "administrator")
    for wrong in ({"name.limit": "many"}, {"name.codes": "gpo"}, {"addresses.only": "purpose = home"}):
        answer = admin.post(URL, said(act="save", reason="x", version="0", **wrong))
        assert answer.status_code == 422
        assert next(iter(wrong.values())) in text_of(answer) + answer.content.decode()
    assert admin.get("/sync/targets/erp/mapping/drug/").status_code == 404


def test_a_dry_run_is_for_everybody_who_may_look(viewer: Client, target: Target, peer: Peer) -> None:
    golden = kit.create(name="Acme <Inc>")
    text = text_of(viewer.get("/sync/targets/erp/dry-run/"))
    assert "Upsert, version 1" in text
    assert "all of it is new there" in text
    assert "No such record" in text_of(viewer.get("/sync/targets/erp/dry-run/", {"records": "MDM-IT-999999"}))
    assert b"Acme &lt;Inc" in viewer.get("/sync/targets/erp/dry-run/", {"records": golden.public_id}).content
    assert peer.received == []
    assert viewer.get(URL).status_code == 403
