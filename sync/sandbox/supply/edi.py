"""The supply-chain system's own reader and writer of X12: an 832 into item rows and back, 997 and 824 out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .fields import FLAGS, PRODUCT_IDS, TEXTS

Row = dict[str, Any]
Segment = list[str]
GS, FS, US, RS = "\x1d", "\x1c", "\x1f", "\x1e"


@dataclass
class Line:
    """One LIN loop as it was understood."""

    key: str = ""
    id: str = ""
    version: int = 0
    generation: int = 0
    active: bool = True
    replaced_by: str | None = None
    codes: list[str] = field(default_factory=list)
    row: Row = field(default_factory=dict)


def segments(text: str) -> list[Segment]:
    """Raises ValueError when it is no interchange, or its counts and control numbers don't agree."""
    if text[:3] != "ISA":
        raise ValueError("no ISA")
    element, end = text[3], text[105]
    found = [part.lstrip("\r\n").split(element) for part in text.split(end) if part.strip("\r\n")]
    by_name = {s[0]: s for s in found}
    if by_name["IEA"][2] != by_name["ISA"][13] or by_name["GE"][2] != by_name["GS"][6]:
        raise ValueError("control numbers differ")
    st = next(n for n, s in enumerate(found) if s[0] == "ST")
    se = next(n for n, s in enumerate(found) if s[0] == "SE")
    if int(found[se][1]) != se - st + 1:
        raise ValueError(f"SE counts {found[se][1]} segments, there are {se - st + 1}")
    return found


def lines(found: Sequence[Segment]) -> list[Line]:
    """The items of a catalogue. Raises ValueError and LookupError for a loop that is not understood."""
    starts = [n for n, s in enumerate(found) if s[0] == "LIN"]
    stop = next(n for n, s in enumerate(found) if s[0] == "CTT")
    if int(found[stop][1]) != len(starts):
        raise ValueError(f"CTT counts {found[stop][1]} lines, there are {len(starts)}")
    return [_line(found[a:b]) for a, b in zip(starts, [*starts[1:], stop], strict=True)]


def _line(loop: Sequence[Segment]) -> Line:
    line = Line(row={"prices": [], "packs": []})
    scope: Row = line.row
    for raw in loop:
        s = raw + [""] * 20
        match s[0]:
            case "LIN":
                _identify(line, dict(zip(s[2::2], s[3::2], strict=False)))
            case "G53":
                line.active = s[1] != "024"
            case "CTP":
                scope = {"amount": s[3], "unit": s[5]}
                line.row["prices"].append(scope)
            case "SLN":
                scope = {"holds": s[4], "unit": s[5], "gtin": s[10]}
                line.row["packs"].append(scope)
            case "N1":
                line.row["main_vendor"] = s[4]
            case _:
                _detail(line, scope, s)
    return line


def _identify(line: Line, ids: dict[str, str]) -> None:
    line.id = ids["IN"]
    line.codes = [ids["SK"]] if ids.get("SK") else []
    line.row |= {own: ids[qualifier] for qualifier, own in PRODUCT_IDS.items() if ids.get(qualifier)}


def _detail(line: Line, scope: Row, s: Segment) -> None:
    match s[0], s[1]:
        case "REF", "TN":
            line.key = s[2]
        case "REF", "V0":
            line.version, line.generation = int(s[2]), int(s[3])
        case "REF", "IX":
            line.codes.append(s[2])
        case "REF", "VR":
            scope["vendor"] = s[2]
        case "REF", "CT":
            scope["agreement"] = s[2]
        case "REF", "ZZ":
            _reference(line, scope, s)
        case "PID", "F":
            line.row["text"] = line.row.get("text", "") + s[5]
        case "PID", "X":
            line.row[TEXTS[s[4]]] = line.row.get(TEXTS[s[4]], "") + s[5]
        case "PID", "S":
            name = {"ORDERABLE": "can_order", "CHARGEABLE": "billable"}[s[4]] if "holds" in scope else FLAGS[s[4]]
            scope[name] = s[8]
        case "PO4", _:
            line.row["stock_unit"] = s[3]
        case "MTX", _:
            line.row["notes"] = s[2]
        case "CUR", _:
            scope["currency"] = s[2]
        case "DTM", "092":
            scope["starts"] = s[2]
        case "DTM", "093":
            scope["ends"] = s[2]
        case _:
            raise ValueError(f"segment {s[0]} {s[1]} is not understood")


def _reference(line: Line, scope: Row, s: Segment) -> None:
    match s[3]:
        case "REPLACED BY":
            line.replaced_by = s[2]
        case "VENDOR PART":
            scope["vendor_part"] = s[2]
        case "TIER":
            scope["tier"] = s[2]


