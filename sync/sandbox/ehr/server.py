"""The EHR counterpart: an MLLP listener that keeps master files and answers queries about them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

from sync.sandbox.faults import Fault, Faults
from sync.sandbox.store import Applied, Change, Store

from . import parser
from .fields import FILES

WIRE = ("disconnect", "disconnect_after", "hang", "slow", "late", "wrong_ack", "garbage", "huge")
LARGEST = 4_000_000  # bytes of one message
IGNORED = "a newer version is held"


class Ehr:
    def __init__(self, store: Store, faults: Faults) -> None:
        self.store, self.faults = store, faults
        self._server: asyncio.Server | None = None
        self._open: set[Line] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Line(self, self._open), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self.drop()

    def drop(self) -> None:
        """Break every open connection."""
        for line in list(self._open):
            line.abort()

    def reset(self) -> None:
        self.faults.clear()
        self.store.reset()

    def answer(self, payload: bytes, control: str = "") -> bytes:
        """MFK or ACK to an MFN, MFR to an MFQ; ``control`` is answered in place of the message's own."""
        try:
            segments = parser.read(payload)
            msh = segments[0][1]
            control = control or parser.first(msh, "10.1")
            answer = self._query if parser.first(msh, "9.1") == "MFQ" else self._notification
            return answer(segments, control)
        except (ValueError, LookupError) as error:
            self.store.log("unreadable", "", str(error))
            return _message("ACK", control or "0", [f"MSA|AR|{control or '0'}|{parser.safe(str(error))}"])

    def _notification(self, segments: list[tuple[str, parser.Cells]], control: str) -> bytes:
        by_name = dict(segments)
        mfi, mfe, zcv = by_name["MFI"], by_name["MFE"], by_name["ZCV"]
        domain, record = FILES[parser.first(mfi, "1.1")], parser.first(mfe, "4.1")
        if fault := self.faults.take("nak", "429", "503", text=segments.__str__):
            code = fault.code or ("AE" if fault.kind == "nak" else "AR")
            return _message("ACK", control, [f"MSA|{code}|{control}|refused on demand"])
        if self.faults.take("reject", text=segments.__str__):
            return self._outcome(mfi, mfe, control, record, None)
        change = Change(
            key=parser.first(segments[0][1], "10.1"),
            domain=domain,
            id=record,
            version=int(parser.first(zcv, "2.1")),
            generation=int(parser.first(zcv, "3.1")),
            active=parser.first(mfe, "1.1") not in ("MDC", "MDL"),
            replaced_by=parser.first(zcv, "5.1") or None,
            codes=[code for code in zcv.get("6.1", []) if code],
            fields=parser.record(domain, segments),
        )
        done = self.store.apply(change, forgetful=self.faults.take("forget") is not None)
        return self._outcome(mfi, mfe, control, record, done)

    def _outcome(self, mfi: parser.Cells, mfe: parser.Cells, control: str, record: str, done: Applied | None) -> bytes:
        event, change, key = (parser.first(mfe, f"{n}.1") for n in (1, 2, 5))
        file = f"MFI|{parser.first(mfi, '1.1')}|EHR|UPD|||AL"
        if done is None:
            self.store.log("rejected", record, "rejected on demand")
            error = "ERR|||207^Application internal error^HL70357|E||||rejected on demand"
            mfa = f"MFA|{event}|{change}|{_now()}|U^rejected on demand|{record}|{key}"
            return _message("MFK", control, [f"MSA|AE|{control}", error, file, mfa])
        note = f"|{IGNORED}" if done.result == "ignored" else ""
        mfa = f"MFA|{event}|{change}|{_now()}|S|{record}~{parser.safe(done.code)}|{key}~{key}"
        return _message("MFK", control, [f"MSA|AA|{control}{note}", file, mfa])

    def _query(self, segments: list[tuple[str, parser.Cells]], control: str) -> bytes:
        by_name = dict(segments)
        qrd = by_name["QRD"]
        file, limit, ids = parser.first(qrd, "10.1"), int(parser.first(qrd, "7.1")), qrd["8.1"]
        domain = FILES[file]
        after = parser.first(by_name.get("DSC", {}), "1.1")
        rows = self.store.page(domain, after, limit) if ids == ["ALL"] else self.store.named(domain, ids)
        lines = [f"MSA|AA|{control}", f"QRD|{_now()}|R|I|{control}|||{limit}^RD|{'~'.join(ids)}|MFQ|{file}"]
        lines.append(f"MFI|{file}|EHR|UPD|||NE")
        for row in rows:
            lines.append(f"MFE|{'MUP' if row['active'] else 'MDC'}|||{row['id']}~{parser.safe(row['code'])}|EI~EI")
            lines += parser.written(domain, row["fields"])
            lines.append(f"ZCV|{row['id']}|{row['version']}|{row['generation']}||{row['replaced_by'] or ''}")
        if ids == ["ALL"] and len(rows) == limit:
            lines.append(f"DSC|{rows[-1]['id']}|I")
        return _message("MFR", control, lines)


