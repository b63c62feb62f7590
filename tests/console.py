"""A browser's end of the console, without a browser: a cookie jar, JSON, and events as they come."""

from __future__ import annotations

import http.client
import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusioncmd import ids
from fusioncmd.accounts import proofs
from fusioncmd.trust import ring, seals
from fusioncmd.trust.grants import Credential

STREAM_S_MAX = 10


@dataclass(frozen=True)
class Said:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Visitor:
    """Somebody at the console on `port`, with what the browser keeps."""

    port: int
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: object = None, **more: str) -> Said:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        with self._open(method, path, data, {"Content-Type": "application/json"} if data else {}, more) as response:
            said = Said(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
        if "set-cookie" in said.headers:
            self.cookie = said.headers["set-cookie"].split(";")[0]
        return said

    def get(self, path: str) -> Any:
        """What is found there; it must be."""
        said = self.ask("GET", path)
        assert said.status == 200, said
        return said.json

    def post(self, path: str, body: object, status: int = 200) -> Any:
        said = self.ask("POST", path, body)
        assert said.status == status, said
        return said.json

    def log_in_by_key(self, own: Credential) -> Any:
        node = self.get("/api/health")["node"]
        proof = proofs.prove(own, node, int(time.time() * 1000), os.urandom(proofs.NONCE_BYTES))
        return self.post("/api/login/key", {"proofs": [b64encode(proof).decode()]})

    def compose(self, own: Credential, text: str, place: str, **more: object) -> tuple[str, bytes]:
        """The id of a new order, and the order, signed with `own`."""
        ident = ids.to_text(ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES)))
        draft = {
            "id": ident, "status": own.grant.statuses[0], "issuer": own.grant.holder, "node": own.grant.path,
            "text": text, "audience": {"nodes": [place]}, "answers": ["here", "help"],
        }  # fmt: skip
        body = b64decode(self.post("/api/compose", draft | more)["body"])
        return ident, seals.seal(body, own)

    def events(self, path: str, **more: str) -> Iterator[tuple[str, str, Any]]:
        """Kind, id and data of each event, as it comes."""
        with self._open("GET", path, None, {}, more) as response:
            assert response.status == 200, response.read()
            fields: dict[str, str] = {}
            while data := response.readline():
                if line := data.decode().rstrip("\n"):
                    name, _, fields[name] = line.partition(": ")
                elif "event" in (said := fields):
                    fields = {}
                    yield said["event"], said.get("id", ""), json.loads(said["data"])

    @contextmanager
    def _open(
        self, method: str, path: str, data: bytes | None, own: dict[str, str], more: dict[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STREAM_S_MAX)
        headers = self.headers | own | {name.replace("_", "-"): value for name, value in more.items()}
        if self.cookie:
            headers["Cookie"] = self.cookie
        try:
            connection.request(method, path, data, headers)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()


def key_of(folder: Path, mode: str = "exercise") -> Credential:
    return ring.own_key(folder, "actual" if mode == "actual" else "exercise", int(time.time() * 1000))
