"""X12 judged and read by bots' grammars: a JSON list of texts comes in, ``{"errors", "tree"}`` of each goes out.

Run by the interpreter of an environment of its own.
"""

import json
import logging
import sys

import edi_parser

logging.disable()


def judged(text):
    how = {"editype": "x12", "messagetype": "x12"}  # which grammar a set is held to, its ST and GS say
    found = edi_parser.validate_edi(text.encode(), **how)
    read = edi_parser.parse_edi(text.encode(), field_validation_mode="strict", **how)
    errors = [error["message"] for error in found["errors"]] + read["errors"]
    return {"errors": errors, "tree": read["data"] if read["success"] else None}


sys.stdout.write(json.dumps([judged(text) for text in json.load(sys.stdin)]))