class Line(asyncio.Protocol):
    """One connection. Messages that arrive together are applied in one commit, then answered."""

    def __init__(self, ehr: Ehr, open_lines: set[Line]) -> None:
        self._ehr, self._open_lines = ehr, open_lines
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        if self._ehr.faults.take("refuse"):
            transport.abort()
            return
        self._open_lines.add(self)
        self._task = asyncio.create_task(self._run())

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_lines.discard(self)
        if self._task:
            self._task.cancel()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > LARGEST:
            self.abort()
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._serve(self._frames())

    def _frames(self) -> list[bytes]:
        *whole, rest = bytes(self._buffer).split(b"\x1c\x0d")
        self._buffer = bytearray(rest)
        return [frame.partition(b"\x0b")[2] for frame in whole]

    async def _serve(self, frames: list[bytes]) -> None:
        while frames:
            answers, fault = [], None
            with self._ehr.store.together():
                while frames and fault is None:
                    payload = frames.pop(0)
                    fault = self._ehr.faults.take(*WIRE, text=partial(payload.decode, errors="replace"))
                    if fault is None:
                        answers.append(_frame(self._ehr.answer(payload)))
            self._write(b"".join(answers))
            if fault:
                await self._misbehave(fault, payload)

    async def _misbehave(self, fault: Fault, payload: bytes) -> None:
        self._ehr.store.log("fault", "", fault.kind)
        match fault.kind:
            case "disconnect":
                self.abort()
            case "hang":
                await asyncio.sleep(fault.delay or 3600)
                self.abort()
            case "huge":
                self._write(b"\x0b" + b"x" * 100_000_000)
            case "garbage":
                self._write(_frame(self._ehr.answer(payload)).removesuffix(b"\x1c\x0d"))
            case "wrong_ack":
                self._write(_frame(self._ehr.answer(payload, control="SOMEBODYELSES")))
            case "disconnect_after":
                self._ehr.answer(payload)
                self.abort()
            case "late":
                await asyncio.sleep(fault.delay or 2)
                self._write(_frame(self._ehr.answer(payload)))
            case _:
                await self._drip(_frame(self._ehr.answer(payload)), fault.delay or 1)

    async def _drip(self, data: bytes, delay: float) -> None:
        for n in range(len(data)):
            self._write(data[n : n + 1])
            await asyncio.sleep(delay)

    def _write(self, data: bytes) -> None:
        if data and self._transport and not self._transport.is_closing():
            self._transport.write(data)


def _frame(payload: bytes) -> bytes:
    return b"\x0b" + payload + b"\x1c\x0d"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S")


def _message(kind: str, control: str, lines: list[str]) -> bytes:
    kinds = {"ACK": "ACK", "MFK": "MFK^M01^MFK_M01", "MFR": "MFR^M01^MFR_M01"}
    msh = f"MSH|^~\\&|EHR|HOSPITAL|CONCORD|MDM|{_now()}||{kinds[kind]}|A{control}"[:200]
    return "\r".join((f"{msh}|P|2.6||||||UNICODE UTF-8", *lines, "")).encode()