def loop(record: Row) -> list[Segment]:
    """The LIN loop of an item that the system holds."""
    row = record["fields"]
    ids = [part for qualifier, own in PRODUCT_IDS.items() if row.get(own) for part in (qualifier, row[own])]
    return [
        ["LIN", "", "IN", record["id"], "SK", record["code"], *ids],
        ["G53", "001" if record["active"] else "024"],
        ["REF", "V0", str(record["version"]), str(record["generation"])],
        *(["PID", "F", "", "", "", piece] for piece in _pieces(row.get("text", ""))),
        *(["PID", "X", "", "ZZ", name, p] for name, own in TEXTS.items() for p in _pieces(row.get(own, ""))),
        *(_flag(name, row[own]) for name, own in FLAGS.items() if row.get(own)),
        *_given(["PO4", "1", "1", row.get("stock_unit", "")]),
        *_given(["MTX", "LIN", row.get("notes", "")]),
        *(segment for price in row["prices"] for segment in _price(price)),
        *_given(["N1", "SU", "", "92", row.get("main_vendor", "")]),
        *(segment for n, pack in enumerate(row["packs"], start=1) for segment in _pack(n, pack)),
    ]


def _price(price: Row) -> list[Segment]:
    return [
        ["CTP", "", "CON", price["amount"], "1" if price["unit"] else "", price["unit"]],
        *_given(["DTM", "092", price.get("starts", "")]),
        *_given(["DTM", "093", price.get("ends", "")]),
        *_given(["CUR", "SE", price.get("currency", "")]),
        *_given(["REF", "VR", price.get("vendor", "")]),
        *_given(["REF", "CT", price.get("agreement", "")]),
        *(
            ["REF", "ZZ", price[own], label]
            for own, label in (("vendor_part", "VENDOR PART"), ("tier", "TIER"))
            if own in price
        ),
    ]


def _pack(n: int, pack: Row) -> list[Segment]:
    gtin = ["", "", "", "UK", pack["gtin"]] if pack["gtin"] else []
    flags = (("ORDERABLE", "can_order"), ("CHARGEABLE", "billable"))
    head = ["SLN", str(n), "", "I", pack["holds"], pack["unit"], *gtin]
    return [head, *(_flag(name, pack[own]) for name, own in flags if pack.get(own))]


def _flag(name: str, value: str) -> Segment:
    return ["PID", "S", "", "ZZ", name, "", "", "", value]


def _given(segment: Segment) -> list[Segment]:
    return [segment] if segment[-1] else []


def _pieces(text: str) -> Iterable[str]:
    return (text[n : n + 80] for n in range(0, len(text), 80))


def interchange(groups: Sequence[tuple[str, str, list[Segment]]], control: int) -> str:
    """``groups`` are (functional id, transaction set id, its segments); plain delimiters where the values allow."""
    text = "".join(part for _, _, body in groups for segment in body for part in segment)
    element, end, component, repetition = "*~>^" if not set("*~>^") & set(text) else (GS, FS, US, RS)
    now = datetime.now(UTC)
    date, time = now.strftime("%y%m%d"), now.strftime("%H%M")
    isa = ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{'SUPPLY':15}", "ZZ", f"{'CONCORD':15}", date, time,
           repetition, "00501", f"{control:09d}", "0", "P", component]  # fmt: skip
    out = [isa]
    for n, (group, kind, body) in enumerate(groups, start=1):
        out.append(["GS", group, "SUPPLY", "CONCORD", f"20{date}", time, str(n), "X", "005010"])
        out += [["ST", kind, "0001"], *body, ["SE", str(len(body) + 2), "0001"], ["GE", "1", str(n)]]
    out.append(["IEA", str(len(groups)), f"{control:09d}"])
    return "".join(element.join(segment) + end + "\n" for segment in out)


def acknowledgement(control: str, advice: Sequence[tuple[str, str, str]] | None, reason: str = "") -> str:
    """997 and, when the file was accepted, 824; ``advice`` holds (key, own code, reason for rejecting or "")."""
    verdict = "A" if advice is not None else "R"
    group = [["AK1", "SC", control], ["AK2", "832", "0001"], ["AK5", verdict], ["AK9", verdict, "1", "1", "1"]]
    groups = [("FA", "997", group)]
    if advice is not None:
        body = [["BGN", "11", control, datetime.now(UTC).strftime("%Y%m%d")]]
        for key, code, wrong in advice:
            body.append(["OTI", "IR" if wrong else "IA", "TN", key])
            body += [["TED", "ZZZ", wrong[:60]]] if wrong else [["REF", "IX", code]]
        groups.append(("AG", "824", body))
    return interchange(groups, int(control) if control.isdigit() else 0)
