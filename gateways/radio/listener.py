"""Sockets of SIP: UDP, TCP and TLS. Bytes go to the agent as they come, and what it says goes out at once.

One task moves the agent's time. A connection is a protocol object and no task; what a peer can make it hold is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, cast

import structlog

from gateways.radio import bounds
from gateways.radio.sip_agent import Agent
from gateways.radio.sip_events import Event
from gateways.radio.sip_reply import Flow
from gateways.radio.sip_stream import PONG, Framing
from gateways.radio.sip_syntax import BadSyntax

log = structlog.get_logger("radio")

TICK_S = 0.05
UDP_BUFFER_BYTES = 4 * 1024 * 1024  # of the kernel, asked for: a burst of a second
SO_RCVBUFFORCE = 33  # socket(7); Python has no name for it
UDP_LINK = 0


class Listener:
    """`heard` is given each event, at once. `monotonic` and `clock` give seconds: one runs on, one counts from 1970."""

    def __init__(
        self, agent: Agent, heard: Callable[[Event], None], monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.agent, self._heard, self._monotonic, self._clock = agent, heard, monotonic, clock
        self._udp: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, Connection] = {}
        self._by_host: Counter[str] = Counter()
        self._made = UDP_LINK
        self._seldom: deque[tuple[bytes, Flow]] = deque()  # strangers who wait; of addresses that asked little
        self._often: deque[tuple[bytes, Flow]] = deque()  # … and of others, who are heard after those
        self._turn: asyncio.Handle | None = None
        self._came = 0  # messages since strangers were heard
        self.counts: Counter[str] = Counter()

    @property
    def now_s(self) -> float:
        return self._monotonic()

    @property
    def waiting(self) -> int:
        """Strangers whose requests were not read yet."""
        return len(self._seldom) + len(self._often)

    async def open(self, host: str, port: int, tls_port: int | None, context: ssl.SSLContext | None) -> None:
        """`OSError` where a port is not to be had."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, port))
        self._udp = transport
        _widen(transport.get_extra_info("socket").fileno())
        self._servers.append(await loop.create_server(lambda: Connection(self, "tcp"), host, port))
        if tls_port is not None and context is not None:
            server = await loop.create_server(
                lambda: Connection(self, "tls"), host, tls_port, ssl=context,
                ssl_handshake_timeout=bounds.TLS_HANDSHAKE_S_MAX,
            )  # fmt: skip
            self._servers.append(server)

    async def run(self) -> None:
        """Time passes."""
        while True:
            await asyncio.sleep(TICK_S)
            now_s = self.now_s
            self.agent.tick(now_s)
            self.flush()
            for connection in [c for c in self._connections.values() if c.until_s <= now_s]:
                self.counts["silent"] += 1
                connection.close()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for connection in [*self._connections.values()]:
            connection.close()
        if self._udp is not None:
            self._udp.close()
        await asyncio.sleep(0)

    def flush(self) -> None:
        """Send what the agent says, and tell what happened."""
        while self.agent.out or self.agent.events:
            sending, self.agent.transactions.out = self.agent.out, []
            for flow, data in sending:
                self._send(flow, data)
            events, self.agent.book.events = self.agent.events, []
            for event in events:
                self._heard(event)

    def take(self, data: bytes, flow: Flow) -> bool:
        """Whether it was of somebody who proved themselves. What strangers ask waits, some of it between two looks at
        the sockets: a call's messages, and its sound, do not wait behind a flood."""
        self._came += 1
        now_s, now_ms = self.now_s, int(self._clock() * 1000)
        weight = self.agent.weigh(data, flow, now_s, now_ms)
        if weight is None:
            return False
        if weight == "seldom" or weight == "often":
            line = self._seldom if weight == "seldom" else self._often
            line.append((data, flow))
            if len(line) > bounds.STRANGERS_WAITING_MAX:
                line.popleft()
                self.agent.strangers.shed += 1
            if self._turn is None:
                self._turn = asyncio.get_running_loop().call_soon(self._hear_strangers)
            return False
        proven = self.agent.read(data, flow, weight == "proven", now_s, now_ms)
        self.flush()
        return proven

    def _hear_strangers(self) -> None:
        """Fewer, the more came since: where cores are busy, sockets are emptied first."""
        now_s, now_ms = self.now_s, int(self._clock() * 1000)
        room, self._came = max(1, bounds.STRANGERS_AT_ONCE - self._came), 0
        for _ in range(min(self.waiting, room)):
            data, flow = (self._seldom or self._often).popleft()
            self.agent.read(data, flow, False, now_s, now_ms)
        self.flush()
        again = asyncio.get_running_loop().call_soon(self._hear_strangers) if self.waiting else None
        self._turn = again

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for it."""
        host = connection.flow.host
        if (
            len(self._connections) >= bounds.CONNECTIONS_MAX
            or self._by_host[host] >= bounds.CONNECTIONS_PER_ADDRESS_MAX
        ):
            self.counts["no room"] += 1
            return False
        self._connections[connection.flow.link] = connection
        self._by_host[host] += 1
        return True

    def lost(self, connection: Connection) -> None:
        if self._connections.pop(connection.flow.link, None) is None:
            return
        self._by_host[connection.flow.host] -= 1
        if not self._by_host[connection.flow.host]:
            del self._by_host[connection.flow.host]
        self.agent.lost(connection.flow, self.now_s)
        self.flush()

    def link(self) -> int:
        self._made += 1
        return self._made

    def _send(self, flow: Flow, data: bytes) -> None:
        if flow.transport == "udp":
            if self._udp is not None and not self._udp.is_closing():
                self._udp.sendto(data, (flow.host, flow.port))
        elif (connection := self._connections.get(flow.link)) is not None:
            connection.send(data)
        else:
            self.counts["nowhere"] += 1


def _widen(fd: int) -> None:
    """A flood of 10,000 a second fills the usual buffer in 20 ms, and what comes then is lost, whoever sent it. Beyond
    net.core.rmem_max only with CAP_NET_ADMIN."""
    with socket.socket(fileno=os.dup(fd)) as udp:
        for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
            with contextlib.suppress(OSError):
                udp.setsockopt(socket.SOL_SOCKET, option, UDP_BUFFER_BYTES)
                break
        got = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    if got < UDP_BUFFER_BYTES:
        log.warning("radio.small_buffer", bytes=got, wanted=UDP_BUFFER_BYTES, set="net.core.rmem_max")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(data) > 4:  # less is a keep-alive
            self._listener.take(data, Flow("udp", addr[0], addr[1], UDP_LINK))

    def error_received(self, exc: Exception) -> None:
        self._listener.counts["unreachable"] += 1  # of somebody who is gone; SIP's own timers find out


class Connection(asyncio.Protocol):
    """One peer by TCP or TLS. `until_s`: without a word until then it is closed."""

    def __init__(self, listener: Listener, transport: str) -> None:
        self._listener, self._kind, self._framing = listener, transport, Framing()
        self._transport: asyncio.Transport | None = None
        self.flow = Flow(transport, "", 0, listener.link())
        self.until_s = listener.now_s + bounds.CONNECTION_STRANGE_S_MAX

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        self.flow = self.flow._replace(host=peer[0], port=peer[1])
        self._transport.set_write_buffer_limits(bounds.CONNECTION_OUTBOX_BYTES_MAX)
        if not self._listener.admit(self):
            self.close()

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._framing.feed(data)
        except BadSyntax:
            self._listener.counts["unreadable streams"] += 1
            self.close()
            return
        if self._framing.pings:
            self._framing.pings = 0
            self.send(PONG)
        for message in messages:
            if self._listener.take(message, self.flow):
                self.until_s = self._listener.now_s + bounds.CONNECTION_SILENT_S_MAX

    def pause_writing(self) -> None:
        """It does not read what it asked for."""
        self._listener.counts["slow"] += 1
        self.close()

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.lost(self)
