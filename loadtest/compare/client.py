"""`python -m loadtest.compare.client`: one process of the lean swarm, the same for every server compared.

One epoll; what is known of a terminal stands in arrays. Each terminal connects once, hears the order and answers; a
connection that ends is counted and not made anew. Commands come as words on standard input, answers go out as lines
of JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import sys
import time
from array import array
from collections import Counter
from pathlib import Path

import msgpack

from fusioncmd import limits
from fusioncmd.descriptors import raise_descriptors
from loadtest.compare.dialect_mqtt import Mqtt
from loadtest.compare.dialect_terminal import Terminal
from loadtest.compare.dialects import LIVE, Broken, Dialect, Floor, Nats, NatsWebSocket, WebSocket
from loadtest.floor_process import cpu_s
from loadtest.swarm.dialling import dial, source_of

READ_BYTES = 16 * 1024
EVENTS_PER_TURN = 512
DIALLING_MAX = 32  # connections that are not live yet, per process: below the listen backlog of every server


class Engine:
    def __init__(self, dialect: Dialect, port: int, source: str, terminals: int, descriptors: int) -> None:
        self._dialect, self._address, self._source = dialect, ("127.0.0.1", port), source
        self.epoll = select.epoll()
        self._terminals, self._dialled, self._dialling = terminals, 0, 0
        self._of_fd = array("i", [-1]) * descriptors  # descriptor → terminal
        self._phase = bytearray(terminals)
        self._rest: dict[int, bytes] = {}  # descriptor → the beginning of a message
        self._unsent: dict[int, bytes] = {}
        self._live = 0
        self._ends: Counter[str] = Counter()
        self._begin()

    @property
    def waiting(self) -> bool:
        return self._dialled < self._terminals and self._dialling < DIALLING_MAX

    def obey(self, word: str) -> dict[str, object]:
        """`go` begins a round; every word is answered with how things stand."""
        if word == "go":
            self._begin()
        return {
            "terminals": self._terminals, "live": self._live, "ends": self._ends, "delivered": self._delivered,
            "confirmed": self._confirmed, "again": self._again, "last_delivered_s": self._last_delivered_s,
            "last_confirmed_s": self._last_confirmed_s, "cpu_s": cpu_s(),
        }  # fmt: skip

    def step(self) -> None:
        while self.waiting:
            self._connect(self._dialled)
            self._dialled += 1

    def event(self, fd: int, event: int) -> None:
        i = self._of_fd[fd]
        if i < 0:
            return
        if event & select.EPOLLOUT:
            self._flush(i, fd)
        if event & ~select.EPOLLOUT and self._of_fd[fd] == i:
            self._read(i, fd)

    def _begin(self) -> None:
        self._has, self._counted = bytearray(self._terminals), bytearray(self._terminals)
        self._delivered = self._confirmed = self._again = 0
        self._last_delivered_s = self._last_confirmed_s = 0.0

    def _connect(self, i: int) -> None:
        fd = dial(self._address, source_of(self._source, i))
        self._of_fd[fd], self._phase[i] = i, self._dialect.first_phase
        self._dialling += 1
        self._unsent[fd] = self._dialect.opening(i)
        self.epoll.register(fd, select.EPOLLIN | select.EPOLLOUT)

    def _read(self, i: int, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(i, fd, error.strerror or "error")
            return
        if not data:
            self._end(i, fd, "end of stream")
            return
        if fd in self._rest:
            data = self._rest.pop(fd) + data
        before = self._phase[i]
        try:
            phase, reply, rest, orders, confirmed = self._dialect.hears(i, before, data)
        except Broken as error:
            self._end(i, fd, str(error))
            return
        if rest:
            self._rest[fd] = rest
        if phase != before:
            self._phase[i] = phase
            if phase == LIVE:
                self._is_live()
        if orders or confirmed:
            self._note(i, orders, confirmed)
        if reply:
            self._send(fd, reply)

    def _note(self, i: int, orders: int, confirmed: int) -> None:
        now_s = time.monotonic()
        if orders:
            if self._has[i] or orders > 1:
                self._again += 1
            if not self._has[i]:
                self._has[i] = 1
                self._delivered += 1
                self._last_delivered_s = now_s
        if confirmed and not self._counted[i]:
            self._counted[i] = 1
            self._confirmed += 1
            self._last_confirmed_s = now_s

    def _is_live(self) -> None:
        self._live += 1
        self._dialling -= 1

    def _send(self, fd: int, data: bytes) -> None:
        if fd in self._unsent:
            self._unsent[fd] += data
            return
        try:
            written = os.write(fd, data)
        except BlockingIOError:
            written = 0
        except OSError:  # the read that follows tells why
            return
        if written < len(data):
            self._unsent[fd] = data[written:]
            self.epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, i: int, fd: int) -> None:
        """Write what waits: once connected, that is the opening."""
        self.epoll.modify(fd, select.EPOLLIN)
        waiting = self._unsent.pop(fd, b"")
        if waiting:
            self._send(fd, waiting)
        elif self._dialect.first_phase == LIVE:  # nothing to say first: connected is live
            self._is_live()

    def _end(self, i: int, fd: int, why: str) -> None:
        self.epoll.unregister(fd)
        os.close(fd)
        self._rest.pop(fd, None)
        waited = self._unsent.pop(fd, None)
        self._of_fd[fd] = -1
        if self._phase[i] == LIVE and waited != b"":
            self._live -= 1
        else:
            self._dialling -= 1
        self._ends[why] += 1


def dialect_of(given: argparse.Namespace) -> Dialect:
    host = f"127.0.0.1:{given.port}"
    match given.dialect:
        case "floor":
            return Floor(given.first, given.terminals)
        case "nats-tcp":
            return Nats(given.first, given.terminals)
        case "nats-ws":
            return NatsWebSocket(given.first, given.terminals, host, given.path)
        case "mqtt":
            return Mqtt(given.first, given.terminals)
        case "terminal":
            tickets = msgpack.unpackb(given.tickets.read_bytes())
            return Terminal(tickets[given.first : given.first + given.terminals], host)
        case _:
            return WebSocket(given.first, given.terminals, host, given.path)


def run(engine: Engine) -> None:
    """Until standard input ends."""
    commands = sys.stdin.fileno()
    engine.epoll.register(commands, select.EPOLLIN)
    while True:
        engine.step()
        for fd, event in engine.epoll.poll(None, EVENTS_PER_TURN):
            if fd != commands:
                engine.event(fd, event)
                continue
            words = os.read(commands, 4096).decode().split()
            if not words:
                return
            for word in words:
                print(json.dumps(engine.obey(word)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.compare.client", description=__doc__)
    parser.add_argument("--dialect", choices=("floor", "terminal", "nats-tcp", "nats-ws", "mqtt", "ws"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/")
    parser.add_argument("--first", type=int, default=0, help="the number of the first terminal")
    parser.add_argument("--terminals", type=int, required=True)
    parser.add_argument("--source", default="127.0.0.1", help="the address to connect from")
    parser.add_argument("--tickets", type=Path, help="a MessagePack list of tickets, by terminal number")
    given = parser.parse_args()
    engine = Engine(dialect_of(given), given.port, given.source, given.terminals, raise_descriptors())
    os.nice(limits.GATEWAY_NICE)  # as our gateways are, in every row: they must not wait for their own terminals
    gc.freeze()
    gc.disable()  # nothing here is cyclic
    run(engine)


if __name__ == "__main__":
    main()
