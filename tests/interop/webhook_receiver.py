"""A receiver of webhooks that believes nothing but the official library: what it verifies takes effect once.

``webhook_receiver.py PORT``, run by the interpreter of an environment of its own. ``POST /state`` tells it its
``secret`` and how to ``answer`` what comes next: a status, or "lost" for one that it takes and never answers.
"""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

state = {"secret": "", "answer": [], "effects": {}, "got": []}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/state":
            state.update(json.loads(body))
            return self.said(200, json.dumps(state).encode())
        return self.taken(body)

    def taken(self, body):
        try:
            message = Webhook(state["secret"]).verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            return self.said(401, str(error).encode())
        headers = {name.lower(): value for name, value in self.headers.items()}
        state["got"].append({"headers": headers, "body": base64.b64encode(body).decode()})
        answer = state["answer"].pop(0) if state["answer"] else 204
        if answer in (204, "lost"):
            state["effects"].setdefault(headers["webhook-id"], []).append([message["type"], message["subject"]])
        if answer == "lost":
            self.close_connection = True
            return None
        return self.said(answer)

    def said(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
