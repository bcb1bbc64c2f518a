"""The change feed under concurrent writers, told by asking, by waiting and as a stream."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from django.db import connections
from django.test import RequestFactory

from mdm import feed, permissions
from mdm.api.feed import ChangeStream
from mdm.models import ApiKey, ChangeEvent, GoldenRecord
from mdm.services import change, events, merge, split
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.api.test_guide import place_events

FEED = "/api/v1/changes"
WRITERS, CHANGES = 8, 12


@pytest.mark.django_db
def test_a_merge_is_one_event_that_names_every_id_and_so_is_its_undoing(api):
    survivor, loser = kit.merged()
    split.unmerge(loser=loser, actor=kit.steward(), reason="Two things")
    place_events()
    told = [(c["kind"], c["id"], sorted(c["ids"])) for c in api.get(FEED).json()["changes"]]
    both = sorted([survivor.public_id, loser.public_id])
    assert told[-2:] == [("merged", loser.public_id, both), ("unmerged", loser.public_id, both)]
    assert [kind for kind, *_ in told] == ["created", "created", "merged", "unmerged"]


@pytest.mark.django_db
def test_a_merge_of_what_was_merged_into_names_that_too(api):
    survivor, loser = kit.merged()
    kit.feed("ehr", {"H1": kit.STAPLER | {"catalogue_number": "ZZ-9", "description": "Retractor, ring, 30 cm"}})
    last = merge.merge(survivor=survivor, loser=kit.golden("ehr", "H1"), actor=kit.steward(), reason="One thing")
    place_events()
    told = api.get(FEED).json()["changes"][-1]
    assert set(told["ids"]) >= {last.public_id, told["id"]}
    assert loser.public_id not in told["ids"] or told["id"] == survivor.public_id


@pytest.mark.django_db
def test_a_merge_of_a_draft_shows_what_it_does_to_the_survivor(api):
    survivor, loser = kit.twins()
    GoldenRecord.objects.filter(pk=loser.pk).update(status="draft", approved_version=0)
    merge.merge(survivor=survivor, loser=loser, actor=kit.steward(), reason="One thing")
    place_events()
    assert (api.get(FEED).json()["changes"][-1]["id"], ChangeEvent.objects.filter(folded=True).count()) == (
        survivor.public_id, 0,
    )  # fmt: skip


@pytest.mark.django_db
def test_the_record_that_a_split_made_names_the_one_that_it_left(api):
    survivor, _ = kit.merged()
    fresh = split.split(golden=survivor, sources=[kit.source("scm", "S1")], actor=kit.steward(), reason="Another")
    place_events()
    told = {c["id"]: c for c in api.get(FEED).json()["changes"][-2:]}
    assert told[fresh.public_id]["ids"] == [fresh.public_id, survivor.public_id]
    assert survivor.public_id in told


def writing(record: GoldenRecord, number: int) -> None:
    """Some changes of one record, every third of them rolled back after it was made."""
    dice = random.Random(number)
    try:
        for turn in range(CHANGES):
            try:
                with change.transaction.atomic():
                    change.override(
                        golden=record, path="brand", value=f"B{number}-{turn}", actor=kit.steward(), reason="x"
                    )
                    time.sleep(dice.random() * 0.03)
                    if turn % 3 == 2:
                        raise InterruptedError
            except InterruptedError:
                continue
    finally:
        connections.close_all()


def sequencing(over: threading.Event) -> None:
    while not over.is_set():
        events.sequence(limit=5)
        time.sleep(0.01)
    connections.close_all()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_eight_writers_rollbacks_and_a_reader_that_is_killed_lose_and_repeat_nothing(live_server, tmp_path, servers):
    records = []
    for number in range(WRITERS):
        kit.feed(
            "erp", {f"E{number}": kit.CATHETER | {"description": f"ITEM {number}", "catalogue_number": f"Q{number}7"}}
        )
        records.append(kit.golden("erp", f"E{number}"))
    assert len({record.pk for record in records}) == WRITERS
    kit.steward()
    _, token = ApiKey.objects.issue(user=world.user("vera", "viewer"), name="test", scopes=[permissions.VIEW])
    journal = tmp_path / "journal"
    command = [sys.executable, str(Path(__file__).with_name("follower.py")), live_server.url, token, str(journal)]
    over = threading.Event()
    sequencer = threading.Thread(target=sequencing, args=(over,))
    writers = [threading.Thread(target=writing, args=(record, n)) for n, record in enumerate(records)]
    for thread in (sequencer, *writers):
        thread.start()
    kills = 0
    reader = subprocess.Popen(command)
    try:
        while any(writer.is_alive() for writer in writers) or kills < 4:
            time.sleep(0.7)
            reader.kill()
            reader.wait()
            kills += 1
            reader = subprocess.Popen(command)
        wanted = ChangeEvent.objects.filter(published=True, folded=False)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            read = journal.read_bytes().count(b"\n") if journal.exists() else 0
            if read >= wanted.count() and not wanted.filter(position=None).exists():
                break
            time.sleep(0.2)
    finally:
        over.set()
        reader.kill()
        reader.wait()
        for thread in (sequencer, *writers):
            thread.join()
    read = [json.loads(line) for line in journal.read_text().splitlines()]
    told = [(one["position"], one["id"], one["version"]) for one in read]
    rows = wanted.order_by("position").values_list("position", "record__public_id", "version")
    assert told == list(rows)
    kept = CHANGES - CHANGES // 3
    assert len(told) == WRITERS * (1 + kept)


@pytest.mark.django_db(transaction=True)
def test_who_waits_is_answered_as_soon_as_there_is_a_change(viewer):
    client = world.machine(viewer, permissions.VIEW)
    record, _ = kit.twins()
    steward = kit.steward()
    assert kit.in_threads(events.sequence) == [2]
    position = client.get(FEED).json()["position"]

    def later():
        time.sleep(0.7)
        change.override(golden=record, path="brand", value="X", actor=steward, reason="x")
        return events.sequence()

    begin = time.monotonic()
    answer, sequenced = kit.in_threads(lambda: client.get(FEED, {"after": position, "wait": 20}).json(), later)
    assert sequenced == 1
    assert [one["kind"] for one in answer["changes"]] == ["updated"]
    assert time.monotonic() - begin < 10


@pytest.mark.django_db
def test_who_waits_in_vain_or_finds_all_places_taken_is_answered_all_the_same(api, monkeypatch):
    begin = time.monotonic()
    assert api.get(FEED, {"wait": 1}).json() == {"changes": [], "position": 0, "more": False}
    assert 0.9 < time.monotonic() - begin < 5
    monkeypatch.setattr(feed, "_slots", threading.BoundedSemaphore(1))
    with feed.waiting():
        begin = time.monotonic()
        assert api.get(FEED, {"wait": 20}).status_code == 200
        assert time.monotonic() - begin < 5
        refused = api.get(f"{FEED}/stream")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:concord:problem:too-many-waiting")
    assert api.get(FEED, {"wait": 26}).status_code == 400


@pytest.mark.django_db
def test_the_stream_tells_each_change_with_its_position_and_goes_on_after_the_last(api, monkeypatch):
    monkeypatch.setattr("mdm.api.feed.STREAM_SECONDS", 0.3)
    kit.twins()
    place_events()
    text = b"".join(api.get(f"{FEED}/stream").streaming_content).decode()
    blocks = [block for block in text.split("\n\n") if block.startswith("id:")]
    assert [block.splitlines()[0] for block in blocks] == ["id: 1", "id: 2"]
    assert blocks[0].splitlines()[1] == "event: item.created"
    assert json.loads(blocks[0].splitlines()[2].removeprefix("data: "))["position"] == 1
    rest = b"".join(api.get(f"{FEED}/stream", headers={"Last-Event-ID": "1"}).streaming_content).decode()
    assert [line for line in rest.splitlines() if line.startswith("id:")] == ["id: 2"]
    assert api.get(f"{FEED}/stream", headers={"Last-Event-ID": "x"}).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("read", [0, 1])
def test_closing_a_stream_gives_back_its_place_whatever_was_read_of_it(monkeypatch, read):
    place = MagicMock()  # one that no garbage collector gives back by the way
    monkeypatch.setattr(feed, "waiting", lambda: place)
    response = ChangeStream.as_view()(RequestFactory().get(f"{FEED}/stream"))
    for _ in range(read):
        assert next(iter(response)).startswith(b"retry")
    assert (place.__enter__.call_count, place.__exit__.call_count) == (1, 0)
    response.close()
    assert place.__exit__.call_count == 1


@pytest.mark.django_db
def test_a_quiet_stream_says_that_it_is_alive():
    told = list(feed.follow(0, seconds=1.2, silence=0.1))
    assert told
    assert set(told) == {None}
