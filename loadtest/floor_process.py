"""`python -m loadtest.floor_process`: one end of the floor, bare sockets that send and read and do nothing else.

The least that any server in Python could do for a call-down: no WebSocket, no ticket, no bitmap, no disk. A server
sends so many bytes to each connection in the same windows as the gateway; a client answers 40 bytes to whatever it
reads. Each read and each send is a system call; with --many, many are one (`fusioncmd/many.py`), as at the gateway.
Commands come as words on standard input, answers go out as lines of JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import select
import socket
import sys
import time

from fusioncmd import limits, many
from fusioncmd.descriptors import raise_descriptors
from loadtest.swarm.dialling import IP_BIND_ADDRESS_NO_PORT, source_of

ANSWER = bytes(40)
READ_BYTES = 4096
EVENTS_PER_TURN = 512
DIALLING_MAX = 128
BACKLOG = 4096


class Server:
    def __init__(self, port: int, size: int, epoll: select.epoll) -> None:
        self._order, self._epoll = bytes(size), epoll
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(BACKLOG)
        self.listener.setblocking(False)
        epoll.register(self.listener.fileno(), select.EPOLLIN)
        self._fds: set[int] = set()
        self._left: list[int] = []
        self._unanswered = self._answered = 0
        self._last_s = 0.0

    def events(self, fds: list[int]) -> None:
        for fd in fds:
            if fd == self.listener.fileno():
                self._accept()
            elif os.read(fd, READ_BYTES):
                self._answered += 1
                self._unanswered -= 1
                self._last_s = time.monotonic()
            else:
                self._gone(fd)

    def _gone(self, fd: int) -> None:
        """The other end is."""
        self._epoll.unregister(fd)
        os.close(fd)
        self._fds.discard(fd)

    def step(self) -> None:
        if self._unanswered > 0 and time.monotonic() - self._last_s > limits.FANOUT_ESCAPE_MS / 1000:
            self._unanswered = 0
        room = min(limits.FANOUT_BURST, limits.FANOUT_UNANSWERED_MAX - self._unanswered)
        if self._left and room > 0:
            to = self._left[-room:]
            del self._left[-room:]
            self._send(to)
            self._unanswered += len(to)

    def _send(self, fds: list[int]) -> None:
        for fd in fds:
            os.write(fd, self._order)

    @property
    def waiting(self) -> bool:
        return bool(self._left) and self._unanswered < limits.FANOUT_UNANSWERED_MAX

    def obey(self, word: str) -> dict[str, float]:
        if word == "go":
            self._left, self._answered, self._last_s = list(self._fds), 0, time.monotonic()
        return {"connected": len(self._fds), "answered": self._answered, "last_s": self._last_s, "cpu_s": cpu_s()}

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                fd = connection.detach()
                self._fds.add(fd)
                self._epoll.register(fd, select.EPOLLIN)
        except BlockingIOError:
            return


class Client:
    def __init__(self, port: int, source: str, connections: int, epoll: select.epoll) -> None:
        self._address, self._source, self._epoll = ("127.0.0.1", port), source, epoll
        self._to_dial = connections

    def events(self, fds: list[int]) -> None:
        for fd in fds:
            if os.read(fd, READ_BYTES):
                os.write(fd, ANSWER)

    def step(self) -> None:
        for _ in range(min(self._to_dial, DIALLING_MAX)):
            connection = socket.socket()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((source_of(self._source, self._to_dial), 0))
            connection.connect(self._address)
            connection.setblocking(False)
            self._epoll.register(connection.detach(), select.EPOLLIN)
            self._to_dial -= 1

    @property
    def waiting(self) -> bool:
        return bool(self._to_dial)

    def obey(self, word: str) -> dict[str, float]:
        return {"to_dial": self._to_dial, "cpu_s": cpu_s()}


class ManyServer(Server):
    def __init__(self, port: int, size: int, epoll: select.epoll) -> None:
        super().__init__(port, size, epoll)
        self._reads, self._writes = many.reads(READ_BYTES), many.writes()

    def events(self, fds: list[int]) -> None:
        if self.listener.fileno() in fds:
            self._accept()
            fds = [fd for fd in fds if fd != self.listener.fileno()]
        heard = self._reads.each(fds)
        if answered := sum(map(bool, heard)):
            self._answered += answered
            self._unanswered -= answered
            self._last_s = time.monotonic()
        if b"" in heard:
            for fd, data in zip(fds, heard, strict=True):
                if data == b"":
                    self._gone(fd)

    def _send(self, fds: list[int]) -> None:
        self._writes.same(fds, self._order)


class ManyClient(Client):
    def __init__(self, port: int, source: str, connections: int, epoll: select.epoll) -> None:
        super().__init__(port, source, connections, epoll)
        self._reads, self._writes = many.reads(READ_BYTES), many.writes()

    def events(self, fds: list[int]) -> None:
        heard = self._reads.each(fds)
        self._writes.same([fd for fd, data in zip(fds, heard, strict=True) if data], ANSWER)


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(end: Server | Client, epoll: select.epoll) -> None:
    """Until standard input ends."""
    commands = sys.stdin.fileno()
    epoll.register(commands, select.EPOLLIN)
    while True:
        fds = [fd for fd, _ in epoll.poll(0.0 if end.waiting else 0.1, EVENTS_PER_TURN)]
        if commands in fds:
            fds.remove(commands)
            words = os.read(commands, 4096).decode().split()
            if not words:
                return
            for word in words:
                print(json.dumps(end.obey(word)), flush=True)
        end.events(fds)
        end.step()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.floor_process", description=__doc__)
    parser.add_argument("role", choices=("server", "client"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bytes", type=int, default=0, help="of an order: what a server sends")
    parser.add_argument("--connections", type=int, default=0)
    parser.add_argument("--source", default="127.0.0.1")
    parser.add_argument("--many", action="store_true", help="many reads, or sends, in one system call")
    given = parser.parse_args()
    gc.disable()
    raise_descriptors()
    epoll = select.epoll()
    if given.role == "server":
        server = ManyServer if given.many else Server
        run(server(given.port, given.bytes, epoll), epoll)
    else:
        client = ManyClient if given.many else Client
        run(client(given.port, given.source, given.connections, epoll), epoll)


if __name__ == "__main__":
    main()
