"""MFN messages, judged by an independent implementation of HL7 v2.6."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message as Judged
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from sync.adapters.base import Kind, Message
from sync.adapters.hl7v2_mllp.client import Hl7Adapter
from sync.adapters.hl7v2_mllp.message import control_id
from sync.adapters.options import Secrets
from tests.sync.adapters import factory

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def rendered(message: Message) -> str:
    adapter = Hl7Adapter({"host": "localhost", "port": 2575}, Secrets(), now=lambda: NOW)
    return adapter.render(message).decode()


def segments(text: str) -> dict[str, list[str]]:
    return {line[:3]: line.split("|") for line in text.split("\r") if line}


def judge(text: str) -> Judged:
    """Parse and validate strictly. Z-segments are outside the standard, and the judge does not know null dates and
    phones (v2.6 section 2.5.3.1); it is given the rest."""
    lines = [line for line in text.split("\r") if not line.startswith("Z")]
    lines = [line.replace('""', "") if line.startswith("LDP") else line for line in lines]
    standard = "\r".join(line.removesuffix('|""') if line.startswith("LOC") else line for line in lines)
    message = parse_message(standard, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert message.validate()
    return message


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("domain", ["item", "location"])
def test_a_message_is_valid_hl7(domain: str, kind: Kind) -> None:
    assert judge(rendered(factory.message(domain, kind=kind))).msh.msh_9.to_er7() in (
        "MFN^M16^MFN_M16",
        "MFN^M05^MFN_M05",
    )


@pytest.mark.parametrize("domain", ["item", "location"])
def test_a_message_without_values_is_valid_hl7(domain: str) -> None:
    assert judge(rendered(factory.empty(domain)))


@pytest.mark.parametrize("domain", ["item", "location"])
@pytest.mark.parametrize("text", factory.AWKWARD.values(), ids=factory.AWKWARD)
def test_a_message_with_awkward_values_is_valid_hl7(domain: str, text: str) -> None:
    assert judge(rendered(factory.awkward(domain, 1, text)))


@given(domain=st.sampled_from(factory.DOMAIN_NAMES), text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_text_adds_a_segment_or_breaks_a_frame(domain: str, text: str) -> None:
    """Separators and control characters in every free text: as many segments and fields as without them."""
    plain, fuzzed = (rendered(factory.awkward(domain, 1, value)) for value in ("x", text))
    assert [line[:3] for line in fuzzed.split("\r")] == [line[:3] for line in plain.split("\r")]
    assert [line.count("|") for line in fuzzed.split("\r")] == [line.count("|") for line in plain.split("\r")]
    assert not set(fuzzed) & set("\x0b\x1c\n\x00")


def test_the_judge_is_not_blind() -> None:
    broken = re.sub(r"\rMFE\|[^\r]*", "\rMFE|MAD", rendered(factory.message()))

    with pytest.raises(Exception, match="MFE"):
        judge(broken)


def test_an_item_stands_where_the_standard_has_it() -> None:
    found = segments(rendered(factory.message("item", codes=("4711",))))

    assert found["MFI"][1] == "INV"
    assert found["MFE"][1:6:3] == ["MUP", "MDM-IT-000001"]
    assert found["ITM"][1:4] == ["MDM-IT-000001^CONCORD", "Catheter Foley 16FR 5CC", "A"]
    assert found["ITM"][5] == "42142500^^UNSPSC^^Urology"
    assert found["ITM"][8:11] == ["C. R. Bard, Inc.", "0165SI16", "00801741012345^^GTIN^00801741012345^^UDI"]
    assert found["ZCV"][1:4] == ["MDM-IT-000001", "1", "0"]
    assert found["ZCV"][6] == "4711^EA"


def test_a_location_names_its_parent_and_cost_center() -> None:
    found = segments(rendered(factory.message("location")))

    assert found["LOC"][3] == "N"
    assert found["LRL"][4] == "PAR"
    assert found["LRL"][6].startswith("MDM-LO-000002")
    assert found["LDP"][7] == "20200229"
    assert found["LDP"][12] == "MDM-CC-000003^Telemetry"


def test_a_location_without_a_parent_has_no_relationship() -> None:
    assert "LRL" not in segments(rendered(factory.message("location", parent=None)))


def test_a_value_that_is_not_stated_is_deleted_at_the_receiver() -> None:
    assert segments(rendered(factory.message(description=None)))["ITM"][2] == '""'


@pytest.mark.parametrize(
    ("kind", "codes", "event"),
    [
        (Kind.UPSERT, (), "MAD"),
        (Kind.UPSERT, ("4711",), "MUP"),
        (Kind.RETIRE, ("4711",), "MDC"),
        (Kind.MERGE, (), "MDC"),
        (Kind.UNMERGE, (), "MAC"),
    ],
)
def test_the_kind_of_change_is_the_record_level_event(kind: Kind, codes: tuple[str, ...], event: str) -> None:
    assert segments(rendered(factory.message(kind=kind, codes=codes)))["MFE"][1] == event


def test_the_header_says_utf_8_and_version_2_6() -> None:
    msh = segments(rendered(factory.message()))["MSH"]

    assert msh[11] == "2.6"
    assert msh[17] == "UNICODE UTF-8"
    assert msh[6] == "20260301123000+0000"


def test_the_control_id_follows_from_the_key_alone() -> None:
    keys = [factory.message(number=n, version=v).key for n in range(50) for v in range(5)]
    ids = {control_id(key) for key in keys}

    assert len(ids) == len(keys)
    assert {len(i) for i in ids} == {20}
    assert segments(rendered(factory.message()))["MSH"][9] == control_id(factory.message().key)
    assert segments(rendered(factory.message()))["MFE"][2] == control_id(factory.message().key)
