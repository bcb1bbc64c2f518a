"""Interchanges judged by pyx12's reader: a JSON list of texts comes in, the errors of each in its envelopes go out.

Run by the interpreter of an environment of its own.
"""

import io
import json
import logging
import sys

from pyx12.errors import X12Error
from pyx12.x12file import X12Reader

logging.disable()


def judged(text):
    errors = []
    try:
        reader = X12Reader(io.StringIO(text))
        for _ in reader:
            errors += reader.pop_errors()
        reader.cleanup()
    except X12Error as error:
        return [str(error)]
    return [" ".join(str(part) for part in error) for error in errors + reader.pop_errors()]


sys.stdout.write(json.dumps([judged(text) for text in json.load(sys.stdin)]))
