"""Where HTTP channels end in tests: an endpoint on the loopback that keeps what is posted and says what it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from tests.nats_server import free_port


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpEnd:
    """`script`: status lines with headers of the next replies, then 201; `gone`: paths that are there no more."""

    port: int = field(default_factory=free_port)
    posts: list[Post] = field(default_factory=list)
    script: deque[str] = field(default_factory=deque)
    gone: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> HttpEnd:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.posts.append(Post(path := head[0].split()[1], headers, body))
            status = self.script.popleft() if self.script else "410 Gone" if path in self.gone else "201 Created"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
