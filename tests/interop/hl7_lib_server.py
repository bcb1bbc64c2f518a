"""An HL7 server out of python-hl7: keeps what it gets, one JSON line each, and refuses what says REFUSE.

``hl7_lib_server.py PORT FILE [CERTIFICATE CLIENTS]``, run by the interpreter of an environment of its own. With a
certificate it speaks TLS, and to clients only whose certificates CLIENTS signed.
"""

import asyncio
import itertools
import json
import ssl
import sys
from pathlib import Path

from hl7.mllp import start_hl7_server

port, file, certificates = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
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


def tls():
    if not certificates:
        return None
    own, clients = certificates
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    context.load_cert_chain(own)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def main():
    server = await start_hl7_server(served, "127.0.0.1", port, encoding="utf-8", ssl=tls())
    async with server:
        await server.serve_forever()


file.touch()
asyncio.run(main())
