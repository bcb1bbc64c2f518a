"""What partners answer, in the forms that they have for it."""

from __future__ import annotations

import pytest

from sync.adapters.base import State
from sync.adapters.x12_sftp import acks

ISA = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'SUPPLY':15}*ZZ*{'CONCORD':15}*261127*1200*^*00501*000000001*0*P*>~"


def parsed(*segments: str) -> acks.Acknowledgement:
    return acks.parse("ack.x12", (ISA + "".join(f"{segment}~" for segment in segments)).encode())


@pytest.mark.parametrize(
    ("code", "state"),
    {"IA": State.ACKNOWLEDGED, "IC": State.ACKNOWLEDGED, "TE": State.ACKNOWLEDGED, "IR": State.REJECTED,
     "TP": State.REJECTED}.items(),
)  # fmt: skip
def test_what_is_accepted_with_errors_is_accepted(code: str, state: State) -> None:
    (receipt,) = parsed(f"OTI*{code}*TN*K1", "REF*IX*V-1", "REF*VR*SU-1", "TED*ZZZ*Too long").receipts
    assert (receipt.key, receipt.outcome.state) == ("K1", state)
    assert receipt.outcome.target_code == ("V-1" if state is State.ACKNOWLEDGED else "")
    assert receipt.outcome.error == ("" if state is State.ACKNOWLEDGED else "Too long")


@pytest.mark.parametrize("verdict", ["AK5", "IK5"])
def test_each_group_that_one_file_answers_has_its_own_verdict(verdict: str) -> None:
    answers = {"11": "A", "12": "R", "13": "E", "14": "P"}
    segments = [[f"AK1*SC*{group}", "AK2*832*0001", f"{verdict}*{code}", f"AK9*{code}*1*1*1"]
                for group, code in answers.items()]  # fmt: skip
    found = parsed(*(segment for group in segments for segment in group))
    assert (found.accepted, found.rejected) == (("11", "13"), ("12", "14"))
