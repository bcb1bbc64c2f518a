"""What is sent is what is read back, field by field, through the target's own protocol."""

from __future__ import annotations

import pytest

from sync.adapters.base import InvalidForTarget, Kind, State
from sync.sandbox.launch import Sandbox

from . import factory
from .conftest import TARGETS, Make, deliver

each_target = pytest.mark.parametrize("target", TARGETS)
each_domain = pytest.mark.parametrize("domain", factory.DOMAIN_NAMES)


@each_target
@each_domain
def test_a_full_record_reads_back_equal(make: Make, target: str, domain: str) -> None:
    adapter, message = make(target), factory.message(domain, version=7, generation=2)

    (outcome,) = deliver(adapter, *factory.rendered(adapter, message))
    (record,) = adapter.read(domain)

    assert outcome.state is State.ACKNOWLEDGED
    assert outcome.target_code
    assert (record.id, record.version, record.generation, record.active) == (message.record, 7, 2, True)
    assert record.values == adapter.expected(message)


@each_target
@each_domain
def test_awkward_texts_read_back_equal(make: Make, target: str, domain: str) -> None:
    adapter = make(target)
    messages = [factory.awkward(domain, n, text) for n, text in enumerate(factory.AWKWARD.values(), start=1)]

    outcomes = deliver(adapter, *factory.rendered(adapter, *messages))
    records = {record.id: record.values for record in adapter.read(domain)}

    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * len(messages)
    assert records == {m.record: adapter.expected(m) for m in messages}


@each_target
@each_domain
def test_a_record_of_which_nothing_is_stated_reads_back_empty(make: Make, target: str, domain: str) -> None:
    adapter, message = make(target), factory.empty(domain)

    deliver(adapter, *factory.rendered(adapter, message))
    (record,) = adapter.read(domain)

    assert set(record.values.values()) == {None}
    assert record.values == adapter.expected(message)


@each_target
@each_domain
def test_a_value_that_is_withdrawn_is_gone_at_the_target(make: Make, target: str, domain: str) -> None:
    adapter = make(target)
    for message in (factory.message(domain, version=1), factory.empty(domain, version=2)):
        deliver(adapter, *factory.rendered(adapter, message))

    (record,) = adapter.read(domain)

    assert record.version == 2
    assert set(record.values.values()) == {None}


@each_target
def test_long_texts_are_not_cut(make: Make, target: str) -> None:
    adapter = make(target)
    long = {"description": "d" * 79 + "é" * 160 + "|^~ " * 40, "long_description": "long \n" * 660, "size": "s" * 400}
    message = factory.message("item", **long)

    deliver(adapter, *factory.rendered(adapter, message))
    (record,) = adapter.read("item")

    assert {name: record.values[name] for name in long} == long


@each_target
@pytest.mark.parametrize("flag", [True, False, None])
def test_no_is_not_the_same_as_not_stated(make: Make, target: str, flag: bool | None) -> None:
    adapter = make(target)
    packaging = [{"uom": "EA", "quantity": 1, "gtin": None, "orderable": flag, "chargeable": flag}]
    message = factory.message("item", implant=flag, lot_tracked=flag, packaging=packaging)

    deliver(adapter, *factory.rendered(adapter, message))
    (record,) = adapter.read("item")

    assert record.values["implant"] is flag
    assert record.values["lot_tracked"] is flag
    assert record.values["packaging"][0]["orderable"] is flag


@each_target
@pytest.mark.parametrize(("kind", "active"), [(Kind.RETIRE, False), (Kind.MERGE, False), (Kind.UNMERGE, True)])
def test_a_record_is_deactivated_and_reactivated(make: Make, target: str, kind: Kind, active: bool) -> None:
    adapter = make(target)
    merged_into = "MDM-IT-000099" if kind is Kind.MERGE else None
    deliver(adapter, *factory.rendered(adapter, factory.message(version=1)))
    deliver(adapter, *factory.rendered(adapter, factory.message(version=2, kind=kind, merged_into=merged_into)))

    (record,) = adapter.read("item")

    assert (record.version, record.active) == (2, active)


@each_target
def test_the_id_that_replaces_a_merged_record_arrives(make: Make, sandbox: Sandbox, target: str) -> None:
    adapter = make(target)
    message = factory.message(kind=Kind.MERGE, merged_into="MDM-IT-000099")

    deliver(adapter, *factory.rendered(adapter, message))

    (held,) = sandbox.state(target, "item")
    assert held["replaced_by"] == "MDM-IT-000099"


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "fhir"])  # a FHIR server names resources
@each_domain
def test_the_targets_own_code_is_kept_and_given_back(make: Make, sandbox: Sandbox, target: str, domain: str) -> None:
    adapter = make(target)
    message = factory.message(domain, codes=("OWN 47,11~*|", "SECOND"))

    (outcome,) = deliver(adapter, *factory.rendered(adapter, message))

    assert outcome.target_code == "OWN 47,11~*|"
    assert set(sandbox.aliases(target, domain)) == {"OWN 47,11~*|", "SECOND"}


@each_target
@each_domain
def test_only_the_ids_that_are_asked_for_are_read(make: Make, target: str, domain: str) -> None:
    adapter = make(target)
    messages = [factory.message(domain, n) for n in range(1, 8)]
    deliver(adapter, *factory.rendered(adapter, *messages))

    wanted = [messages[5].record, messages[1].record, f"{messages[0].record}-unknown"]

    assert {record.id for record in adapter.read(domain, wanted)} == set(wanted[:2])
    assert list(adapter.read(domain, [])) == []


@pytest.mark.parametrize("target", ["ehr", "erp", "fhir"])
def test_reading_goes_on_over_pages(make: Make, target: str) -> None:
    adapter = make(target, page_size=3)
    messages = [factory.message("cost_center", n) for n in range(1, 11)]
    deliver(adapter, *factory.rendered(adapter, *messages))

    assert [record.id for record in adapter.read("cost_center")] == [m.record for m in messages]


@each_target
def test_a_batch_of_all_domains_keeps_its_order(make: Make, target: str) -> None:
    adapter = make(target)
    messages = [factory.message(domain, n) for n in range(1, 4) for domain in factory.DOMAIN_NAMES]

    outcomes = deliver(adapter, *factory.rendered(adapter, *messages))

    assert [o.state for o in outcomes] == [State.ACKNOWLEDGED] * len(messages)
    assert len({o.target_code for o in outcomes}) == len(messages)


@each_target
def test_a_value_longer_than_the_targets_field_is_refused_before_it_is_sent(make: Make, target: str) -> None:
    adapter = make(target, limits={"item": {"description": 10, "packaging.uom": 2}})

    with pytest.raises(InvalidForTarget, match=r"description has 23 characters and this target holds 10: shorten"):
        adapter.render(factory.message())
