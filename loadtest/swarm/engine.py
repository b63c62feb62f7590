"""The swarm's sockets: connects, reads, writes and connects again, all terminals of one process in one epoll.

A terminal that is closed does what the protocol tells it to: retry with jitter, wait, or stop. Those with a bad link
(`links.py`) stop reading, or drop the connection by themselves.
"""

from __future__ import annotations

import heapq
import os
import select
import socket
import struct
import time
from array import array
from random import Random

from fusioncmd import many, terminal
from fusioncmd.errors import BadMessage
from loadtest.swarm import wire
from loadtest.swarm.crew import Crew
from loadtest.swarm.dialling import dial, source_of
from loadtest.swarm.ears import Ears, Event
from loadtest.swarm.links import CLOSE, RST, SLOW_RECEIVE_BYTES, Links

DIALLING_MAX = 512  # connections that are not welcomed yet, per process
READ = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
RETRY_S_MIN, RETRY_S_MAX = 0.1, 3.0
UPGRADING, GREETING, OPEN, DEAF = 1, 2, 3, 4
GOING_AWAY = wire.masked((1001).to_bytes(2, "big"), b"\x11\x22\x33\x44", wire.CLOSE)
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER


class Engine:
    def __init__(
        self, crew: Crew, links: Links, address: tuple[str, int], source: str, descriptors: int, seed: int
    ) -> None:
        self._crew, self._links, self._address, self._source = crew, links, address, source
        self._rng = Random(f"{seed}/{source}/dial")
        self._nonce = self._rng.randbytes(16)
        self._request = wire.upgrade_request(f"{address[0]}:{address[1]}", terminal.PATH, self._nonce)
        self._accepted = b"Sec-WebSocket-Accept: " + wire.proof(self._nonce)
        self.epoll = select.epoll()
        self._of_fd = array("i", [-1]) * descriptors  # descriptor → terminal
        self._fd = array("i", [-1]) * len(crew.numbers)  # terminal → descriptor
        self._phase = bytearray(len(crew.numbers))
        self._tries = bytearray(len(crew.numbers))
        self._rest: dict[int, bytes] = {}  # descriptor → the beginning of a frame
        self._unsent: dict[int, bytes] = {}
        self._ears = Ears(self._of_fd, self._phase, OPEN, self._rest, self._send_each)
        self._writes = many.writes()
        self._dial = [(0.0, i) for i in range(len(crew.numbers))]
        self._dialling = 0
        self.stopped = 0

    def wait_s(self, now_s: float) -> float:
        """How long there is nothing to do but to listen."""
        next_s = min(self._crew.next_due_s(), self._links.next_s)
        if self._dial and self._dialling < DIALLING_MAX:
            next_s = min(next_s, self._dial[0][0])
        return min(max(next_s - now_s, 0.0), 0.5)

    def step(self, now_s: float) -> None:
        """What time asks for: connections to begin, and what people touch now."""
        while self._dial and self._dial[0][0] <= now_s and self._dialling < DIALLING_MAX:
            self._connect(heapq.heappop(self._dial)[1])
        for i, frame in self._crew.due(now_s):
            self._send(self._fd[i], frame)
        if silent := self._crew.silent(now_s):
            self._send_each([self._fd[i] for i in silent], self._crew.alive)
        if self._links.next_s <= now_s:
            self._links.step(self, now_s)

    def is_open(self, i: int) -> bool:
        return self._phase[i] == OPEN

    def deafen(self, i: int) -> None:
        """Out of the epoll altogether: that one does not hear of the end of its connection either."""
        self.epoll.unregister(self._fd[i])
        self._phase[i] = DEAF
        self._crew.deaf(i)

    def hear(self, i: int) -> None:
        fd, self._phase[i] = self._fd[i], OPEN
        self.epoll.register(fd, READ | (select.EPOLLOUT if fd in self._unsent else 0))
        self._send(fd, self._crew.hears(i))

    def hang_up(self, i: int, ending: str, away_s: float) -> None:
        fd = self._fd[i]
        if ending == CLOSE:
            self._send(fd, GOING_AWAY)
        elif ending == RST:
            connection = socket.socket(fileno=fd)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            connection.detach()
        self._forget(i, fd, ending)
        heapq.heappush(self._dial, (time.monotonic() + away_s, i))

    def handle(self, events: list[Event]) -> list[int]:
        """What has happened at the sockets; gives the descriptors that are none of them."""
        said, others = self._ears.hear(events)
        for fd, data in said:
            self._take(self._of_fd[fd], fd, data)
        return [fd for fd, event in others if not self._happened(fd, event)]

    def _happened(self, fd: int, event: int) -> bool:
        """False when no terminal has that descriptor."""
        i = self._of_fd[fd]
        if i < 0:
            return False
        if event & select.EPOLLOUT and not self._flush(fd):
            return True
        if event & ~select.EPOLLOUT:
            while self._read(i, fd) and event & select.EPOLLRDHUP:
                pass
        return True

    def _connect(self, i: int) -> None:
        receive_bytes = SLOW_RECEIVE_BYTES if i in self._links.slow else 0
        fd = dial(self._address, source_of(self._source, i), receive_bytes)
        self._of_fd[fd], self._fd[i], self._phase[i] = i, fd, UPGRADING
        self._dialling += 1
        self._unsent[fd] = self._request
        self.epoll.register(fd, READ | select.EPOLLOUT)

    def _read(self, i: int, fd: int) -> bool:
        """Handle what came; True while the connection lives and there was something.

        The epoll tells each arrival once. So a read takes all there is, and is asked again at the end of a stream.
        """
        data = self._ears.read(fd)
        if not isinstance(data, OSError):
            return self._take(i, fd, data)
        if not isinstance(data, BlockingIOError):
            self._end(i, fd, 0, data.strerror or "error")
        return False

    def _take(self, i: int, fd: int, data: bytes) -> bool:
        if not data:
            self._end(i, fd, 0, "end of stream")
            return False
        data = self._rest.pop(fd, b"") + data
        if self._phase[i] == UPGRADING:
            self._upgraded(i, fd, data)
        else:
            self._frames(i, fd, data)
        return self._of_fd[fd] == i

    def _upgraded(self, i: int, fd: int, data: bytes) -> None:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            self._rest[fd] = data
        elif head.startswith(b"HTTP/1.1 101 ") and self._accepted in head:
            self._phase[i] = GREETING
            self._send(fd, self._crew.hello(i))
            if rest:
                self._frames(i, fd, rest)
        else:
            self._end(i, fd, 0, head.split(b"\r\n")[0].decode("latin-1"))

    def _frames(self, i: int, fd: int, data: bytes) -> None:
        now_s = time.monotonic()
        try:
            found, rest = wire.frames(data)
            if len(found) == 1 and not rest and (alike := self._crew.known(found[0][1])) is not None:
                self._ears.learn(data, alike)
            if rest:
                self._rest[fd] = rest
            reply = b""
            for opcode, payload in found:
                if opcode == wire.BINARY:
                    reply += self._crew.said(i, payload, now_s)
                elif opcode == wire.PING:
                    reply += wire.masked(payload, b"\x11\x22\x33\x44", wire.PONG)
                elif opcode == wire.CLOSE:
                    code = int.from_bytes(payload[:2], "big")
                    self._end(i, fd, code, str(code))
                    return
        except (wire.NotWebSocket, BadMessage) as error:
            self._crew.record.unasked[str(error)] += 1
            self._end(i, fd, 0, "not this protocol")
            return
        if self._phase[i] == GREETING and self._crew.welcomed[i]:
            self._phase[i] = OPEN
            self._tries[i] = 0
            self._dialling -= 1
            self._send(fd, reply)
            self._links.connected(self, i, now_s)
            return
        self._send(fd, reply)

    def _send(self, fd: int, data: bytes) -> None:
        if data:
            self._send_each([fd], data)

    def _send_each(self, fds: list[int], data: bytes) -> None:
        free = [fd for fd in fds if fd not in self._unsent] if self._unsent else fds
        if len(free) < len(fds):
            for fd in fds:
                if fd in self._unsent:
                    self._unsent[fd] += data
        taken = self._writes.same(free, data)
        if taken.count(len(data)) < len(free):
            for fd, count in zip(free, taken, strict=True):
                self._fell_short(fd, data, count)

    def _fell_short(self, fd: int, data: bytes, taken: int) -> None:
        """The kernel took that much of it, or failed: the read that follows tells why."""
        if taken < len(data) and many.is_short(taken):
            self._unsent[fd] = data[max(taken, 0) :]
            self.epoll.modify(fd, READ | select.EPOLLOUT)

    def _flush(self, fd: int) -> bool:
        """Write what waits; False when the connection is over."""
        waiting = self._unsent.pop(fd, b"")
        self.epoll.modify(fd, READ)
        try:
            written = os.write(fd, waiting)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._end(self._of_fd[fd], fd, 0, error.strerror or "error")
            return False
        if written < len(waiting):
            self._unsent[fd] = waiting[written:]
            self.epoll.modify(fd, READ | select.EPOLLOUT)
        return True

    def _forget(self, i: int, fd: int, why: str) -> None:
        self.epoll.unregister(fd)
        os.close(fd)
        self._rest.pop(fd, None)
        self._unsent.pop(fd, None)
        self._dialling -= self._phase[i] in (UPGRADING, GREETING)
        self._of_fd[fd], self._fd[i], self._phase[i] = -1, -1, 0
        self._crew.lost(i, why)

    def _end(self, i: int, fd: int, code: int, why: str) -> None:
        self._forget(i, fd, why)
        advice = terminal.advice(code)
        if advice == "stop":
            self.stopped += 1
            return
        self._tries[i] = min(self._tries[i] + 1, 6)
        ceiling_s = RETRY_S_MAX if advice == "wait" else min(RETRY_S_MIN * 2 ** self._tries[i], RETRY_S_MAX)
        heapq.heappush(self._dial, (time.monotonic() + self._rng.uniform(RETRY_S_MIN, ceiling_s), i))
