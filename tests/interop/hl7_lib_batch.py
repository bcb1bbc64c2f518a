"""A client out of python-hl7 that sends a file of batches in one frame and reads the answer as one.

``hl7_lib_batch.py PORT``, run by the interpreter of an environment of its own; gets a JSON list of batches, each a list
of messages, and prints what the answer holds as the library reads it.
"""

import json
import sys

import hl7
from hl7.client import MLLPClient

HEADER = "|^~\\&|LIB|GENHOSP|CONCORD|MDM|20260101||||"


def main():
    batches = json.load(sys.stdin)
    lines = [f"FHS{HEADER}F-1"]
    for number, messages in enumerate(batches, 1):
        lines += [f"BHS{HEADER}B-{number}", *messages, f"BTS|{len(messages)}"]
    written = hl7.parse_file("\r".join([*lines, f"FTS|{len(batches)}"]) + "\r")
    with MLLPClient("127.0.0.1", int(sys.argv[1])) as client:
        reply = client.send_message(str(written).encode()).decode().strip("\x0b\x1c\r") + "\r"
    answer = hl7.parse_file(reply)
    found = {
        "file": str(answer.header(12)),
        "batches": [str(batch.header(12)) for batch in answer],
        "answers": [[[str(one.segment("MSA")[n]) for n in (1, 2)] for one in batch] for batch in answer],
        "counts": [str(batch.trailer(1)) for batch in answer] + [str(answer.trailer(1))],
    }
    sys.stdout.write(json.dumps(found))


main()
