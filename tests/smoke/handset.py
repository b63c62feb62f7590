"""A responder's device for stories: a socket, and the frames of the terminal protocol. It does what it is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar
from urllib.parse import urlsplit

from fusioncmd import ids, terminal
from fusioncmd.messages import Order
from fusioncmd.terminal import Alive, Answer, Counted, Deliver, Hello, Received, Welcome
from fusioncmd.trust import seals

PATIENCE_S = 10.0
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
T = TypeVar("T")


class Closed(Exception):
    """The gateway closed the connection, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


class Handset:
    """Connected, greeted and welcome from the start; `said` is every frame that came and was not asked for yet.

    `connection` is one that was made already, such as by TLS. `ticket` may be what gets one before the hello.
    """

    def __init__(
        self,
        url: str,
        ticket: bytes | Callable[[Handset], bytes],
        held: tuple[bytes, ...] = (),
        connection: socket.socket | None = None,
    ) -> None:
        to = urlsplit(url)
        assert to.hostname and to.port
        self._socket = connection or socket.create_connection((to.hostname, to.port), PATIENCE_S)
        self._socket.sendall(HANDSHAKE.format(path=to.path, host=to.netloc).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._exactly(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.said: list[terminal.ToTerminal] = []
        try:
            self.say(Hello(terminal.VERSION, ticket(self) if callable(ticket) else ticket, held))
            self.welcome = self.hear(Welcome)
            self.number = self.welcome.number
        except Closed:
            self._socket.close()
            raise

    def __enter__(self) -> Handset:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def say(self, frame: terminal.FromTerminal) -> None:
        data, mask = terminal.encode(frame), os.urandom(4)
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self._socket.sendall(b"\x82" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def hear(self, kind: type[T]) -> T:
        """The next frame of that kind; others are kept."""
        while True:
            for frame in self.said:
                if isinstance(frame, kind):
                    self.said.remove(frame)
                    return frame
            self.said.append(self._read())

    def order(self, text: str, ident: str = "") -> Order:
        """The next order with that text, which the device says that it received. `ident`: none but that one."""
        while True:
            order, _ = seals.claimed(self.hear(Deliver).sealed)
            self.say(Received(order.id))
            if order.text == text and ident in ("", ids.to_text(order.id)):
                return order

    def answer(self, order: Order, words: str) -> Counted:
        """Answer, and wait until it counts."""
        self.say(Answer(order.id, order.answers.index(words)))
        return self.hear(Counted)

    def orders_by_now(self) -> list[str]:
        """The texts of the orders that came until now, and were not asked for."""
        self.say(Alive())
        self.hear(Alive)
        return [seals.claimed(frame.sealed)[0].text for frame in self.said if isinstance(frame, Deliver)]

    def _read(self) -> terminal.ToTerminal:
        kind, size = self._exactly(2)
        data = self._exactly(int.from_bytes(self._exactly(2), "big") if size == 126 else size)
        if kind == 0x88:
            raise Closed(int.from_bytes(data[:2], "big"), data[2:].decode())
        return terminal.decode_to_terminal(data)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the connection ended")
            data += piece
        return data
