"""Signs with the official library: a JSON list of ``{"secret", "id", "body"}`` comes in, the headers of each go out.

Run by the interpreter of an environment of its own.
"""

import datetime as dt
import json
import sys

from standardwebhooks import Webhook

now = dt.datetime.now(dt.UTC)


def signed(one):
    signature = Webhook(one["secret"]).sign(one["id"], now, one["body"])
    return {
        "webhook-id": one["id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


sys.stdout.write(json.dumps([signed(one) for one in json.load(sys.stdin)]))
