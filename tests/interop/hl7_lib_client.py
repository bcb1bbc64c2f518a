"""A client out of python-hl7: sends a JSON list of messages on one connection, all before it reads an answer.

``hl7_lib_client.py PORT``, run by the interpreter of an environment of its own; prints what was answered.
"""

import asyncio
import json
import sys

import hl7
from hl7.mllp import open_hl7_connection


async def main():
    texts = json.load(sys.stdin)
    reader, writer = await open_hl7_connection("127.0.0.1", int(sys.argv[1]), encoding="utf-8")
    for text in texts:
        writer.writemessage(hl7.parse(text))
    answers = [(await reader.readmessage()).segment("MSA") for _ in texts]
    writer.close()
    sys.stdout.write(json.dumps([[str(answer[1]), str(answer[2])] for answer in answers]))


asyncio.run(main())
