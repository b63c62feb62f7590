"""Departments as strangers would write them: one with nats-py and its key, one with a web server and a token."""

from __future__ import annotations

import asyncio
import hmac
import http.server
import json
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from nats.aio.client import Client
from nats.aio.msg import Msg

from fusioncmd.alarm import cap_out, cap_xml
from fusioncmd.alarm.cap import CapAlert
from tests.tier_process import until


class ByNats:
    """`heard`: what it was told, by subject; `deaf`: it takes nothing now."""

    def __init__(self, url: str, key: Path) -> None:
        self._url, self._key = url, key
        self.heard: dict[str, list[CapAlert]] = {"take.alarm": [], "take.order": []}
        self.deaf = False
        self.out = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client = Client()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._do(self._connect())
        except BaseException:
            self.__exit__()  # a connection that was refused is still open on our side
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def say(self, subject: str, data: bytes | dict[str, Any]) -> Any:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return json.loads(self._do(self._client.request(subject, body, timeout=10)).data)

    def alarm(self, event: str, kind: str = "Alert") -> CapAlert:
        return until(lambda: next((a for a in self.heard["take.alarm"]
                                   if a.msg_type == kind and a.infos[0].event == event), None))  # fmt: skip

    def order(self, text: str) -> CapAlert:
        return until(lambda: next((a for a in self.heard["take.order"] if a.infos[0].description == text), None))

    async def _connect(self) -> None:
        async def lost() -> None:
            self.out.set()

        async def troubled(_: Exception) -> None:
            pass

        await self._client.connect(
            self._url, nkeys_seed=str(self._key), disconnected_cb=lost, error_cb=troubled, allow_reconnect=False
        )
        for subject in (*self.heard, "take.hello"):
            await self._client.subscribe(subject, cb=self._take)
        await self._client.flush()

    async def _take(self, msg: Msg) -> None:
        if self.deaf:
            await msg.respond(b'{"later": "busy"}')
            return
        if msg.subject in self.heard:
            self.heard[msg.subject].append(cap_xml.read(msg.data))
        await msg.respond(b"{}")

    def _do(self, doing: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(15)


class ByHttp:
    """`status`: what its web server replies."""

    def __init__(self, port: int) -> None:
        self.heard: list[CapAlert] = []
        self.status, self.tries, self.token = 200, 0, ""
        end = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(405)
                self.end_headers()

            def do_POST(self) -> None:
                end.tries += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = end.take(self.headers["Fusion-Signature"], body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, signature: str, body: bytes) -> int:
        stamp, tag = (part.partition("=")[2] for part in signature.split(","))
        made = hmac.new(self.token.encode(), f"{stamp}.".encode() + body, sha256).hexdigest()
        if not hmac.compare_digest(made, tag):
            return 401
        if self.status == 200:
            self.heard.append(cap_xml.read(body))
        return self.status

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def order_of(alert: CapAlert) -> str:
    return next(value for name, value in alert.infos[0].parameters if name == cap_out.ORDER)
