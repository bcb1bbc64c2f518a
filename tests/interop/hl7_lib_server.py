"""An HL7 server out of python-hl7: keeps what it gets, one JSON line each, and refuses what says REFUSE.

``hl7_lib_server.py PORT FILE``, run by the interpreter of an environment of its own.
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path

from hl7.mllp import start_hl7_server

port, file = int(sys.argv[1]), Path(sys.argv[2])
numbers = itertools.count(1)


async def served(reader, writer):
    connection = next(numbers)
    try:
        while True:
            message = await reader.readmessage()
            refused = "REFUSE" in str(message)
            kept(message, connection, refused)
            writer.writemessage(message.create_ack("AE" if refused else "AA"))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def kept(message, connection, refused):
    entry = message.segment("MFE")
    row = {
        "connection": connection,
        "refused": refused,
        "control": str(message.segment("MSH")[10]),
        "event": str(entry[1]),
        "record": str(entry[4]),
        "name": message.unescape(str(message.segment("ITM")[2])),
    }
    with file.open("a") as lines:
        lines.write(json.dumps(row) + "\n")


async def main():
    server = await start_hl7_server(served, "127.0.0.1", port, encoding="utf-8")
    async with server:
        await server.serve_forever()


file.touch()
asyncio.run(main())
