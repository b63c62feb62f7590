"""TCP through a link: each connection is ended here and begun again behind the link, its bytes and its end in order.

Who connects is accepted at once, because the kernel does that; what follows, the opening behind the link first, takes
the line's time. A cut neither closes nor resets anything, unless the link is told to: both ends just hear no more.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol, cast

from loadtest.link.packets import Flow, Mark, Payload
from loadtest.link.pump import Pump
from loadtest.link.sockets import Address, resolved

SEGMENT_BYTES = 1_448  # of Ethernet, with the timestamps that Linux sends
READ_BYTES = 16 * 1024  # at once
SOCKET_BYTES = 32 * 1024  # the kernel's own buffer, which would hide the link's queue if it grew
CONNECTIONS_MAX = 4_096  # reset beyond
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER for no time: a reset instead of an end


class House(Protocol):
    """What an end needs of the proxy that holds it."""

    def gone(self, end: End) -> None: ...
    def dial(self, end: End) -> None: ...


class End(asyncio.BufferedProtocol):
    """One of the two sockets of a connection. What it reads goes into `out`; what the other read comes to `arrive`."""

    peer: End
    out: Flow

    def __init__(self, house: House, pump: Pump) -> None:
        self._house, self.pump = house, pump
        self.transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._early: list[Payload] = []  # came before the socket was connected
        self._over = False  # it will not write any more
        self._ended = False  # it has read the end
        self._heard_end = False
        self._waits = 0  # reasons not to read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # of uvloop, whose class is not a subclass
        if self._over:  # reset while it was being dialled
            return self.reset()
        early, self._early = self._early, []
        for payload in early:
            self.arrive(payload)
        if early:
            self.peer.go_on()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        profile = self.pump.line.profile
        step = nbytes if profile.rate_bps is None and not profile.loss else SEGMENT_BYTES
        for start in range(0, nbytes, step):
            self.pump.say(self.out, bytes(self._buffer[start : min(start + step, nbytes)]))
        self.pump.run()
        if self.pump.full(self.out):
            self.pause()
            self.pump.when_eased(self.out, self.go_on)

    def eof_received(self) -> bool:
        self._ended = True
        self._say(Mark.END)
        self._close_when_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        done = self._ended and self._heard_end
        self.transport, self._over = None, True
        if not done and not self.peer._over:
            self._say(Mark.RESET)
        self._house.gone(self)

    def pause_writing(self) -> None:
        self.peer.pause()

    def resume_writing(self) -> None:
        self.peer.go_on()

    def pause(self) -> None:
        self._waits += 1
        if self._waits == 1 and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def go_on(self) -> None:
        self._waits -= 1
        if self._waits == 0 and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def arrive(self, payload: Payload) -> None:
        if payload is Mark.OPEN:
            self._house.dial(self)
        elif self._over:
            return  # its socket is gone, and so would be the bytes in the kernel
        elif payload is Mark.RESET:
            self.reset()
        elif self.transport is None:
            if not self._early:
                self.peer.pause()
            self._early.append(payload)
        elif isinstance(payload, bytes):
            self.transport.write(payload)
        else:
            self._heard_end = True
            self.transport.write_eof()
            self._close_when_done()

    def refused(self) -> None:
        """The dial failed: the other end is told as a reset, the line's time later."""
        self._over = True
        self._say(Mark.RESET)
        self._house.gone(self)

    def reset(self) -> None:
        self._over = True
        if self.transport is None:
            self._house.gone(self)
        else:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            self.transport.abort()

    def _say(self, mark: Mark) -> None:
        self.pump.say(self.out, mark)
        self.pump.run()

    def _close_when_done(self) -> None:
        if self._ended and self._heard_end and self.transport is not None:
            self.transport.close()


class TcpProxy:
    """Listens, and connects to `to` for each who comes. `refuses`: who comes while the link is cut is reset."""

    def __init__(self, up: Pump, down: Pump, tasks: asyncio.TaskGroup, to: Address, *, refuses: bool) -> None:
        self._up, self._down, self._tasks, self._to, self._refuses = up, down, tasks, to, refuses
        self._ends: set[End] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.connections = self.refusals = 0

    async def listen(self, listen: Address) -> int:
        """The port. Raises OSError."""
        family, address = await resolved(listen, socket.SOCK_STREAM)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        listener.setblocking(False)
        try:
            listener.bind(address)
        except OSError:
            listener.close()
            raise
        port = int(listener.getsockname()[1])
        self._server = await asyncio.get_running_loop().create_server(self._accepted, sock=listener)
        return port

    @property
    def open(self) -> int:
        """Sockets."""
        return len(self._ends)

    def reset_all(self) -> None:
        for end in list(self._ends):
            end.pump.abandon(end.out)
            end.reset()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for dial in self._dials:
            dial.cancel()
        for end in list(self._ends):
            end.reset()
        while self._ends:
            await asyncio.sleep(0)  # the loop tells each that its socket is closed

    def gone(self, end: End) -> None:
        self._ends.discard(end)
        end.peer.pump.abandon(end.peer.out)  # nobody is there to hear it

    def dial(self, end: End) -> None:
        if end in self._ends:
            dial = self._tasks.create_task(self._connect(end))
            self._dials.add(dial)
            dial.add_done_callback(self._dials.discard)

    def _accepted(self) -> asyncio.BaseProtocol:
        if len(self._ends) >= 2 * CONNECTIONS_MAX or (self._refuses and (self._up.line.cut or self._down.line.cut)):
            self.refusals += 1
            return Refused()
        self.connections += 1
        near, far = End(self, self._up), End(self, self._down)
        near.peer, far.peer = far, near
        near.out, far.out = self._up.flow(far, ordered=True), self._down.flow(near, ordered=True)
        self._ends |= {near, far}
        self._up.say(near.out, Mark.OPEN)
        self._up.run()
        return near

    async def _connect(self, end: End) -> None:
        beyond: socket.socket | None = None
        try:
            family, address = await resolved(self._to, socket.SOCK_STREAM)
            beyond = socket.socket(family, socket.SOCK_STREAM)
            beyond.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
            beyond.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(beyond, address)
            await loop.create_connection(lambda: end, sock=beyond)
        except OSError:
            if beyond is not None:
                beyond.close()
            end.refused()


class Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        transport.abort()
