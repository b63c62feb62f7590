"""The bus in one process's memory: the twin of `nats.py` that tests and simulations run on.

Same promises, no network: what is stored is delivered in order to every tail. `fail` makes the next stores raise, so
that a full disk or a lost server is an input like any other, and `clock` is what a stream's times are taken from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from fusioncmd.bus.port import STREAMS, Handler, Heard, Server, Stored, StreamEdge, StreamSpec
from fusioncmd.errors import BusDown, Conflict, Problem, StorageFull

FRAME_BYTES = 30  # what NATS counts for a message beside subject and content


@dataclass
class _Stream:
    spec: StreamSpec
    kept: dict[int, Stored] = field(default_factory=dict)
    stored_ms: dict[int, int] = field(default_factory=dict)
    ends_ms: dict[int, int] = field(default_factory=dict)  # of those that end
    last_of: dict[str, int] = field(default_factory=dict)
    last: int = 0
    size_bytes: int = 0

    def add(self, subject: str, data: bytes, now_ms: int) -> Stored:
        stored = Stored(subject, data, self.last + 1, now_ms)
        while self.spec.sheds and self.kept and self.size_bytes + _size(stored) > self.spec.bytes_max:
            self.drop(next(iter(self.kept)))
        if self.size_bytes + _size(stored) > self.spec.bytes_max:
            raise StorageFull(f"The store is full: {self.spec.name}.", f"存储已满：{self.spec.name}。")
        if self.spec.per_subject_max == 1 and subject in self.last_of:
            self.drop(self.last_of[subject])
        self.last = stored.seq
        self.kept[stored.seq], self.stored_ms[stored.seq] = stored, now_ms
        self.last_of[subject] = stored.seq
        self.size_bytes += _size(stored)
        return stored

    def drop(self, seq: int) -> None:
        stored = self.kept.pop(seq)
        del self.stored_ms[seq]
        self.ends_ms.pop(seq, None)
        self.size_bytes -= _size(stored)
        if self.last_of[stored.subject] == seq:
            del self.last_of[stored.subject]

    def end(self, now_ms: int) -> None:
        """What was stored for a time that is over is gone."""
        for seq in [seq for seq, ends_ms in self.ends_ms.items() if ends_ms <= now_ms]:
            self.drop(seq)


class _MemoryTail:
    def __init__(
        self, bus: MemoryBus, stream: StreamSpec, handler: Handler, from_seq: int, filters: tuple[str, ...]
    ) -> None:
        self._bus, self.stream, self._handler = bus, stream, handler
        self._from_seq, self._filters = from_seq, filters

    def offer(self, stored: Stored) -> None:
        heard = not self._filters or any(matches(f, stored.subject) for f in self._filters)
        if heard and stored.seq >= self._from_seq:
            self._handler(stored)

    async def caught_up(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        if self in self._bus.tails:
            self._bus.tails.remove(self)


@dataclass
class _MemoryHearing:
    _all: list[tuple[str, Heard]]
    _own: tuple[str, Heard]

    async def stop(self) -> None:
        if self._own in self._all:
            self._all.remove(self._own)


class MemoryBus:
    """Implements `port.Bus`. `clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.tails: list[_MemoryTail] = []
        self.fail: list[Problem] = []  # each is raised by one `store`, in turn
        self._clock = clock
        self._streams = {spec.name: _Stream(spec) for spec in STREAMS}
        self._heard: list[tuple[str, Heard]] = []
        self._servers: dict[str, Server] = {}
        self._answering: set[asyncio.Future[bytes]] = set()

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _all(self) -> list[_Stream]:
        for stream in self._streams.values():
            stream.end(self._now_ms)
        return list(self._streams.values())

    def _held(self, spec: StreamSpec) -> _Stream:
        stream = self._streams[spec.name]
        stream.end(self._now_ms)
        return stream

    async def ensure_streams(self) -> None:
        pass

    async def store(
        self, subject: str, data: bytes, *, expect_last: int | None = None, ends_s: int | None = None
    ) -> int:
        await asyncio.sleep(0)
        if self.fail:
            raise self.fail.pop(0)
        stream = next(s for s in self._all() if any(matches(f, subject) for f in s.spec.subjects))
        if expect_last is not None and stream.last_of.get(subject, 0) != expect_last:
            raise Conflict(f"{subject} was written by somebody else.", f"{subject} 已被他人写入。")
        stored = stream.add(subject, data, self._now_ms)
        if ends_s is not None:
            assert stream.spec.lets_end, stream.spec.name
            stream.ends_ms[stored.seq] = self._now_ms + ends_s * 1000
        for tail in list(self.tails):
            if tail.stream.name == stream.spec.name:
                tail.offer(stored)
        return stored.seq

    async def edge(self, stream: StreamSpec) -> StreamEdge:
        held = self._held(stream)
        return StreamEdge(min(held.kept, default=held.last + 1), held.last, held.size_bytes)

    async def last(self, subject: str) -> Stored | None:
        for stream in self._all():
            if subject in stream.last_of:
                return stream.kept[stream.last_of[subject]]
        return None

    async def read(self, stream: StreamSpec, from_seq: int = 1) -> AsyncIterator[Stored]:
        for stored in list(self._held(stream).kept.values()):
            if stored.seq >= from_seq:
                yield stored

    async def bound(self, stream: StreamSpec, bytes_max: int) -> None:
        assert stream.sheds, stream.name
        held = self._held(stream)
        held.spec = replace(held.spec, bytes_max=bytes_max)
        while held.size_bytes > bytes_max:
            held.drop(next(iter(held.kept)))

    async def forget(self, stream: StreamSpec, below_seq: int) -> None:
        held = self._held(stream)
        for seq in [seq for seq in held.kept if seq < below_seq]:
            held.drop(seq)

    async def tail(
        self,
        stream: StreamSpec,
        handler: Handler,
        *,
        from_seq: int | None = None,
        from_ms: int | None = None,
        filters: tuple[str, ...] = (),
    ) -> _MemoryTail:
        tail = _MemoryTail(self, stream, handler, from_seq or 1, filters)
        held = self._held(stream)
        for stored in list(held.kept.values()):
            if held.stored_ms[stored.seq] >= (from_ms or 0):
                tail.offer(stored)
        self.tails.append(tail)
        return tail

    async def say(self, subject: str, data: bytes) -> None:
        for pattern, heard in list(self._heard):
            if matches(pattern, subject):
                heard(subject, data)

    async def hear(self, subject: str, heard: Heard) -> _MemoryHearing:
        self._heard.append((subject, heard))
        return _MemoryHearing(self._heard, (subject, heard))

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        server = self._servers.get(subject)
        if server is None:
            raise BusDown("No tier node answers.", "没有层级节点应答。")
        answering = asyncio.ensure_future(server(data))  # goes on, as it does elsewhere, when nobody waits any more
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(answering), timeout_s)
        except TimeoutError:
            raise BusDown("The bus does not answer.", "总线没有应答。") from None

    async def serve(self, subject: str, server: Server) -> None:
        self._servers[subject] = server

    async def close(self) -> None:
        self.tails.clear()


def matches(pattern: str, subject: str) -> bool:
    """NATS subject matching: `*` is one token, `>` is one or more at the end."""
    wanted, given = pattern.split("."), subject.split(".")
    for i, token in enumerate(wanted):
        if token == ">":
            return len(given) > i
        if i >= len(given) or token not in ("*", given[i]):
            return False
    return len(wanted) == len(given)


def _size(stored: Stored) -> int:
    return len(stored.subject) + len(stored.data) + FRAME_BYTES
