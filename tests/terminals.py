"""A terminal of its own, on wsproto and plain MessagePack, and a whole gateway in this process for it to call.

The terminal shares no code with the gateway: what it says and hears are the arrays of the protocol, spelt out.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgpack
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request

from fusioncmd import ids, messages, subjects, tickets
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import CALL, RECEIPT
from fusioncmd.codes import Path
from fusioncmd.messages import Order, Receipts
from fusioncmd.orders import address
from fusioncmd.tally import Marks
from fusioncmd.trust.judge import Judge
from gateways.responder.engine import Engine
from gateways.responder.gateway import Gateway
from gateways.responder.listener import bind
from gateways.responder.pages import NO_PAGES, Pages
from gateways.responder.peers import Peers
from tests.worlds import NOW_MS, OFFICES, audience_of, sealed

HELLO, RECEIVED, ANSWER, REPORT, ALIVE = range(1, 6)
DISTRUST = 8
WELCOME, DELIVER, COUNTED, STORED, REFUSED = range(16, 21)
KEY = bytes(range(32))
VILLAGE = "440106001101"
LOST = (1006, "")  # the connection ended without a close frame (RFC 6455, 7.1.5)


class Closed(Exception):
    """The gateway ended the connection; `args` are the code and the reason."""


class Terminal:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.ws = WSConnection(ConnectionType.CLIENT)
        self._events: deque[object] = deque()
        self._parts = b""
        self.pongs: list[bytes] = []

    async def shake(self, said: bytes = b"") -> Terminal:
        """`said` is how the request begins, which was sent already."""
        self.raw(self.ws.send(Request(host="gateway", target="/terminal")).removeprefix(said))
        assert isinstance(await self._event(), AcceptConnection)
        return self

    def raw(self, data: bytes) -> None:
        self._writer.write(data)

    def say(self, *fields: object) -> None:
        self.raw(self.ws.send(BytesMessage(data=msgpack.packb(fields))))

    async def hear(self) -> list[Any]:
        """The next frame; `Closed` when there will be none."""
        while True:
            match await self._event():
                case BytesMessage(data=data, message_finished=finished):
                    self._parts += data
                    if finished:
                        whole, self._parts = self._parts, b""
                        return list(msgpack.unpackb(whole))
                case Pong(payload=payload):
                    self.pongs.append(bytes(payload))
                case Ping():
                    pass
                case CloseConnection(code=code, reason=reason):
                    raise Closed(code, reason or "")

    async def hears_nothing_more(self) -> bool:
        """True when the next thing heard is the echo of a sign of life that is said now."""
        self.say(ALIVE)
        return await self.hear() == [ALIVE]

    async def closing(self) -> tuple[int, str]:
        """How the gateway ends the connection, whatever it says before."""
        try:
            while True:
                await self.hear()
        except Closed as closed:
            return closed.args[0], closed.args[1]

    async def some(self) -> bytes:
        """Some of the bytes that come next."""
        async with asyncio.timeout(5):
            return await self._reader.read(4096)

    async def rest(self) -> bytes:
        """All bytes up to the end of the connection, as they are."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(5):
                return await self._reader.read()
        return b""

    def leave(self) -> None:
        """As a phone does that loses the network: a reset, and no word."""
        self._writer.transport.abort()

    def finish(self) -> None:
        """Nothing more will be said."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    async def _event(self) -> object:
        while not self._events:
            try:
                async with asyncio.timeout(5):
                    data = await self._reader.read(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise Closed(*LOST)
            self.ws.receive_data(data)
            self._events.extend(self.ws.events())
        return self._events.popleft()


class HeldBus(MemoryBus):
    """Stores when `gate` is open; until then it lets wait, as a disk does that is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def store(self, subject: str, data: bytes, *, expect_last: int | None = None) -> int:
        await self.gate.wait()
        return await super().store(subject, data, expect_last=expect_last)


class World:
    """One gateway over the bus in memory; its clock stands still until `now_s` is moved."""

    def __init__(self, serves: str, descriptors_max: int, peers: Peers | None = None, pages: Pages = NO_PAGES) -> None:
        self.now_s, self.monotonic_s = NOW_MS / 1000, 1000.0
        self.bus = HeldBus()
        self.listener = bind("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        self.engine = Engine(self.listener, descriptors_max, lambda: self.monotonic_s, peers, pages)
        judge = Judge(OFFICES.anchors, lambda: self.now_s)
        self.gateway = Gateway(self.engine, Path(serves), KEY, judge, descriptors_max, lambda: self.now_s)
        self.gateway.connect(self.bus, "gw")
        self.engine.serve(self.gateway)
        self._terminals: list[Terminal] = []

    def ticket(self, number: int, village: str = VILLAGE, open_s: int = 86_400, key: bytes = KEY) -> bytes:
        return tickets.mint(tickets.Ticket(number, village, (), int(self.now_s) + open_s), key)

    async def plain(self, connection: socket.socket | None = None, narrow: bool = False) -> Terminal:
        """A TCP connection on which nothing was said; when it is `narrow`, little waits in it to be read."""
        if connection is None:
            connection = tcp_socket()
            if narrow:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # what is accepted inherits it
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        streams = await asyncio.open_connection(sock=connection, limit=1024 if narrow else 1 << 20)
        self._terminals.append(Terminal(*streams))
        return self._terminals[-1]

    async def open(self, narrow: bool = False) -> Terminal:
        return await (await self.plain(narrow=narrow)).shake()

    async def enter(self, number: int, *held: Order, ticket: bytes | None = None, narrow: bool = False) -> Terminal:
        """A terminal that was welcomed; what it is delivered is still to be heard."""
        terminal = await self.open(narrow)
        terminal.say(HELLO, 2, ticket or self.ticket(number), [order.id for order in held])
        assert (await terminal.hear())[:2] == [WELCOME, number]
        return terminal

    async def issue(self, order: Order, *numbers: int) -> Order:
        """As the node does: whom it means first, then the order."""
        await self.bus.store(subjects.audience(ids.to_text(order.id)), messages.encode(audience_of(order, numbers)))
        await self.bus.store(subjects.call(address(order.audience)), sealed(order))
        return order

    async def end(self) -> None:
        for terminal in self._terminals:
            terminal.leave()
        self.engine.stop()
        await self.gateway.publisher.drain(0)

    async def settled(self) -> None:
        """Everything that was gathered is stored and confirmed."""
        await self.gateway.publisher.drain(5)

    async def marks(self, order: Order) -> Marks:
        """The evidence about `order` that is on disk."""
        found = Marks()
        async for stored in self.bus.read(RECEIPT):
            for mark in messages.decode(Receipts, stored.data).marks:
                if mark.order == order.id:
                    found.fold(mark)
        return found


def tcp_socket() -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    connection.setblocking(False)
    return connection


@contextlib.asynccontextmanager
async def a_world(
    serves: str = "44", descriptors_max: int = 4096, peers: Peers | None = None, pages: Pages = NO_PAGES
) -> AsyncIterator[World]:
    world = World(serves, descriptors_max, peers, pages)
    await world.bus.tail(CALL, world.gateway.fold_call)
    world.engine.start()
    try:
        yield world
    finally:
        await world.end()


def delivery(order: Order) -> list[Any]:
    """The frame that brings `order`."""
    return [DELIVER, sealed(order)]
