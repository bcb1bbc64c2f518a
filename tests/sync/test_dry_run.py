"""A dry run says what would be sent, and sends nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sync import dry_run
from sync.models import Attempt, Lane, Letter, Target
from sync.ui.letters import TrialView
from tests.sync import kit
from tests.sync.peers import Peer


def test_a_dry_run_renders_what_is_due_and_leaves_no_trace(target: Target, peer: Peer) -> None:
    golden = kit.create(name="Acme")
    kit.deliver(target)
    kit.update(golden, name="Acme Inc")
    parent, child = kit.create(name="Parent"), kit.create(name="Child")
    kit.update(child, parent=parent)
    before = list(Lane.objects.order_by("pk").values())
    found = {trial.lane.record_id: trial for trial in dry_run.trials(target, dry_run.due(target))}
    assert found[golden.pk].kind == "upsert"
    assert b"Acme Inc" in found[golden.pk].letter.body
    assert "Waits for" in found[child.pk].why
    differences = TrialView(found[golden.pk]).differences
    assert [(d.label, d.before, d.after) for d in differences] == [("Legal name", "Acme", "Acme Inc")]
    assert list(Lane.objects.order_by("pk").values()) == before
    assert (len(peer.received), Attempt.objects.count(), Letter.objects.count()) == (1, 1, 1)


def test_a_named_record_shows_what_a_changed_mapping_would_tell(target: Target, peer: Peer) -> None:
    golden = kit.create(name="Acme")
    kit.deliver(target)
    target.mapping = {"supplier": {"name": {"case": "upper"}}}
    Lane.objects.update(generation=2)
    trial = dry_run.trials(target, dry_run.of_records(target, [golden]))[0]
    assert [(d.before, d.after) for d in TrialView(trial).differences] == [("Acme", "ACME")]


def test_what_cannot_be_rendered_and_what_need_not_be_sent_say_so(target: Target, peer: Peer) -> None:
    long, gone = kit.create(name="A name that is far too long"), kit.create(name="gone")
    kit.update(gone, kit.Kind.RETIRED)
    target.config = target.config | {"too_long": 10}
    why = {trial.lane.record_id: trial.why for trial in dry_run.trials(target, dry_run.due(target))}
    assert "longer than 10" in why[long.pk]
    assert "need not hear" in why[gone.pk]


def test_the_command_prints_payloads(target: Target, peer: Peer, capsys: Any) -> None:
    golden = kit.create(name="Acme")
    call_command("dry_run", "erp")
    call_command("dry_run", "erp", "--record", golden.public_id)
    assert capsys.readouterr().out.count("Acme") == 2
    assert peer.received == []
    with pytest.raises(CommandError):
        call_command("dry_run", "nobody")
