"""A small OpenID provider on a real socket: discovery, keys, tokens signed with RS256, userinfo."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "concord", "between us"
KEY, STRANGERS = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


@dataclass
class Provider:
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)  # of whoever signs in
    token: dict[str, Any] = field(default_factory=dict)  # what the token says otherwise
    userinfo: dict[str, Any] = field(default_factory=dict)  # what the endpoint says otherwise
    key: Any = KEY
    challenges: dict[str, str] = field(default_factory=dict)  # by code

    def agrees(self, address: str) -> str:
        """What a person does at the provider's page: sign in. Returns where the browser is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked["code_challenge"]
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?code={code}&state={asked['state']}"

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any] | None:
        match path:
            case "/.well-known/openid-configuration":
                ends = {name: f"{self.issuer}/{name.partition('_')[0]}" for name in ENDPOINTS}
                return {"issuer": self.issuer, "token_endpoint_auth_methods_supported": ["client_secret_post"], **ends}
            case "/jwks":
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}
            case "/token" if self._may(form):
                return {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": self._signed()}
            case "/userinfo":
                return {**self.claims, **self.userinfo}
        return None

    def _may(self, form: dict[str, str]) -> bool:
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        return form.get("client_secret") == SECRET and self.challenges.pop(form.get("code", ""), "") == challenge

    def _signed(self) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "sub": self.claims["sub"]}
        return jwt.encode({**said, **self.token}, self.key, algorithm="RS256", headers={"kid": "one"})


ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


@contextmanager
def running() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            answer = provider.answer(self.path, form)
            self.send_response(200 if answer is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer or {"error": "invalid_grant"}).encode())

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
